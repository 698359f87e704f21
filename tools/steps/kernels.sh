# shellcheck shell=bash
# Kernels the programs are loaded into: the image alone, unpacked to kernels/SERIES/{vmlinuz,package}.

wanted=() suites=()
while read -r series suite names versions; do
  if [ -z "$series" ] || [ -e "$TOOLS/kernels/$series/vmlinuz" ]; then continue; fi
  say "kernel $series: the programs must load and count right in it"
  wanted+=("$series $suite $names $versions")
  suites+=("$suite")
done <<<"$KERNELS"

if [ ${#wanted[@]} -gt 0 ]; then
  on_debian || die "the tests need kernel images: $(printf '%s ' "${wanted[@]%% *}")" \
    "put each at $TOOLS/kernels/SERIES/vmlinuz: a kernel with BTF and a serial console, as Debian's cloud kernels have"
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
    mkdir -p "$TOOLS/kernels/$series"
    echo "$package" >"$TOOLS/kernels/$series/package"
    mv "$image" "$TOOLS/kernels/$series/vmlinuz"
    rm -rf "$work"
  done
fi
