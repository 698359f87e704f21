# shellcheck shell=bash
# The pinned compiler with its formatter, its linter and the source of `core`, which the programs in the kernel are
# built from. Asked for by name: rustup may be told not to install by itself.

missing=()
for command in rustup cargo make git; do
  command -v $command >/dev/null || missing+=("$command")
done
command -v cc >/dev/null || missing+=("gcc (for its linker, cc)")
[ ${#missing[@]} = 0 ] || die "not on this machine: $(printf '%s, ' "${missing[@]}" | sed 's/, $//')" \
  "Debian: apt-get install gcc make git; rustup: Debian 13's package, or the Rust project's installer"

# gcc alone compiles but cannot link: on a lean Debian the C library's own objects are a package apart.
if ! echo 'int main(void) { return 0; }' | cc -x c - -o "$TOOLS/links" 2>"$TOOLS/setup.log"; then
  if ! on_debian || ! can_be_root; then
    die "cc cannot link a program: $(tail -n 1 "$TOOLS/setup.log")" \
      "install the C library's development files (Debian: as root, apt-get install libc6-dev)"
  fi
  say "libc6-dev: without it gcc cannot link"
  quietly "read the package lists" as_root apt-get update
  install_packages libc6-dev
fi

rust=$(rust_version)
if ! rustup toolchain list | grep -q "^$rust-"; then
  say "rust $rust: the compiler this source is pinned to"
  quietly "install rust $rust" rustup toolchain install "$rust" --profile minimal
fi
sysroot=$(rustc "+$rust" --print sysroot)

for tool in rustfmt:cargo-fmt clippy:cargo-clippy; do
  if [ ! -x "$sysroot/bin/${tool#*:}" ]; then
    say "${tool%:*}: keeps the source in one form"
    quietly "add ${tool%:*}" rustup component add --toolchain "$rust" "${tool%:*}"
  fi
done

core=$sysroot/lib/rustlib/src/rust/library
if [ ! -e "$core/core/Cargo.toml" ]; then
  say "rust-src: core is built from it for the programs in the kernel"
  if ! rustup component add --toolchain "$rust" rust-src >"$TOOLS/setup.log" 2>&1; then
    on_debian || die "rustup could not add rust-src" "its word is in $TOOLS/setup.log; put the library directory of" \
      "Rust $rust's source at $core"
    say "rust-src from Debian's backports instead: rustup could not download it"
    use_suites trixie-backports
    package=$(newest trixie-backports rust-src "${rust//./\\.}[+].*")
    [ -n "$package" ] || die "Debian's backports have no rust-src $rust either" "put the library directory at $core"
    unpack "$package" "$TOOLS/rust-src"
    mkdir -p "$(dirname "$core")"
    ln -sfn "$TOOLS/rust-src/usr/src/rustc-$rust/library" "$core"
  fi
fi
