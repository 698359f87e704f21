//! The container of a process, by the name of its cgroup.

/// The name, or the id, of the innermost one that `/proc/PID/cgroup` names.
pub fn of(cgroups: &str) -> Option<&str> {
    cgroups.lines().filter_map(|line| line.splitn(3, ':').nth(2)).find_map(of_path)
}

/// The same of one path.
fn of_path(path: &str) -> Option<&str> {
    let components: Vec<&str> = path.split('/').filter(|component| !component.is_empty()).collect();
    let parents = std::iter::once("").chain(components.iter().copied());
    parents.zip(&components).filter_map(|(parent, component)| name(parent, component)).last()
}

/// What runtimes call a container's cgroup: `docker-ID.scope`, `SLICE:cri-containerd:ID`, `ID`, `lxc.payload.NAME` and so on.
fn name<'a>(parent: &str, component: &'a str) -> Option<&'a str> {
    // What watches a container is not in it.
    if component.contains("conmon") {
        return None;
    }
    let (stem, scope) = component.strip_suffix(".scope").map_or((component, false), |stem| (stem, true));
    let id = stem.rsplit(['-', ':', '_']).next().filter(|id| is_id(id));
    let named = || {
        let prefixes: &[&str] = if scope { &["machine-", "runc-", "crun-"] } else { &["lxc.payload."] };
        prefixes.iter().find_map(|prefix| stem.strip_prefix(prefix))
    };
    let below = || matches!(parent, "lxc" | "lxc.payload").then_some(component);
    id.or_else(named).or_else(below).filter(|name| !name.is_empty())
}

/// 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_cgroup() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("0::/system.slice/docker-{id}.scope"),
            format!("12:pids:/docker/{id}\n0::/\n"),
            format!("0::/kubepods.slice/kubepods-podx.slice/cri-containerd-{id}.scope"),
            format!("0::/kubepods/burstable/pod1/{id}/init.scope"),
            format!("1:cpu:/system.slice/containerd.service/kubepods-podx.slice:cri-containerd:{id}"),
            format!("3:cpu:/\n2:name=systemd:/machine.slice/libpod-payload-{id}"),
        ] {
            assert_eq!(of(&path), Some(id.as_str()), "{path}");
        }
        for (path, name) in [
            ("0::/lxc/web/system.slice/x.service", "web"),
            ("0::/lxc.payload.web/init.scope", "web"),
            ("0::/machine.slice/machine-deb.scope/payload", "deb"),
            ("0::/user.slice/runc-try.scope", "try"),
        ] {
            assert_eq!(of(path), Some(name), "{path}");
        }
    }

    #[test]
    fn what_is_in_none_has_none() {
        let id = "0123456789abcdef".repeat(4);
        let conmon = format!("0::/machine.slice/libpod-conmon-{id}.scope");
        let long = format!("0::/x/{id}0");
        for path in [
            "",
            "x",
            "0::/",
            "0::/system.slice/ssh.service",
            "0::/user.slice/session-1.scope",
            &conmon,
            &long,
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
