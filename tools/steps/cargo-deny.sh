# shellcheck shell=bash
cargo_tool cargo-deny "$CARGO_DENY" 'checks what the dependencies are and under which licence (some minutes)' --no-default-features
