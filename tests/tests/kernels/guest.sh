# What happens in the virtual machine: the exporter runs, cgroups come, work and go, and everything said about it is
# left in /out for the host to judge. Before it stands NAME=VALUE for: A B FILES IDLE SPIN POD X Y GROUP CHURNED SLOTS.

TREE=/sys/fs/cgroup
SITE=http://127.0.0.1:18760

die() { echo "died: $*"; exit 1; }

# Waits until a command succeeds. The machine's own time limit is the bound.
until_true() { until "$@" 2>/dev/null; do usleep 20000; done; }

phase() { echo "$(cut -d ' ' -f 1 /proc/uptime) $*"; }

# exporter NAME COMMAND...: starts it with its log under that name, and waits until it answers.
exporter() {
  log=$1
  shift
  "$@" 2> "/out/$log.log" &
  exporter=$!
  echo $exporter > /tmp/exporter.pid
  until wget -q -O /dev/null $SITE/-/ready 2>/dev/null; do
    kill -0 $exporter 2>/dev/null || die "the exporter $log ended: $(cat "/out/$log.log")"
    usleep 20000
  done
}

FLAGS="--web.listen-address=127.0.0.1:18760 --overhead.cpu=0 --kernel.slots=$SLOTS --tombstone.min-age=1h --log.format=json --collector.syscall_latency --collector.dns --dns.names --tcp.destination-names --tcp.actual-destination=on --collector.unix"

# stop SIGNAL NAME: ends the exporter, and waits until the kernel has nothing of it any more.
stop() {
  kill "-$1" $exporter
  wait $exporter
  echo $? > "/out/$2.status"
  until_true bpf_is_as_before
  bpf > "/out/$2.bpf"
}

scrape() { wget -q -O "/out/$1" $SITE/metrics || die "no answer for $1"; }

# part NAME SIGNAL...: scrapes these alone. All that is left in /out goes over a serial line, which takes its time.
part() {
  into=$1
  shift
  wget -q -O "/out/$into" "$SITE/metrics?$(printf 'collect[]=%s&' "$@")" || die "no answer for $into"
}

# A number of the exporter about itself.
own() { wget -q -O - "$SITE/metrics?collect[]=machine" | sed -n "s/^$1 //p"; }

own_is() { [ "$(own "$1")" = "$2" ]; }

bpf() { echo bpf | /worker script; }

bpf_is_as_before() { [ "$(bpf)" = "$(cat /out/bpf)" ]; }

# worker NAME CGROUP: one that waits in the cgroup for what `begin` and `finish` tell it.
worker() {
  mkfifo "/tmp/$1.in" "/tmp/$1.out"
  sh -c "echo 0 > $TREE$2/cgroup.procs && exec /worker script" <> "/tmp/$1.in" 1<> "/tmp/$1.out" &
  echo $! > "/tmp/$1.pid"
  tell "$1" noop
}

begin() { echo "$2" > "/tmp/$1.in"; }

finish() {
  read -r answer < "/tmp/$1.out"
  case $answer in ok*) ;; *) die "$1: $answer" ;; esac
}

tell() {
  begin "$1" "$2"
  finish "$1"
}

# Two at once: one that waits for the other, which is asked first, since it says why nobody came.
both() {
  begin "$1" "$2"
  begin "$3" "$4"
  finish "$3"
  finish "$1"
}

# /proc/PID/syscall is answered once the task has left the CPU, its switch counted: 0 is read(2).
asleep() { grep -q '^0 ' "/proc/$(cat "/tmp/$1.pid")/syscall"; }

# tasks NAME WORKER...: what the kernel itself says of them, once they sleep.
tasks() {
  into=/out/$1
  shift
  for name; do until_true asleep "$name"; done
  for name; do
    mkdir -p "$into"
    cat "/proc/$(cat "/tmp/$name.pid")/status" > "$into/$name.status"
    cat "/proc/$(cat "/tmp/$name.pid")/schedstat" > "$into/$name.schedstat"
  done
  for name in A B SPIN; do eval "cat \$TREE\$$name/cpu.stat" > "$into/$name.cpu"; done
}

# stalls NAME: what the kernel itself has counted of stalls for want of memory.
stalls() { grep allocstall /proc/vmstat > "/out/$1"; }
# io WHEN: what the kernel itself counted of the reads and writes of the worker `files`.
io() { cat "/proc/$(cat /tmp/files.pid)/io" > "/out/$1.io"; }

