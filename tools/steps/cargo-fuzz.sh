# shellcheck shell=bash
cargo_tool cargo-fuzz "$CARGO_FUZZ" 'drives the fuzz targets (half a minute)'
