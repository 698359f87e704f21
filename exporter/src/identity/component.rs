//! Shapes of one component of a cgroup path.

use std::borrow::Cow;
use std::fmt::Write;

use super::{Kind, Qos, Runtime};

/// Prefixes before an id of 64 hex digits: `PREFIX<id>.scope` with systemd, `PREFIX<id>` without.
const PREFIXES: &[(&str, Runtime)] = &[
    ("docker-", Runtime::Docker),
    ("cri-containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("crio-", Runtime::CriO),
    ("libpod-payload-", Runtime::Podman),
    ("libpod-", Runtime::Podman),
    ("kata_", Runtime::Kata),
];

/// Prefixes of scopes whose id is any name: the runtimes' own defaults with systemd.
const NAMED_SCOPES: &[&str] = &["runc-", "crun-", "youki-"];

/// The suffixes of systemd's units that have cgroups.
const UNITS: &[&str] = &[".service", ".scope", ".socket", ".mount", ".swap"];

/// Lower-case hex digits, exactly `n`.
fn is_hex(text: &[u8], n: usize) -> bool {
    text.len() == n && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// An id that names a container wherever it stands: 64 hex digits, or Fargate's 32 and a decimal number.
pub(super) fn is_container_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.len() {
        64 => is_hex(bytes, 64),
        34..=53 => {
            is_hex(&bytes[..32], 32) && bytes[32] == b'-' && bytes[33..].iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// `8-4-4-4-12` hex digits, parted by `separator`.
fn is_uuid(text: &[u8], separator: u8) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == separator,
            _ => b.is_ascii_hexdigit(),
        })
}

/// A pod's UID as the API server makes them, or the hash that a static pod has for one.
pub(super) fn is_pod_uid(text: &str) -> bool {
    let bytes = text.as_bytes();
    is_hex(bytes, 32) || is_uuid(bytes, b'-') || is_uuid(bytes, b'_')
}

/// The UID with dashes, as the API server writes it.
pub(super) fn normal_uid(uid: &str) -> Cow<'_, str> {
    if uid.contains('_') { Cow::Owned(uid.replace('_', "-")) } else { Cow::Borrowed(uid) }
}

/// The kubelet's root of all pods, under either driver.
pub(super) fn is_kubepods(component: &str) -> bool {
    matches!(component, "kubepods" | "kubepods.slice") || component.ends_with("-kubepods.slice")
}

/// The class that a directory between `kubepods` and the pod stands for.
pub(super) fn qos_directory(component: &str) -> Option<Qos> {
    match component {
        "burstable" => Some(Qos::Burstable),
        "besteffort" => Some(Qos::BestEffort),
        _ => None,
    }
}

/// A pod's slice, `[ROOT-]kubepods[-CLASS]-pod<uid>.slice`: its UID as written and its class. Some Docker hosts
/// have the name without the suffix.
pub(super) fn pod_slice(component: &str) -> Option<(&str, Qos)> {
    let stem = component.strip_suffix(".slice").unwrap_or(component);
    let (root, rest) = stem.split_once("kubepods")?;
    let (class, uid) = rest.split_once("-pod")?;
    let qos = match class {
        "" => Qos::Guaranteed,
        "-burstable" => Qos::Burstable,
        "-besteffort" => Qos::BestEffort,
        _ => return None,
    };
    ((root.is_empty() || root.ends_with('-')) && !uid.is_empty()).then_some((uid, qos))
}

/// A component that names runtime and container id by its prefix.
pub(super) fn prefixed(component: &str) -> Option<(Runtime, &str)> {
    let stem = component.strip_suffix(".scope");
    let bare = stem.unwrap_or(component);
    let known = PREFIXES
        .iter()
        .find_map(|(prefix, runtime)| Some((*runtime, bare.strip_prefix(prefix)?)))
        .filter(|(_, id)| is_container_id(id));
    known.or_else(|| {
        let id = NAMED_SCOPES.iter().find_map(|prefix| stem?.strip_prefix(prefix))?;
        (!id.is_empty()).then_some((Runtime::Oci, id))
    })
}

