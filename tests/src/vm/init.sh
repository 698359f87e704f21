#!/bin/busybox sh
# The first process of a test's virtual machine: makes the host a program expects, runs the test's script and powers off.
# Serial lines: the console, the script's output, and at the end its exit status and what it left in /out, compressed: a byte
# there takes as long as thousands of instructions.
/bin/busybox mkdir -p /bin /dev /proc /sys /tmp /run /etc /root /out
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done
ip address add 127.0.0.1/8 dev lo
ip link set lo up
stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
sh /script > /dev/ttyS1 2>&1 < /dev/null
echo $? > /out/.status
cd /out && find . -type f | cpio -o -H newc | gzip -1 > /dev/ttyS2
poweroff -f
