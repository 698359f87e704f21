# shellcheck shell=bash
# Programs from crates.io, built by the pinned compiler into $TOOLS/bin.

rust_version() { sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml; }

# cargo_tool NAME VERSION WHY [CARGO-INSTALL-ARGS...]: builds it unless that version is there and runs.
cargo_tool() {
  local name=$1 version=$2 why=$3
  shift 3
  if [ "$("$TOOLS/bin/$name" --version 2>/dev/null)" = "$name $version" ]; then return; fi
  say "$name $version: $why"
  # Unoptimized: each runs for seconds, and takes minutes to optimize.
  CARGO_PROFILE_DEV_DEBUG=0 quietly "build $name $version" cargo "+$(rust_version)" install "$name" --locked --force --debug --version "$version" \
    --root "$TOOLS" "$@"
}