/// `SLICE:PREFIX:ID`, systemd's notation taken literally by a runtime that drives cgroupfs.
pub(super) fn unexpanded(component: &str) -> Option<(&str, Option<Runtime>, &str)> {
    let mut parts = component.split(':');
    let (slice, prefix, id) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || prefix.is_empty() || id.is_empty() {
        return None;
    }
    let runtime = match prefix {
        "docker" => Some(Runtime::Docker),
        "cri-containerd" | "nerdctl" => Some(Runtime::Containerd),
        "crio" => Some(Runtime::CriO),
        "libpod" => Some(Runtime::Podman),
        "runc" | "crun" | "youki" => Some(Runtime::Oci),
        _ => None,
    };
    (slice.is_empty() || slice.ends_with(".slice")).then_some((slice, runtime, id))
}

/// A machine registered with systemd; libvirt's virtual machines are no containers.
pub(super) fn machine(component: &str) -> Option<(Runtime, &str)> {
    if let Some(name) = component.strip_prefix("systemd-nspawn@") {
        return Some((Runtime::Nspawn, name.strip_suffix(".service")?)).filter(|(_, name)| !name.is_empty());
    }
    let name = component.strip_prefix("machine-")?.strip_suffix(".scope")?;
    if name.is_empty() || name.starts_with(r"qemu\x2d") || name.starts_with("libpod_pod_") {
        return None;
    }
    let libvirt =
        name.strip_prefix(r"lxc\x2d").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    Some((if libvirt { Runtime::Lxc } else { Runtime::Nspawn }, name))
}

/// A task below Nomad's parent cgroup: `<alloc>.<task>.scope`, `<alloc>.<task>` or an older `<uuid>`.
pub(super) fn nomad_task(component: &str) -> Option<&str> {
    let id = component.strip_suffix(".scope").unwrap_or(component);
    let alloc = id.get(..36)?;
    let task = id.as_bytes().get(36);
    (is_uuid(alloc.as_bytes(), b'-') && matches!(task, None | Some(b'.' | b'-'))).then_some(id)
}

/// The cgroup of a container's keeper rather than of the container.
pub(super) fn is_helper(component: &str) -> bool {
    ["crio-conmon-", "libpod-conmon-", "lxc.monitor"].iter().any(|prefix| component.starts_with(prefix))
}

/// What a component that is no container's and no pod's stands for.
pub(super) fn plain_kind(component: &str) -> Kind {
    if component.ends_with(".slice") {
        Kind::Slice
    } else if UNITS.iter().any(|suffix| component.ends_with(suffix)) {
        Kind::Unit
    } else {
        Kind::Plain
    }
}

/// The last component of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('/').find(|component| !component.is_empty()).unwrap_or("")
}

/// Undoes systemd's `\xNN` escapes; text in which they make no UTF-8 is left alone.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains(r"\x") {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        let escaped = first == b'\\' && tail.first() == Some(&b'x');
        let byte =
            if escaped { digit(1).zip(digit(2)).map(|(high, low)| (high * 16 + low) as u8) } else { None };
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Appends a byte as `\xNN`.
pub(super) fn push_escaped(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, r"\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_only_where_they_are_whole() {
        assert_eq!(unescape(r"a\x2db\x2"), r"a-b\x2");
        assert_eq!(unescape(r"\x+1\xzz"), r"\x+1\xzz");
        assert_eq!(unescape(r"\xc3\xa9"), "é");
        assert_eq!(unescape(r"\xff"), r"\xff", "no UTF-8: left alone");
    }

    #[test]
    fn ids_have_a_shape() {
        let id = "0123456789abcdef".repeat(4);
        assert!(is_container_id(&id));
        assert!(!is_container_id(&id.to_uppercase()));
        assert!(!is_container_id(&id[1..]));
        assert!(is_container_id("438aa1824ca4058bdcab0c23e5f76c09-123456789"));
        assert!(!is_container_id("438aa1824ca4058bdcab0c23e5f76c09-"));
    }
}
