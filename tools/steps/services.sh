# shellcheck shell=bash
# Real servers that the checks are held against: unpacked, since each installed package starts its service.

SERVICES=(openssh-server libwrap0 nsd libfstrm0 libprotobuf-c1 chrony ntpsec libbsd0 libmd0 nginx vsftpd
  dovecot-core dovecot-imapd dovecot-pop3d libsodium23 libunwind8 memcached libevent-2.1-7
  postgresql-15 libicu72 libxml2 libldap-2.5-0 podman conmon libgpgme11 libassuan0 libsubid4 libdevmapper1.02.1 containerd
  mariadb-server-core mariadb-server libaio1 libnuma1 libpcre2-8-0 liburing2 nagios-nrpe-server prometheus-blackbox-exporter
  prometheus-node-exporter prometheus-alertmanager)

services_there() {
  local program
  for program in sshd nsd chronyd ntpd nginx vsftpd dovecot mariadbd nrpe; do [ -x "$TOOLS/services/usr/sbin/$program" ] || return 1; done
  for program in memcached podman conmon containerd prometheus-blackbox-exporter prometheus-node-exporter prometheus-alertmanager amtool; do
    [ -x "$TOOLS/services/usr/bin/$program" ] || return 1
  done
  [ -x "$TOOLS/services/usr/lib/postgresql/15/bin/postgres" ]
}

if ! services_there; then
  say "services: SSH, DNS, NTP, mail, FTP and web servers, stores of keys, a database, container engines, and exporters that ours and the checks are held against"
  on_debian || die "the tests need Debian's ${SERVICES[*]}" "unpack them into $TOOLS/services"
  use_suites own
  rm -rf "$TOOLS/services.new"
  for package in "${SERVICES[@]}"; do unpack "$package" "$TOOLS/services.new"; done
  rm -rf "$TOOLS/services"
  mv "$TOOLS/services.new" "$TOOLS/services"
fi
