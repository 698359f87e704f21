# shellcheck shell=bash
# Icinga, whose parser every line of perfdata goes through and which runs the checks, with its library of commands; and Nagios,
# which reads our objects: unpacked, since the installed packages start services. The libraries Icinga is linked with are installed.

if [ ! -x "$TOOLS/icinga2/icinga2" ] || [ ! -d "$TOOLS/icinga2/include" ] || [ ! -x "$TOOLS/icinga2/nagios4" ]; then
  say "icinga2: it runs the checks, and its own parser reads what they print; nagios4: it reads the same objects"
  on_debian || die "the tests need Icinga 2 and Nagios 4" \
    "put their programs and Icinga's include directory at $TOOLS/icinga2/{icinga2,nagios4,include}"
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
  for package in icinga2-bin icinga2-common nagios4-core; do unpack "$package" "$TOOLS/icinga2.new"; done
  mkdir -p "$TOOLS/icinga2"
  rm -rf "$TOOLS/icinga2/include"
  mv "$TOOLS/icinga2.new"/usr/lib/*/icinga2/sbin/icinga2 "$TOOLS/icinga2.new"/usr/share/icinga2/include \
    "$TOOLS/icinga2.new"/usr/sbin/nagios4 "$TOOLS/icinga2"
  rm -rf "$TOOLS/icinga2.new"
fi
