//! Every kernel the programs are tested in boots, with what a program on a host expects.

use std::time::Duration;

use anyhow::Result;
use plimsoll_tests::{tools, vm::Vm, worker};

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn every_kernel_boots_as_a_pure_cgroup_v2_host_with_btf() -> Result<()> {
    let script = r#"
        uname -r
        cat /sys/fs/cgroup/cgroup.controllers
        head -c 2 /sys/kernel/btf/vmlinux | od -An -tx1
        ls /sys/kernel/tracing/events/sched/sched_switch/id; ls /sys/fs/cgroup/memory.pressure
        mkdir /sys/fs/cgroup/child && cat /sys/fs/cgroup/child/cgroup.controllers
        ip address show lo | grep -c 127.0.0.1/8
    "#;
    for series in tools::KERNELS {
        let result = Vm::new(tools::kernel(series)?).run(script, LIMIT)?;
        assert_eq!(result.status, 0, "{result:#?}");
        let lines: Vec<&str> = result.stdout.lines().map(str::trim).collect();
        let [release, controllers, btf, event, pressure, child, lo] = lines[..] else {
            panic!("{result:#?}")
        };
        eprintln!(
            "{series}: {release} booted, ran and powered off in {:.1} s; {controllers}",
            result.took.as_secs_f64()
        );
        let version = series.trim_end_matches("-old");
        assert!(release.starts_with(&format!("{version}.")), "{release}");
        assert_eq!(btf, "9f eb");
        assert_eq!(event, "/sys/kernel/tracing/events/sched/sched_switch/id");
        assert_eq!(pressure, "/sys/fs/cgroup/memory.pressure");
        assert_eq!(child, controllers);
        for controller in ["cpu", "cpuset", "io", "memory", "pids"] {
            assert!(controllers.split(' ').any(|name| name == controller), "{controllers}");
        }
        assert_eq!(lo, "1");
    }
    Ok(())
}

#[test]
fn status_files_and_output_come_back() -> Result<()> {
    let script = r"
        set -e
        /worker children 3 exit 7 , compat 5 , threads 2
        head -c 1000000 /dev/zero | tr '\0' x > /out/million
        mkdir /out/deep && cp /etc/given /out/deep/given
        printf 'no newline'
        printf 'an error' >&2
        exit 3
    ";
    let vm =
        Vm::new(tools::kernel("6.12")?).program(worker::path()?, "/worker")?.text("/etc/given", "a\r\nb\0");
    let result = vm.run(script, LIMIT)?;
    assert_eq!((result.status, result.stdout.as_str()), (3, "no newlinean error"), "{result:#?}");
    let names: Vec<&str> = result.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["deep/given", "million"]);
    assert_eq!(result.files["deep/given"], b"a\r\nb\0");
    assert!(result.files["million"] == vec![b'x'; 1_000_000]);
    eprintln!("a megabyte came back; {:.1} s in all", result.took.as_secs_f64());
    Ok(())
}

#[test]
fn a_machine_that_hangs_or_dies_is_an_error() -> Result<()> {
    let vm = Vm::new(tools::kernel("6.12")?);
    let error = |result: Result<_>| {
        result.map(|_: plimsoll_tests::vm::VmResult| ()).map_err(|error| format!("{error:#}"))
    };
    let limit = Duration::from_secs(2);
    let hung = error(vm.run("sleep 1000", limit));
    assert!(matches!(&hung, Err(text) if text.starts_with("not over after 2s")), "{hung:?}");
    let died = error(vm.run("echo c > /proc/sysrq-trigger", LIMIT));
    assert!(matches!(&died, Err(text) if text.contains("the machine died")), "{died:?}");
    Ok(())
}
