# shellcheck shell=bash
# VictoriaMetrics and InfluxDB, which are written to in the tests: unpacked, since each installed package starts its service.

if [ ! -x "$TOOLS/stores/usr/bin/victoria-metrics" ] || [ ! -x "$TOOLS/stores/usr/bin/influxd" ]; then
  say "victoria-metrics, influxdb: the tests compare what they keep with what Prometheus or the exporter has"
  on_debian || die "the tests need VictoriaMetrics and InfluxDB 1.x" "put victoria-metrics and influxd into $TOOLS/stores/usr/bin"
  use_suites own
  rm -rf "$TOOLS/stores.new" "$TOOLS/stores"
  for package in victoria-metrics influxdb; do unpack "$package" "$TOOLS/stores.new"; done
  mv "$TOOLS/stores.new" "$TOOLS/stores"
fi
