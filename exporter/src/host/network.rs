//! Who speaks for a network namespace: one row each, or a pod's traffic would be counted once a container.

/// A row that might.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The inode number of its network namespace, from [`super::CgroupFiles::netns`].
    pub netns: u64,
    /// True for the row of the host itself (the root cgroup): it alone may have the host's namespace.
    pub host: bool,
    /// True for a pod's sandbox, which made the namespace.
    pub sandbox: bool,
    /// Unix time at which the cgroup was made.
    pub created: f64,
}

/// The places of those candidates that speak for their namespace, in rising order. In a namespace of its own
/// a sandbox comes first, then the oldest, then the first in the list. `host` is the host's namespace; if it
/// is unknown nobody speaks, since rows of containers in the host's namespace would multiply its traffic.
pub fn owners(host: Option<u64>, candidates: &[Candidate]) -> Vec<usize> {
    let Some(host) = host else { return Vec::new() };
    let mut order: Vec<usize> =
        (0..candidates.len()).filter(|&at| candidates[at].host == (candidates[at].netns == host)).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&candidates[a], &candidates[b]);
        (a.netns.cmp(&b.netns)).then(b.sandbox.cmp(&a.sandbox)).then(a.created.total_cmp(&b.created))
    });
    order.dedup_by_key(|at| candidates[*at].netns);
    order.sort_unstable();
    order
}

/// Whether an interface is left out, by the list cAdvisor has.
pub(super) fn is_ignored(name: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 4] = [b"lo", b"veth", b"docker", b"nerdctl"];
    PREFIXES
        .iter()
        .any(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const C: Candidate = Candidate { netns: 2, host: false, sandbox: false, created: 5.0 };

    #[test]
    fn the_sandbox_speaks_for_the_pod() {
        let all = [C, Candidate { sandbox: true, created: 9.0, ..C }, Candidate { created: 1.0, ..C }];
        assert_eq!(owners(Some(1), &all), [1]);
    }

    #[test]
    fn without_a_sandbox_the_oldest_speaks() {
        let all = [C, Candidate { created: 3.0, ..C }, Candidate { created: 3.0, ..C }];
        assert_eq!(owners(Some(1), &all), [1], "the first of two that are equally old");
    }

    #[test]
    fn each_namespace_has_one() {
        let all = [Candidate { netns: 9, ..C }, C, Candidate { netns: 9, created: 6.0, ..C }];
        assert_eq!(owners(Some(1), &all), [0, 1]);
    }

    #[test]
    fn the_hosts_namespace_is_the_hosts() {
        let in_host = Candidate { netns: 1, ..C };
        let host = Candidate { host: true, ..in_host };
        assert_eq!(owners(Some(1), &[in_host, host, C]), [1, 2]);
        assert_eq!(owners(Some(1), &[in_host]), [0usize; 0]);
        assert_eq!(owners(None, &[in_host, host, C]), [0usize; 0], "unknown");
    }

    #[test]
    fn ignored_interfaces() {
        for name in ["lo", "veth12ab", "docker0", "Docker_gwbridge", "nerdctl0"] {
            assert!(is_ignored(name.as_bytes()), "{name}");
        }
        for name in ["eth0", "ens5", "cni0", "l", ""] {
            assert!(!is_ignored(name.as_bytes()), "{name}");
        }
    }
}
