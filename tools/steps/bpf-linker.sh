# shellcheck shell=bash
# bpf-linker makes one BPF object of what rustc emits. It is built against the compiler's own LLVM, so that both speak the
# same bitcode and no LLVM need be installed; it finds that library again by the path built into it.

rust=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
llvm=$TOOLS/llvm-$rust
if [ "$("$TOOLS/bin/bpf-linker" --version 2>/dev/null)" != "bpf-linker $BPF_LINKER" ] || [ ! -d "$llvm" ]; then
  library=$(echo "$(rustc "+$rust" --print sysroot)"/lib/libLLVM.so.*)
  [ -e "$library" ] || die "the compiler has no libLLVM beside it: $library" \
    "use the toolchain rustup installs, not a distribution's"
  major=${library##*/libLLVM.so.}
  major=${major%%.*}
  say "bpf-linker $BPF_LINKER: links the programs in the kernel (about a minute)"
  mkdir -p "$llvm/lib"
  ln -sfn "$library" "$llvm/lib/${library##*/}"
  ln -sfn "$library" "$llvm/lib/libLLVM.so"
  quietly "build bpf-linker $BPF_LINKER" env LLVM_PREFIX="$llvm" cargo "+$rust" install bpf-linker --locked --force \
    --version "$BPF_LINKER" --no-default-features --features "llvm-$major" --root "$TOOLS"
fi
