//! What each system call is, by name: the one place the programs' tables of numbers are made from.

use plimsoll_abi::calls::{CONNECT, COPY, Calls, FSYNC, NUMBERS, OPEN, OPERATION_SHIFT, READ, SEND, WRITE};
use plimsoll_abi::syscall_latency::CLASSES;

use crate::names;

/// Classes and the calls in them, by the names of all ABIs. What is in none is `other`.
static CLASS: &[(&str, &str)] = &[
    (
        "file",
        "read write open openat openat2 creat open_by_handle_at name_to_handle_at close close_range pread64 pwrite64 \
         readv writev preadv pwritev preadv2 pwritev2 lseek _llseek fsync fdatasync sync syncfs sync_file_range \
         arm_sync_file_range sendfile sendfile64 splice tee vmsplice copy_file_range truncate \
         ftruncate truncate64 ftruncate64 fallocate fadvise64 fadvise64_64 arm_fadvise64_64 readahead stat lstat \
         fstat oldstat oldlstat oldfstat stat64 lstat64 fstat64 fstatat fstatat64 newfstatat statx statfs fstatfs \
         statfs64 fstatfs64 ustat access faccessat faccessat2 getdents getdents64 readdir getcwd chdir fchdir chroot \
         rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat readlink \
         readlinkat mknod mknodat chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat chown32 fchown32 \
         lchown32 umask utime utimes utimensat utimensat_time64 futimesat setxattr lsetxattr fsetxattr setxattrat \
         getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat removexattr \
         lremovexattr fremovexattr removexattrat file_getattr file_setattr dup dup2 dup3 fcntl fcntl64 flock ioctl \
         inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_init fanotify_mark io_setup \
         io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64 io_uring_setup \
         io_uring_enter io_uring_register mount umount umount2 pivot_root open_tree open_tree_attr move_mount fsopen \
         fsconfig fsmount fspick mount_setattr statmount listmount quotactl quotactl_fd cachestat memfd_create",
    ),
    (
        "network",
        "socket socketpair socketcall bind listen connect accept accept4 getsockname getpeername send sendto sendmsg \
         sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 shutdown setsockopt getsockopt",
    ),
    (
        "poll",
        "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl \
         epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2",
    ),
    (
        "futex",
        "futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue set_robust_list get_robust_list",
    ),
    (
        "process",
        "fork vfork clone clone3 execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid \
         setpgid getpgrp getsid setsid getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid \
         setreuid setregid setresuid setresgid setgroups setfsuid setfsgid getuid32 geteuid32 getgid32 getegid32 \
         getresuid32 getresgid32 getgroups32 setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 \
         setgroups32 setfsuid32 setfsgid32 capget capset prctl arch_prctl ptrace set_tid_address set_thread_area \
         get_thread_area setns unshare getpriority setpriority nice sched_yield sched_setparam sched_getparam \
         sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min \
         sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_getaffinity sched_setattr \
         sched_getattr getrlimit ugetrlimit setrlimit prlimit64 getrusage pidfd_open pidfd_getfd kcmp \
         process_vm_readv process_vm_writev personality rseq seccomp ioprio_set ioprio_get getcpu",
    ),
    (
        "memory",
        "mmap mmap2 munmap mremap mprotect pkey_mprotect pkey_alloc pkey_free brk madvise process_madvise \
         process_mrelease mincore msync mlock mlock2 mlockall munlock munlockall mbind set_mempolicy get_mempolicy \
         set_mempolicy_home_node migrate_pages move_pages remap_file_pages memfd_secret userfaultfd mseal membarrier \
         map_shadow_stack swapon swapoff",
    ),
    (
        "time",
        "time stime times gettimeofday settimeofday adjtimex clock_gettime clock_gettime64 clock_settime \
         clock_settime64 clock_getres clock_getres_time64 clock_adjtime clock_adjtime64 clock_nanosleep \
         clock_nanosleep_time64 nanosleep getitimer setitimer alarm timer_create timer_settime timer_settime64 \
         timer_gettime timer_gettime64 timer_getoverrun timer_delete timerfd_create timerfd_settime \
         timerfd_settime64 timerfd_gettime timerfd_gettime64",
    ),
    (
        "signal",
        "kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait \
         rt_sigtimedwait_time64 rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend sigaltstack signalfd signalfd4 pause \
         restart_syscall pidfd_send_signal signal sigaction sigpending sigprocmask sigreturn sigsuspend sgetmask \
         ssetmask",
    ),
    (
        "ipc",
        "pipe pipe2 eventfd eventfd2 ipc shmget shmat shmctl shmdt semget semop semctl semtimedop semtimedop_time64 \
         msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_timedsend_time64 \
         mq_timedreceive_time64 mq_notify mq_getsetattr",
    ),
];

