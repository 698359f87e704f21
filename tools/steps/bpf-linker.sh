# shellcheck shell=bash
# bpf-linker makes one BPF object of what rustc emits. It is built against the compiler's own LLVM, so that both speak the
# same bitcode and no LLVM need be installed; it finds that library again by the path built into it.

llvm=$TOOLS/llvm-$(rust_version)
if [ ! -e "$llvm/lib/libLLVM.so" ]; then
  # Another compiler's linker, if there is one, is of no use with this one.
  rm -f "$TOOLS/bin/bpf-linker"
  library=$(echo "$(rustc "+$(rust_version)" --print sysroot)"/lib/libLLVM.so.*)
  [ -e "$library" ] || die "the compiler has no libLLVM beside it: $library" \
    "use the toolchain rustup installs, not a distribution's"
  mkdir -p "$llvm/lib"
  rm -f "$llvm"/lib/*
  ln -sfn "$library" "$llvm/lib/${library##*/}"
  ln -sfn "$library" "$llvm/lib/libLLVM.so"
fi
major=$(basename "$llvm"/lib/libLLVM.so.* | cut -d. -f3)
export LLVM_PREFIX=$llvm
cargo_tool bpf-linker "$BPF_LINKER" 'links the programs in the kernel (a minute)' \
  --no-default-features --features "llvm-$major"
