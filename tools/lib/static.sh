# shellcheck shell=bash
# Static programs, the same wherever they are built: no path of this machine is in them.

# build_static PACKAGE PROFILE [CARGO-ARGS...]: says in STATIC where the program is.
build_static() {
  local package=$1 profile=$2 host target=target/static flags
  shift 2
  # Named, though it is this machine: without it the flags would be for the compiler's own plug-ins too, which cannot be static.
  host=$(rustc -vV | sed -n 's/^host: //p')
  flags="-C target-feature=+crt-static --remap-path-prefix=$PWD=/plimsoll --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  RUSTFLAGS=$flags cargo build --locked --package "$package" --profile "$profile" --target "$host" --target-dir "$target" "$@"
  # shellcheck disable=SC2034  # read by who calls
  STATIC=$target/$host/$profile/$package
}
