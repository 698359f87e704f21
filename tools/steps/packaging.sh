# shellcheck shell=bash
# What makes the Debian package and the image. Buildah is unpacked: it needs its programs and libraries, and no configuration of
# the machine.

BUILDAH=(buildah libgpgme11 libassuan0 libdevmapper1.02.1)

missing=()
for package in debhelper help2man; do
  installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "${missing[*]}: make the Debian package"
  if ! on_debian || ! can_be_root; then
    die "packages are made by what Debian calls: ${missing[*]}" "as root, on Debian: apt-get install ${missing[*]}"
  fi
  quietly "read the package lists" as_root apt-get update
  install_packages "${missing[@]}"
fi

if [ ! -x "$TOOLS/packaging/usr/bin/buildah" ]; then
  say "buildah: makes the image"
  on_debian || die "the image is made by Debian's ${BUILDAH[*]}" "unpack them into $TOOLS/packaging"
  use_suites own
  rm -rf "$TOOLS/packaging.new"
  for package in "${BUILDAH[@]}"; do unpack "$package" "$TOOLS/packaging.new"; done
  rm -rf "$TOOLS/packaging"
  mv "$TOOLS/packaging.new" "$TOOLS/packaging"
fi
