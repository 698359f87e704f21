//! What the process may do: what its flags need, and no more. The rest is given up before anything else is done.
//!
//! Capabilities belong to threads, so it happens before there is a second one.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

/// What the flags ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Programs in the kernel, and connections that were there before them.
    pub kernel: bool,
    /// The programs at the root of cgroup v2.
    pub dns: bool,
    /// Sockets that listen, asked for in each network namespace.
    pub listen: bool,
    /// Anything of processes: which namespace they are in, what they have open.
    pub processes: bool,
    /// A port that not everybody may listen on.
    pub low_port: bool,
    /// `/probe`, which may send ICMP.
    pub probe: bool,
    /// A runtime's socket that may be of another user.
    pub sockets: bool,
}

/// A capability that the flags have a use for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub capability: String,
    /// Whether it, or another in its place, is there.
    pub held: bool,
    /// What is not served without it.
    pub absent: &'static str,
}

impl Needs {
    /// The capabilities that are kept, of those that there are.
    pub fn keep(self, there: CapabilitySet) -> CapabilitySet {
        let namespaces = self.kernel || self.listen;
        let table = [
            (true, CapabilitySet::DAC_READ_SEARCH),
            (self.kernel, CapabilitySet::BPF | CapabilitySet::PERFMON),
            (self.dns, CapabilitySet::NET_ADMIN),
            (namespaces, CapabilitySet::SYS_ADMIN),
            (namespaces || self.processes, CapabilitySet::SYS_PTRACE),
            (self.low_port, CapabilitySet::NET_BIND_SERVICE),
            (self.probe, CapabilitySet::NET_RAW),
            (self.sockets, CapabilitySet::DAC_OVERRIDE),
        ];
        let kept = table.into_iter().filter(|(needed, _)| *needed);
        kept.fold(CapabilitySet::empty(), |kept, (_, one)| kept | one) & there
    }

    /// The capabilities that the flags have a use for, each with whether it is among those that are kept, or another that
    /// stands in for it is, and what is absent without it.
    pub fn held(self, kept: CapabilitySet, root: bool) -> Vec<Held> {
        let namespaces = self.kernel || self.listen;
        let any = CapabilitySet::SYS_ADMIN;
        let none = CapabilitySet::empty();
        let table = [
            (self.kernel, CapabilitySet::BPF, any, "all that programs in the kernel count"),
            (self.kernel, CapabilitySet::PERFMON, any, "all that programs in the kernel count"),
            (self.dns, CapabilitySet::NET_ADMIN, any, "container_dns_..."),
            (
                namespaces || self.processes,
                CapabilitySet::SYS_PTRACE,
                none,
                "container_network_..., container_tcp_listen_...",
            ),
            (namespaces, any, none, "connections open before the start, container_tcp_listen_..."),
            (!root, CapabilitySet::DAC_READ_SEARCH, none, "names from runtimes' state directories"),
        ];
        let needed = table.into_iter().filter(|(needed, ..)| *needed);
        let held = |(_, capability, instead, absent)| Held {
            capability: names(capability),
            held: kept.contains(capability) || kept.intersects(instead),
            absent,
        };
        needed.map(held).collect()
    }

    /// Gives up all others, for what this process may ever run, too; says what is left.
    pub fn give_up_the_rest(self) -> Result<CapabilitySet, Errno> {
        if self.kernel {
            // What SYS_RESOURCE is for: kernels before 5.11 count maps against it. Without it they say so themselves.
            let all = Rlimit { current: None, maximum: None };
            let _ = setrlimit(Resource::Memlock, all);
        }
        set_no_new_privs(true)?;
        let kept = self.keep(capabilities(None)?.permitted);
        for one in (CapabilitySet::all() - kept).iter() {
            // Needs a capability of its own, and without it there is little to gain by it.
            let _ = remove_capability_from_bounding_set(one);
        }
        let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
        set_capabilities(None, sets)?;
        Ok(kept)
    }
}

/// Their names, as `setpriv` has them.
pub fn names(set: CapabilitySet) -> String {
    let names: Vec<_> = set.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_need_keeps_its_own() {
        let kept = |needs: Needs| names(needs.keep(CapabilitySet::all()));
        let none = Needs::default();
        for (needs, wanted) in [
            (none, "dac_read_search"),
            (Needs { processes: true, ..none }, "dac_read_search,sys_ptrace"),
            (Needs { listen: true, ..none }, "dac_read_search,sys_ptrace,sys_admin"),
            (Needs { kernel: true, ..none }, "dac_read_search,sys_ptrace,sys_admin,perfmon,bpf"),
            (Needs { dns: true, ..none }, "dac_read_search,net_admin"),
            (Needs { low_port: true, ..none }, "dac_read_search,net_bind_service"),
            (Needs { probe: true, ..none }, "dac_read_search,net_raw"),
            (Needs { sockets: true, ..none }, "dac_override,dac_read_search"),
        ] {
            assert_eq!(kept(needs), wanted, "{needs:?}");
        }
        assert_eq!(names(Needs { kernel: true, ..none }.keep(CapabilitySet::BPF)), "bpf", "none is made up");
        assert_eq!(names(CapabilitySet::empty()), "none");
    }

    #[test]
    fn what_is_missing_is_named() {
        use CapabilitySet as Set;
        let missing = |needs: Needs, kept: Set, root: bool| {
            let held = needs.held(kept, root).into_iter().filter(|one| !one.held);
            held.map(|one| one.capability).collect::<Vec<_>>().join(",")
        };
        let all = Needs { kernel: true, dns: true, listen: true, processes: true, ..Needs::default() };
        for (kept, root, wanted) in [
            (Set::empty(), true, "bpf,perfmon,net_admin,sys_ptrace,sys_admin"),
            (Set::BPF | Set::PERFMON, true, "net_admin,sys_ptrace,sys_admin"),
            (Set::SYS_ADMIN, false, "sys_ptrace,dac_read_search"),
            (Set::SYS_ADMIN | Set::SYS_PTRACE, true, ""),
        ] {
            assert_eq!(missing(all, kept, root), wanted);
        }
        assert_eq!(Needs::default().held(Set::empty(), true), []);
        let hosts = Needs { processes: true, ..Needs::default() };
        assert_eq!(missing(hosts, Set::SYS_ADMIN, true), "sys_ptrace", "it does not stand in for that");
    }
}
