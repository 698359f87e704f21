//! What is made of the trees of other machines. `UPDATE_GOLDEN=1` writes it anew.

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll::exposition::Format;
use plimsoll::host::HostPaths;
use plimsoll::node::{ALL, Node, Options};
use plimsoll_tests::structure;
use plimsoll_tests::tools::workspace;

use crate::Directory;

/// Puts a recorded tree where a host would be: `== PATH` before each file, `-> TARGET` for a link.
fn unpack(tree: &str, root: &Directory) -> Result<()> {
    for part in tree.split("\n== ").filter(|part| !part.trim().is_empty()) {
        let (path, text) = part.trim_start_matches("== ").split_once('\n').unwrap_or((part, ""));
        let path = path.trim_start_matches("== ").trim();
        match text.strip_prefix("-> ") {
            Some(target) => {
                let at = root.0.join(path);
                std::fs::create_dir_all(at.parent().context("a parent")?)?;
                std::os::unix::fs::symlink(target.trim(), at)?;
            }
            None => root.file(path, &format!("{text}\n"))?,
        }
    }
    Ok(())
}

/// What all collectors make of a tree, but for those that ask this kernel, or systemd, itself.
fn golden(name: &str) -> Result<()> {
    let fixtures = workspace().join("tests/fixtures/node");
    let root = Directory::new(name)?;
    let tree = std::fs::read_to_string(fixtures.join(format!("{name}.tree")))?;
    unpack(&tree, &root)?;
    let paths =
        HostPaths { procfs: root.0.join("proc"), sysfs: root.0.join("sys"), rootfs: root.0.join("root") };
    let not_files = ["uname", "time", "timex", "textfile", "filesystem", "systemd"];
    let of_files = |name: &str| !not_files.contains(&name);
    let collectors: Vec<_> = ALL.iter().copied().filter(|collector| of_files(collector.name)).collect();
    let reading =
        Node::new(paths, Options::default()).read(&collectors, Format::Text, std::time::Instant::now());
    let text = String::from_utf8(reading.text)?.replace(&root.0.display().to_string(), "");
    let faults = structure::faults(&text, false);
    ensure!(faults.is_empty(), "{faults:#?}");
    let failed = reading.outcomes.iter().filter(|outcome| !outcome.success);
    let failed: String = failed.map(|outcome| format!("# without {}\n", outcome.collector)).collect();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let served = failed + &samples.map(|line| format!("{line}\n")).collect::<String>();
    let path = fixtures.join(format!("{name}.prom"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &served)?;
    }
    let wanted = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (served, wanted): (Vec<_>, Vec<_>) = (served.lines().collect(), wanted.lines().collect());
    if let Some((ours, golden)) = served.iter().zip(&wanted).find(|(a, b)| a != b) {
        bail!("{name}: {ours:?} in place of {golden:?}");
    }
    assert_eq!(served.len(), wanted.len(), "{name}");
    Ok(())
}

#[test]
fn a_storage_server_with_many_disks_and_without_swap() -> Result<()> {
    golden("storage")
}

#[test]
fn a_machine_of_two_nodes_with_a_cpu_offline() -> Result<()> {
    golden("numa")
}
