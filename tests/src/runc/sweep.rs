//! Containers of test runs that were killed: nobody dropped them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

use anyhow::{Context as _, Result};

/// Every id that the tests make up begins so; the process that made it up follows.
pub(super) const PREFIX: &str = "plimsoll-test-";
/// Every bundle's directory is named so, and by its id.
pub(super) const BUNDLE: &str = "plimsoll-bundle-";

/// Takes away, once in a process, what processes that are gone have left.
pub(super) fn sweep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where it cannot be done, the test's own containers still can be made, or say why not.
        let _ = take_away();
    });
}

fn take_away() -> Result<()> {
    let listed = Command::new("runc").args(["list", "--quiet"]).output().context("runc list")?;
    for id in String::from_utf8_lossy(&listed.stdout).lines().filter(|id| is_orphan(id)) {
        Command::new("runc")
            .args(["delete", "--force", id])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("runc delete")?;
    }
    for entry in std::fs::read_dir(std::env::temp_dir())?.flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(|name| name.strip_prefix(BUNDLE)).is_some_and(is_orphan) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Whether the process that made this id up is gone.
fn is_orphan(id: &str) -> bool {
    let maker = id.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
    maker.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_process_that_is_gone_made_up_is_an_orphan() {
        // Above the largest process id there is.
        assert!(is_orphan("plimsoll-test-4194305-7"));
        assert!(!is_orphan(&format!("plimsoll-test-{}-7", std::process::id())));
        assert!(!is_orphan("plimsoll-test-x-7"));
        assert!(!is_orphan("other-4194305-7"));
    }
}
