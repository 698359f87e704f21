//! The host's distribution.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "os",
    summary: "the host's distribution and its version",
    default: true,
    families: &FAMILIES,
    collect,
};

const SOURCE: &str = "/etc/os-release or /usr/lib/os-release below `--path.rootfs`";
const INFO: Of = Of { labels: &LABELS, source: SOURCE, bound: "1" };
const VERSION: Of = Of { labels: &["id", "id_like", "name"], source: SOURCE, bound: "1" };

const LABELS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

static FAMILIES: [Family; 2] = [
    INFO.gauge("node_os_info", "What os-release says of the distribution; always 1.", "1"),
    VERSION.gauge(
        "node_os_version",
        "Metric containing the major.minor part of the OS version.",
        "a version",
    ),
];

/// A line's value as a shell would read it: with or without quotes, backslashes before what they protect.
fn value<'a>(text: &'a str, label: &str) -> std::borrow::Cow<'a, str> {
    let of = |line: &'a str| {
        let (name, value) = line.split_once('=')?;
        name.eq_ignore_ascii_case(label).then(|| value.trim())
    };
    let value = text.lines().find_map(of).unwrap_or_default();
    let quoted = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
    let value = quoted.unwrap_or(value);
    if !value.contains('\\') {
        return value.into();
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain.into()
}

/// The number that a version begins with: `22.04.1` is 22.04.
fn number(version: &str) -> Option<f64> {
    let whole = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    let rest = version[whole..].strip_prefix('.').unwrap_or_default();
    let part = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    format!("{}.{}0", version.get(..whole).filter(|text| !text.is_empty())?, &rest[..part]).parse().ok()
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let paths = ["etc/os-release", "usr/lib/os-release"].map(|name| host.paths.rootfs.join(name));
    let text = paths.iter().find_map(|path| host.text(path));
    let Some(text) = text else { return Err(NodeError::Nothing(paths[0].clone())) };
    let get = |label: &'static str| (label, value(&text, label));
    let info = LABELS.map(get);
    let info = info.each_ref().map(|(label, value)| (*label, &**value));
    page.family(&FAMILIES[0]);
    page.put(&info, 1u64);
    page.family(&FAMILIES[1]);
    let short = ["id", "id_like", "name"].map(get);
    let short = short.each_ref().map(|(label, value)| (*label, &**value));
    if let Some(version) = number(&value(&text, "version_id")) {
        page.put(&short, version);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn a_distribution() {
        let text = "NAME=\"Some \\\"Linux\\\"\"\nID=some\nID_LIKE='debian ubuntu'\nVERSION_ID=\"22.04.1\"\n# VARIANT=x\n";
        assert_eq!(
            samples(&COLLECTOR, &[("root/etc/os-release", text)]),
            [
                r#"node_os_info{build_id="",id="some",id_like="debian ubuntu",image_id="",image_version="",name="Some \"Linux\"",pretty_name="",variant="",variant_id="",version="",version_codename="",version_id="22.04.1"} 1"#,
                r#"node_os_version{id="some",id_like="debian ubuntu",name="Some \"Linux\""} 22.04"#,
            ]
        );
    }

    #[test]
    fn versions() {
        for (text, expected) in [
            ("12", Some(12.0)),
            ("22.04", Some(22.04)),
            ("7.9.2009", Some(7.9)),
            ("rolling", None),
            ("", None),
            ("15-SP4", Some(15.0)),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