/// Operations on files and the calls that are one.
static OPERATION: &[(u8, &str)] = &[
    (OPEN, "open openat openat2 creat open_by_handle_at"),
    (READ, "read pread64 readv preadv preadv2"),
    (WRITE, "write pwrite64 writev pwritev pwritev2"),
    (FSYNC, "fsync fdatasync sync_file_range arm_sync_file_range"),
    (COPY, "copy_file_range splice"),
    (SEND, "sendfile sendfile64"),
    (CONNECT, "connect"),
];

/// The tables of this machine.
pub(super) fn tables() -> Calls {
    let mut calls = Calls::NONE;
    for number in 0..NUMBERS {
        calls.native[number] = byte(&names::syscall(number as u32));
        calls.compat[number] = byte(&names::compat_syscall(number as u32));
    }
    calls
}

fn byte(name: &str) -> u8 {
    let has = |names: &str| names.split_ascii_whitespace().any(|of_them| of_them == name);
    let class = CLASS.iter().find(|(_, names)| has(names));
    let class = class.and_then(|(class, _)| CLASSES.iter().position(|c| c == class)).unwrap_or(0);
    let operation = OPERATION.iter().find(|(_, names)| has(names)).map_or(0, |(operation, _)| *operation);
    class as u8 | operation << OPERATION_SHIFT
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plimsoll_abi::calls::CLASS as CLASS_BITS;
    use syscalls::{aarch64, arm, x86, x86_64};

    use super::*;

    fn class(name: &str) -> &'static str {
        CLASSES[usize::from(byte(name) & CLASS_BITS)]
    }

    fn all_names() -> BTreeSet<&'static str> {
        let names = |of: fn(usize) -> Option<&'static str>| (0..NUMBERS).filter_map(of);
        let all = names(|n| x86_64::Sysno::new(n).map(|call| call.name()));
        let all = all.chain(names(|n| aarch64::Sysno::new(n).map(|call| call.name())));
        let all = all.chain(names(|n| x86::Sysno::new(n).map(|call| call.name())));
        all.chain(names(|n| arm::Sysno::new(n).map(|call| call.name()))).collect()
    }

    #[test]
    fn every_name_is_a_call_and_is_listed_once() {
        let known = all_names();
        let mut listed = BTreeSet::new();
        for (class, names) in CLASS {
            assert!(CLASSES.contains(class), "{class}");
            for name in names.split_ascii_whitespace() {
                assert!(known.contains(name), "{name} is no system call");
                assert!(listed.insert(name), "{name} twice");
            }
        }
        assert_eq!(CLASS.len(), CLASSES.len() - 1, "every class but the first has calls");
        let mut operations = BTreeSet::new();
        for name in OPERATION.iter().flat_map(|(_, names)| names.split_ascii_whitespace()) {
            assert!(class(name) == "file" || name == "connect", "{name}");
            assert!(operations.insert(name), "{name} twice");
        }
    }

    #[test]
    fn few_calls_have_no_class() {
        let other: Vec<_> = all_names().into_iter().filter(|name| class(name) == "other").collect();
        let wanted = "_sysctl acct add_key afs_syscall bdflush bpf create_module delete_module finit_module \
            ftime get_kernel_syms getpmsg getrandom gtty idle init_module ioperm iopl kexec_file_load kexec_load \
            keyctl landlock_add_rule landlock_create_ruleset landlock_restrict_self lock lookup_dcookie \
            lsm_get_self_attr lsm_list_modules lsm_set_self_attr modify_ldt mpx nfsservctl oldolduname olduname \
            pciconfig_iobase pciconfig_read pciconfig_write perf_event_open prof profil putpmsg query_module r#break reboot \
            request_key security setdomainname sethostname stty sysfs sysinfo syslog tuxcall ulimit uname uprobe \
            uretprobe uselib vhangup vm86 vm86old vserver";
        assert_eq!(other, wanted.split_ascii_whitespace().collect::<Vec<_>>());
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn each_abi_has_its_own_numbers() {
        let tables = tables();
        let file = CLASSES.iter().position(|class| *class == "file").expect("a class") as u8;
        let read = file | READ << OPERATION_SHIFT;
        assert_eq!((tables.native[0], tables.compat[3]), (read, read));
        assert_eq!(tables.native[202] & CLASS_BITS, 4, "futex");
        assert_eq!(tables.native[40], file | SEND << OPERATION_SHIFT);
        assert_eq!(tables.compat[187], tables.native[40], "sendfile");
        assert_eq!(tables.native[511], 0, "no call");
    }
}
