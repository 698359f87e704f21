# shellcheck shell=bash
# What Grafana publishes of its dashboards' form, and the compiler that reads it: by npm, each held against the hash in the lock file.

if ! cmp -s tools/schema/package-lock.json "$TOOLS/schema/package-lock.json" || [ ! -d "$TOOLS/schema/node_modules" ]; then
  say "@grafana/schema: the dashboards are held against it"
  missing=()
  for command in node npm; do command -v $command >/dev/null || missing+=("$command"); done
  if [ ${#missing[@]} -gt 0 ]; then
    if ! on_debian || ! can_be_root; then
      die "the tests need ${missing[*]}" "as root: apt-get install --no-install-recommends nodejs npm"
    fi
    say "nodejs, npm: fetch it, and run its compiler"
    quietly "read the package lists" as_root apt-get update
    install_packages nodejs npm
  fi
  rm -rf "$TOOLS/schema" "$TOOLS/schema.new"
  mkdir -p "$TOOLS/schema.new"
  cp tools/schema/package.json tools/schema/package-lock.json "$TOOLS/schema.new"
  quietly "fetch @grafana/schema" npm ci --prefix "$TOOLS/schema.new" --ignore-scripts --no-audit --no-fund
  mv "$TOOLS/schema.new" "$TOOLS/schema"
fi
