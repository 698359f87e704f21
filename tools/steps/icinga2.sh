# shellcheck shell=bash
# Icinga's console, whose parser every line of perfdata goes through: unpacked, since the installed package starts a service.
# The libraries it is linked with are installed.

if [ ! -x "$TOOLS/icinga2/icinga2" ]; then
  say "icinga2: its own parser reads what the checks print"
  on_debian || die "the tests need Icinga 2" "put its program at $TOOLS/icinga2/icinga2"
  use_suites own
  libraries=()
  for library in $(LC_ALL=C apt-cache "${PRIVATE[@]}" --no-all-versions show icinga2-bin |
    sed -n 's/^Depends: //p' | tr ',' '\n' | awk '$1 ~ /^lib/ { print $1 }'); do
    installed "$library" || libraries+=("$library")
  done
  if [ ${#libraries[@]} -gt 0 ]; then
    can_be_root || die "icinga2 needs libraries that are not installed: ${libraries[*]}" \
      "as root: apt-get install --no-install-recommends ${libraries[*]}"
    quietly "read the package lists" as_root apt-get update
    install_packages "${libraries[@]}"
  fi
  rm -rf "$TOOLS/icinga2.new"
  unpack icinga2-bin "$TOOLS/icinga2.new"
  mkdir -p "$TOOLS/icinga2"
  mv "$TOOLS/icinga2.new"/usr/lib/*/icinga2/sbin/icinga2 "$TOOLS/icinga2"
  rm -rf "$TOOLS/icinga2.new"
fi