# files NAME DIR: what the files of a cgroup say.
files() {
  mkdir -p "/out/$2/$1"
  eval "from=\$TREE\$$1"
  for file in cpu.stat cpu.max cpu.weight memory.current memory.stat memory.events memory.max memory.min memory.peak \
    pids.current pids.max io.stat cpu.pressure memory.pressure io.pressure cgroup.procs; do
    [ -e "$from/$file" ] || continue
    # Averages move with time alone.
    sed 's/avg[0-9]*=[0-9.]* //g' "$from/$file" > "/out/$2/$1/$file"
  done
}

# settled SCRAPE NAME...: scrapes between two readings of the files that agree.
settled() {
  into=$1
  shift
  for try in 1 2 3 4 5 6 7 8; do
    rm -rf "/out/$into.files" /out/again
    for name; do files "$name" "$into.files"; done
    scrape "$into.prom"
    for name; do files "$name" again; done
    diff -r "/out/$into.files" /out/again > /tmp/moved && break
    echo "not settled in try $try: $(grep '^[+-][a-z0-9]' /tmp/moved | tr '\n' ' ')"
  done
  rm -rf /out/again
}

gone() {
  kill "-$2" "$(cat "/tmp/$1.pid")"
  wait "$(cat "/tmp/$1.pid")"
}

enable() { echo '+cpu +memory +pids +io' > "$TREE$1/cgroup.subtree_control"; }

# Says where everything stands if this takes too long, before the host gives up.
stuck() {
  sleep 400
  phase 'stuck'
  ps -o pid,stat,args | grep -v '\['
  for task in $(pidof plimsoll wget worker | sed 's|[0-9]*|/proc/&/task/*|g'); do
    echo "$task $(cat "$task/comm" "$task/syscall")"
    cat "$task/stack"
  done
  netstat -tn
}
stuck 2>&1 &

