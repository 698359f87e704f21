# shellcheck shell=bash
# VictoriaMetrics, which Prometheus writes to in the tests: unpacked, since the installed package starts its service.

if [ ! -x "$TOOLS/stores/usr/bin/victoria-metrics" ]; then
  say "victoria-metrics: the tests compare what it keeps with what Prometheus has"
  on_debian || die "the tests need VictoriaMetrics" "put victoria-metrics into $TOOLS/stores/usr/bin"
  use_suites own
  rm -rf "$TOOLS/stores.new" "$TOOLS/stores"
  unpack victoria-metrics "$TOOLS/stores.new"
  mv "$TOOLS/stores.new" "$TOOLS/stores"
fi
