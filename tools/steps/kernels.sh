# shellcheck shell=bash
# Kernels the programs are loaded into: kernels/SERIES/{vmlinuz,package}, and modules/ with those that translate addresses.

# In the order they need one another. Not every kernel has all as modules.
MODULES='nfnetlink libcrc32c nf_defrag_ipv4 nf_defrag_ipv6 nf_conntrack nf_nat nf_tables nft_chain_nat nft_nat nft_redir'

wanted=() suites=()
while read -r series suite names versions; do
  if [ -z "$series" ] || [ -e "$TOOLS/kernels/$series/modules" ]; then continue; fi
  say "kernel $series: the programs must load and count right in it"
  wanted+=("$series $suite $names $versions")
  suites+=("$suite")
done <<<"$KERNELS"

if [ ${#wanted[@]} -gt 0 ]; then
  on_debian || die "the tests need kernel images: $(printf '%s ' "${wanted[@]%% *}")" \
    "put each at $TOOLS/kernels/SERIES/vmlinuz: a kernel with BTF and a serial console, as Debian's cloud kernels have" \
    "and these of its modules, if it has them, at $TOOLS/kernels/SERIES/modules, so named that they sort as here: $MODULES"
  use_suites "${suites[@]}"
  for line in "${wanted[@]}"; do
    read -r series suite names versions <<<"$line"
    package=$(newest "$suite" "$names" "$versions")
    [ -n "$package" ] || die "$suite has no kernel package like $names"
    work=$TOOLS/kernels/$series.new
    rm -rf "$work"
    unpack "$package" "$work"
    image=$(find "$work" -name 'vmlinuz*' -type f -print -quit)
    [ -n "$image" ] || die "$package has no kernel image in it"
    # From 7.x on they are a package of their own.
    case $package in linux-binary-*) unpack "${package/linux-binary-/linux-modules-}" "$work" ;; esac
    mkdir -p "$TOOLS/kernels/$series" "$work/modules"
    echo "$package" >"$TOOLS/kernels/$series/package"
    mv "$image" "$TOOLS/kernels/$series/vmlinuz"
    place=10
    for module in $MODULES; do
      module=$(find "$work" -path '*/kernel/*' -name "$module.ko*" -print -quit)
      [ -n "$module" ] || continue
      name=$work/modules/$place-$(basename "$module" .xz)
      case $module in
        *.xz) xz -dc "$module" >"$name" ;;
        *) cp "$module" "$name" ;;
      esac
      place=$((place + 1))
    done
    mv "$work/modules" "$TOOLS/kernels/$series/modules"
    rm -rf "$work"
  done
fi
