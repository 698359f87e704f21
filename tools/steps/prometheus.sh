# shellcheck shell=bash
# Debian's Prometheus of both major versions, unpacked side by side: an installed one would start a service.

wanted=() suites=()
while read -r series suite name version; do
  if [ -z "$series" ] || [ -x "$TOOLS/prometheus-$series/prometheus" ]; then continue; fi
  say "prometheus $series.x: the tests ask it what it scraped"
  wanted+=("$series $suite $name $version")
  suites+=("$suite")
done <<<"$PROMETHEUS"

if [ ${#wanted[@]} -gt 0 ]; then
  on_debian || die "the tests need Prometheus 2.42 or later of 2.x, and 3.x" \
    "put prometheus and promtool at $TOOLS/prometheus-2, prometheus at $TOOLS/prometheus-3"
  use_suites "${suites[@]}"
  for line in "${wanted[@]}"; do
    read -r series suite name version <<<"$line"
    package=$(newest "$suite" "$name" "$version")
    [ -n "$package" ] || die "$suite has no $name whose version is like $version"
    unpack "$package" "$TOOLS/prometheus-$series.new"
    mkdir -p "$TOOLS/prometheus-$series"
    mv "$TOOLS/prometheus-$series.new"/usr/bin/* "$TOOLS/prometheus-$series"
    rm -rf "$TOOLS/prometheus-$series.new"
    echo "$package" >"$TOOLS/prometheus-$series/package"
  done
fi
