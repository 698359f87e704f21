# shellcheck shell=bash
# Static programs, with no path of this machine in them.

# build_static PACKAGE PROFILE [CARGO-ARGS...]: says in STATIC where the program is.
build_static() {
  local package=$1 profile=$2 host place target=target/static flags='-C target-feature=+crt-static'
  shift 2
  # Named, though it is this machine: without it the flags would be for the compiler's own plug-ins too, which cannot be static.
  host=$(rustc -vV | sed -n 's/^host: //p')
  for place in "$PWD=/plimsoll" "${CARGO_HOME:-$HOME/.cargo}=/cargo" "$(rustc --print sysroot)=/rust"; do
    flags+=" --remap-path-prefix=$place"
  done
  RUSTFLAGS=$flags cargo build --locked --package "$package" --profile "$profile" --target "$host" --target-dir "$target" "$@"
  # shellcheck disable=SC2034  # read by who calls
  STATIC=$target/$host/$profile/$package
}
