# shellcheck shell=bash
# Debian packages the tests need. Off Debian proper, or without root, their names are all it can give.

# QEMU from the machine's own suites if it is new enough there, else from the backports of its release.
install_qemu() {
  local candidate release
  candidate=$(LC_ALL=C apt-cache policy qemu-system-x86 | awk '/Candidate:/ { print $2 }')
  if dpkg --compare-versions "$candidate" ge "1:$QEMU_AT_LEAST"; then
    install_packages qemu-system-x86
    return
  fi
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  say "qemu-system-x86 is $candidate in $release: taken from its backports"
  use_suites own "$release-backports"
  install_packages "${PRIVATE[@]}" -t "$release-backports" qemu-system-x86
}

present() {
  if ! on_debian; then
    command -v "$2" >/dev/null
  elif [ "$1" = qemu-system-x86 ]; then
    installed "$1" && dpkg --compare-versions "$(dpkg-query -W -f '${Version}' "$1")" ge "1:$QEMU_AT_LEAST"
  else
    installed "$1"
  fi
}

missing=()
while read -r package command why; do
  if [ -z "$package" ] || present "$package" "$command"; then continue; fi
  missing+=("$package")
  say "$package: $why"
done <<<"$PACKAGES"

if [ ${#missing[@]} -gt 0 ]; then
  hint=""
  case " ${missing[*]} " in *" qemu-system-x86 "*)
    hint="qemu-system-x86 must be $QEMU_AT_LEAST or newer (Debian 12 has that in bookworm-backports)" ;;
  esac
  on_debian || die "the tests need what Debian calls: ${missing[*]}" \
    "this machine is not Debian: install them by hand" ${hint:+"$hint"}
  can_be_root || die "the tests need packages that are not installed: ${missing[*]}" \
    "as root: apt-get install --no-install-recommends ${missing[*]}" ${hint:+"$hint"}
  quietly "read the package lists" as_root apt-get update
  for package in "${missing[@]}"; do
    if [ "$package" = qemu-system-x86 ]; then install_qemu; else install_packages "$package"; fi
  done
fi
