//! Other exporters like this one on the host, by what procfs tells everybody of processes.

use std::path::Path;

/// One that counts in the kernel, as this one does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// Its process id, as that procfs has it.
    pub pid: u32,
    /// Its cgroup.
    pub cgroup: String,
}

const NAME: &str = "plimsoll";
/// `CAP_SYS_ADMIN`, `CAP_BPF`: without one of them nothing can be counted in the kernel.
const MAY_COUNT: u64 = 1 << 21 | 1 << 39;

/// Finds them, but for those that do one of these commands and serve nothing. A container cannot pass for one: it has no such capabilities outside of a user namespace of its own.
pub fn other_instances(procfs: &Path, commands: &[&str]) -> Vec<Instance> {
    let own = std::fs::read_link(procfs.join("self")).ok();
    let own = own.and_then(|own| own.to_str()?.parse::<u32>().ok());
    let users = std::fs::read(procfs.join("self/uid_map")).ok();
    let entries = procfs.read_dir().into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let instance = |pid: u32| {
        let read = |name: &str| std::fs::read(procfs.join(pid.to_string()).join(name)).ok();
        let is_one = Some(pid) != own
            && read("comm")?.trim_ascii() == NAME.as_bytes()
            && may_count(&String::from_utf8_lossy(&read("status")?))
            && read("uid_map") == users
            // The last: it is in the memory of that process, which a hostile one could have made a file that never answers.
            && serves(&read("cmdline")?, commands);
        is_one.then(|| Instance { pid, cgroup: cgroup(&read("cgroup").unwrap_or_default()) })
    };
    let mut found: Vec<_> = pids.filter_map(instance).collect();
    found.sort();
    found
}

fn serves(cmdline: &[u8], commands: &[&str]) -> bool {
    let first = cmdline.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    !commands.iter().any(|command| command.as_bytes() == first)
}

/// Whether it lives, and has a capability to count.
fn may_count(status: &str) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let effective = field("CapEff:").and_then(|set| u64::from_str_radix(set, 16).ok()).unwrap_or_default();
    effective & MAY_COUNT != 0 && field("State:").is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// That of v2, or the first there is.
fn cgroup(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let unified = text.lines().find_map(|line| line.strip_prefix("0::"));
    let path = unified.or_else(|| text.lines().next()?.splitn(3, ':').nth(2));
    path.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn only_those_that_serve_and_may_count() {
        const ALL: &str = "State:\tS (sleeping)\nCapEff:\t000000c000280004\n";
        const HOST: &str = "         0          0 4294967295\n";
        let fixture = Fixture::empty("instances");
        let process = |pid: &str, comm: &str, cmdline: &str, status: &str, users: &str| {
            for (name, text) in [("comm", comm), ("cmdline", cmdline), ("status", status), ("uid_map", users)]
            {
                fixture.file(&format!("proc/{pid}/{name}"), text);
            }
            fixture.file(&format!("proc/{pid}/cgroup"), "1:name=systemd:/old\n0::/unit\n");
        };
        process("10", "plimsoll\n", "plimsoll\0", ALL, HOST);
        process("11", "plimsoll\n", "/plimsoll\0--collector.dns\0", ALL, HOST);
        process("12", "plimsoll\n", "plimsoll\0checks\0push\0", ALL, HOST);
        process("13", "plimsoll\n", "plimsoll\0", "State:\tS\nCapEff:\t0000000000000004\n", HOST);
        process("14", "plimsoll\n", "plimsoll\0", &ALL.replace('S', "Z"), HOST);
        process("15", "plimsoll\n", "plimsoll\0", ALL, "0 100000 65536\n");
        process("16", "plimsolls\n", "plimsolls\0", ALL, HOST);
        fixture.link("proc/self", "10");
        let found = other_instances(&fixture.path("proc"), &["checks"]);
        assert_eq!(found, [Instance { pid: 11, cgroup: "/unit".to_owned() }]);
        assert_eq!(other_instances(&fixture.path("none"), &[]), []);
    }
}
