# shellcheck shell=bash
# Debian packages. What another suite has is reached through a private configuration of apt: the mirror is the one this
# machine's own sources name, its lists and cache lie under $TOOLS, and the machine's sources are left alone.

APT_DIR=$TOOLS/apt

on_debian() { grep -qx 'ID=debian' /etc/os-release 2>/dev/null && command -v apt-get >/dev/null; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# The mirror that serves SUITE, read by apt itself from whatever form the machine's sources have.
mirror_of() {
  local security=0
  case $1 in *-security) security=1 ;; esac
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
    awk -v security=$security '($2 ~ /-security/) == security && !found { print $1; found = 1 }'
}

PRIVATE=(-o Dir::Etc::SourceList="$APT_DIR/sources.list" -o Dir::Etc::SourceParts="$APT_DIR/parts"
  -o Dir::Etc::Preferences="$APT_DIR/preferences" -o Dir::Etc::PreferencesParts="$APT_DIR/parts"
  -o Dir::State::Lists="$APT_DIR/lists" -o Dir::Cache="$APT_DIR/cache" -o APT::Sandbox::User=root)

# use_suites SUITE...: makes the private configuration hold these suites, with today's lists. `own` stands for all that
# the machine's own sources have.
use_suites() {
  local suite mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  rm -rf "$APT_DIR"
  mkdir -p "$APT_DIR/lists/partial" "$APT_DIR/cache/archives/partial" "$APT_DIR/parts"
  touch "$APT_DIR/preferences" "$APT_DIR/sources.list"
  for suite in "$@"; do
    if [ "$suite" = own ]; then
      find /etc/apt/sources.list /etc/apt/sources.list.d -type f \( -name '*.list' -o -name '*.sources' \) \
        -exec cp {} "$APT_DIR/parts" \; 2>/dev/null || true
      continue
    fi
    mirror=$(mirror_of "$suite")
    [ -n "$mirror" ] || die "this machine's apt sources name no mirror for $suite" \
      "add Debian's main archive and its security archive to the apt sources"
    printf 'deb [signed-by=%s targets=Packages] %s %s main\n' "$keyring" "$mirror" "$suite" >>"$APT_DIR/sources.list"
  done
  quietly "read the package lists of $*" apt-get "${PRIVATE[@]}" update --error-on=any
}

install_packages() {
  quietly "install $*" as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends "$@"
}

# newest SUITE NAMES VERSIONS: the newest package whose whole name and version match, as `name=version`. Of two packages
# of one version the larger has the content.
newest() {
  # shellcheck disable=SC2016  # apt's own variable
  apt-get "${PRIVATE[@]}" indextargets --format '$(FILENAME)' 'Created-By: Packages' "Release: $1" |
    xargs -r /usr/lib/apt/apt-helper cat-file |
    awk -v names="^($2)\$" -v versions="^($3)\$" '
      /^Package: / { name = $2 } /^Version: / { version = $2 } /^Size: / { size = $2 }
      /^$/ { if (name ~ names && version ~ versions) print version, size, name; name = "" }' |
    sort -k1,1V -k2,2n | awk 'END { if (NR) print $3 "=" $1 }'
}

# unpack NAME=VERSION DIR: downloads it and unpacks it into DIR, without installing it.
unpack() {
  local package=$1 into=$2 work
  work=$(mktemp -d "$TOOLS/unpack.XXXXXX")
  (cd "$work" && quietly "download $package" apt-get "${PRIVATE[@]}" download "$package")
  mkdir -p "$into"
  dpkg-deb -x "$work"/*.deb "$into"
  rm -rf "$work"
}