# ---- one exporter, from before the cgroups to after them
uname -r > /out/release
for module in /modules/*; do insmod "$module" || die "$module"; done
bpf > /out/bpf
mkdir $TREE/docker
enable /docker
mkdir "$TREE$A"
echo 32M > "$TREE$A/memory.max"
phase 'the exporter starts'
exporter first /plimsoll $FLAGS
phase 'the exporter runs'
for cgroup in $B $FILES $IDLE $SPIN $POD $X $Y $GROUP; do
  mkdir -p "$TREE$cgroup"
  case $cgroup in $POD) enable /kubepods; enable /kubepods/burstable; enable "$POD" ;; esac
done
echo 32M > "$TREE$POD/memory.max"
echo 32M > "$TREE$GROUP/memory.max"
echo 1 > "$TREE$GROUP/memory.oom.group"
echo '400000 100000' > "$TREE$B/cpu.max"
echo 50 > "$TREE$B/cpu.weight"
echo 100 > "$TREE$B/pids.max"
echo 1M > "$TREE$B/memory.min"
worker a "$A"; worker b "$B"; worker idle "$IDLE"; worker s1 "$SPIN"; worker s2 "$SPIN"
worker files "$FILES"
worker x "$X"; worker y "$Y"; worker group "$GROUP"; worker victim "$A"
tasks before a b files idle s1 s2 x y group
io before
scrape before.prom

phase 'counted work'
both a 'syscalls 100000 getppid' b 'syscalls 70000 getppid'
both a 'open-enoent 1000' b 'open-enoent 300'
tell a 'open-eacces 500'
tell b 'open-eacces 40'
both a 'compat 300' b 'compat 20'
both a 'children 200 exit 3' b 'children 70 exit 3'
both a 'children 50 signal SIGKILL' b 'children 20 signal SIGTERM'
both a 'threads 100' b 'threads 30'
both a 'execs 20' b 'execs 5'
for how in group group-other leader-first leader-last killed exec-other; do
  tell a "children-threaded 10 3 $how 7"
  echo "$answer" >> /out/ends.A
done
begin a 'children-threaded 50 3 race 7'
begin b 'children-threaded 50 3 race 8'
finish a
echo "$answer" >> /out/ends.A
finish b
echo "$answer" >> /out/ends.B
phase 'files'
both files 'files /f 50 700' b 'file-errors /g 9'
tell files 'opens /f 20'
tell files 'file-errors /f 10'
tell files 'pipes 30 64'
tell files 'transfers /f 10 512'
tell files 'io-uring 20'
phase 'signals that kill'
tell a 'children 8 fault'
tell b 'children-core 3'
echo "$answer" > /out/cores.B
tell a 'children 6 pending SIGTERM'
tell b "kill $(cat /tmp/victim.pid) SIGKILL"
wait "$(cat /tmp/victim.pid)"
phase 'two spinners on one CPU'
both s1 'spin 0.4 0' s2 'spin 0.4 0'
phase 'out of memory'
tell a 'oom 64'
# A victim's mm is marked as done (exit_mmap) a moment before its pages are given back; who needs them in that moment
# would be the next to go.
echo -1000 > "/proc/$(cat /tmp/y.pid)/oom_score_adj"
tell x 'take 20'
tell y 'take 20'
wait "$(cat /tmp/x.pid)"
begin group 'oom 64'
wait "$(cat /tmp/group.pid)"
sh -c "echo 0 > $TREE$B/cgroup.procs && exec /bin/busybox dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct" 2>/dev/null
tasks after a b files idle s1 s2 y
io after
scrape after.prom
for name in A X Y GROUP; do eval "cat \$TREE\$$name/memory.events" > "/out/$name.events"; done

phase 'files of cgroups'
settled quiet A B

phase 'tombstones'
gone a TERM
for cgroup in $A $X $GROUP; do until_true rmdir "$TREE$cgroup"; done
until_true own_is 'plimsoll_rows{state="tombstone"}' 3
scrape dead.prom

phase 'slots'
used=$(own 'plimsoll_slots{state="used"}')
ZEROS=$(printf '%060d' 0)
for round in 1 2 3; do
  for n in $(seq "$CHURNED"); do
    cgroup=$TREE/docker/${ZEROS}$((round * 1000 + n))
    mkdir "$cgroup"
    (echo 0 > "$cgroup/cgroup.procs" && exec /worker syscalls $round getpgid , children $round exit $((round + 3)))
    until_true rmdir "$cgroup"
  done
  until_true own_is 'plimsoll_slots{state="used"}' "$used"
done
scrape churn.prom
phase 'SIGTERM'
stop TERM first

# ---- a second one dies without warning, a third finds the kernel clean and what lives in its place
phase 'SIGKILL'
exporter second /plimsoll $FLAGS --no-collector.syscalls --no-collector.syscall_latency --no-collector.unix
part second.prom machine
stop KILL second
exporter alone /plimsoll $FLAGS --no-collector.syscalls --no-collector.files --no-collector.unix
part alone.prom machine
stop TERM alone
exporter third /plimsoll $FLAGS
scrape third.before.prom
tell b 'syscalls 1000 getppid'
scrape third.after.prom

phase 'disk'
DISK=/dev/nvme0n1
for cgroup in $D1 $D2 $PLAIN $PLAIN/sub $TIGHT $GREEDY; do mkdir "$TREE$cgroup"; done
worker d1 "$D1"; worker d2 "$D2"; worker sub "$PLAIN/sub"; worker greedy "$GREEDY"
part disk.before.prom block_io
both d1 "disk $DISK write 40 4096 0" d2 "disk $DISK read 30 8192 0"
tell d1 "disk $DISK flush 5 0 0"
tell d2 "disk $DISK discard 3 65536 1048576"
tell sub "disk $DISK read 6 4096 0"
cat "$TREE$D1/io.stat" > /out/disk.after.d1.io
cat "$TREE$D2/io.stat" > /out/disk.after.d2.io
part disk.after.prom block_io
phase 'what another writes back'
tell d1 "disk-buffered $DISK 64 4096"
sync
part disk.synced.prom block_io
cat "$TREE$D1/io.stat" > /out/disk.synced.io
phase 'network'
part net.before.prom tcp connections
tell d1 'listen [::]:7000'
both d1 'serve 20 100 3000' d2 'connect 127.0.0.1:7000 20 100 3000'
both d1 'serve 10 100 3000' d2 'connect [::1]:7000 10 100 3000'
both d1 'serve 5 100 3000' d2 'connect [::ffff:127.0.0.1]:7000 5 100 3000'
tell d2 'connect-failing 127.0.0.1:9 7 111'
both d1 'accept 3' d2 'hold 127.0.0.1:7000 3'
both d1 'held receive 500' d2 'held send 500'
part net.open.prom tcp connections
tell d2 'held half'
tell d1 'held end'
tell d1 'held abort'
tell d2 'held end'
part net.after.prom tcp connections
phase 'addresses that are translated'
ip address add 10.78.0.1/32 dev lo
ip route add 10.96.0.0/24 dev lo src 10.78.0.1
ip -6 address add fd78::1/128 dev lo
ip -6 route add fd96::/64 dev lo src fd78::1
nft 'table inet nat { chain output { type nat hook output priority -100;
  ip daddr 10.96.0.1 tcp dport 80 dnat ip to 10.78.0.1:7000
  ip daddr 10.96.0.2 tcp dport 80 redirect to :9
  ip6 daddr fd96::1 tcp dport 80 dnat ip6 to [fd78::1]:7000
}
}' || die 'no translation'
both d1 'serve 6 100 1000' d2 'connect 10.96.0.1:80 6 100 1000'
both d1 'serve 3 100 1000' d2 'connect [fd96::1]:80 3 100 1000'
both d1 'serve 2 100 1000' d2 'connect 127.0.0.1:7000 2 100 1000'
tell d2 'connect-failing 10.96.0.2:80 4 111'
nft flush ruleset
part nat.after.prom tcp connections
phase 'sockets by path'
part unix.before.prom unix
tell d1 'unix-listen /tmp/d1.sock'
both d1 'unix-serve 12 300 2000' d2 'unix-connect /tmp/d1.sock 12 300 2000'
tell d1 'unix-listen @d1'
both d1 'unix-serve 5 10 20' d2 'unix-connect @d1 5 10 20'
tell d2 'unix-failing /tmp/nowhere.sock 7 2'
tell d2 'unix-failing /tmp/d1.sock 3 111'
tell d1 'unix-bind /tmp/d1.datagrams'
both d1 'unix-receive 9 100' d2 'unix-send /tmp/d1.datagrams 9 100'
part unix.after.prom unix
phase 'questions'
part dns.before.prom dns
tell d1 'bind-udp 127.0.0.1:53'
both d1 'dns-answer 30 0 1' d2 'dns-ask udp 127.0.0.1:53 a.test 1 30 0'
both d1 'dns-answer 7 3 1' d2 'dns-ask unconnected 127.0.0.1:53 b.test 28 7 3'
both d1 'dns-answer 4 2 3' d2 'dns-ask thrice 127.0.0.1:53 c.test 16 4 2'
tell d1 'bind-udp [::1]:53'
both d1 'dns-answer 5 0 1' d2 'dns-ask udp [::1]:53 d.test 65 5 0'
part dns.after.prom dns
phase 'datagrams nobody takes'
part drops.before.prom drops
cat /proc/net/snmp > /out/drops.before.snmp
tell d1 'bind-udp 127.0.0.1:7001'
tell d2 'send-udp 127.0.0.1:7001 600 1000'
tell d1 'queued-udp 600'
echo "$answer" > /out/drops.kept
tell d1 'filter-udp'
tell d2 'send-udp 127.0.0.1:7001 23 100'
tell d1 'queued-udp 23'
part drops.after.prom drops
cat /proc/net/snmp > /out/drops.after.snmp
phase 'a disk for many'
used=$(own 'plimsoll_slots{state="used"}')
for n in $(seq 9001 9120); do
  cgroup=$TREE/docker/$ZEROS$n
  mkdir "$cgroup"
  (echo 0 > "$cgroup/cgroup.procs" && exec /worker disk $DISK read $((1 + n % 3)) 4096 0 , disk $DISK write $((n % 2)) 512 0)
  until_true rmdir "$cgroup"
  # Twice, so that slots have second tenants.
  [ "$n" = 9060 ] && until_true own_is 'plimsoll_slots{state="used"}' "$used"
done
until_true own_is 'plimsoll_slots{state="used"}' "$used"
part disk.many.prom block_io sched
phase 'a cgroup at its limit of memory'
echo 4M > "$TREE$TIGHT/memory.max"
traced=/sys/kernel/tracing/instances/tight
mkdir $traced
echo 1 > $traced/events/vmscan/mm_vmscan_memcg_reclaim_begin/enable
sh -c "echo 0 > $TREE$TIGHT/cgroup.procs && echo \$\$ > $traced/set_event_pid && exec /bin/busybox dd if=$DISK of=/dev/null bs=64k" 2>/dev/null
grep -c mm_vmscan_memcg_reclaim_begin $traced/trace > /out/tight.traced
rmdir $traced
cat "$TREE$TIGHT/memory.events" > /out/tight.events
phase 'a machine out of memory'
stalls stalls.before
part stalls.before.prom reclaim
# More than there is must be promised first.
echo 1 > /proc/sys/vm/overcommit_memory
tell greedy 'oom 1500'
stalls stalls.after
part stalls.after.prom reclaim
stop TERM third

# ---- what is refused costs what needs it and nothing else
phase 'without BTF'
mount -t tmpfs none /sys/kernel/btf
exporter no-btf /plimsoll $FLAGS
settled no-btf B
stop TERM no-btf
umount /sys/kernel/btf
phase 'without privileges'
exporter nobody su -s /bin/sh nobody -c "exec /plimsoll $FLAGS"
settled nobody B
stop TERM nobody
phase 'under lockdown'
mount -t securityfs none /sys/kernel/security
echo confidentiality > /sys/kernel/security/lockdown
exporter lockdown /plimsoll $FLAGS
tell b 'syscalls 1000 getppid'
settled lockdown B
kill -TERM $exporter
wait $exporter
echo $? > /out/lockdown.status
phase 'the end'
