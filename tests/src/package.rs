//! What is handed to others: the Debian package and the image, as `tools/package` makes them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::{Context as _, Result, ensure};

use crate::tools;

/// Makes it: `deb` or `image`, under this file mode mask and time zone. Where it is.
pub fn make(what: &str, mask: &str, zone: &str) -> Result<PathBuf> {
    // Both are made in one directory.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask $0 && exec tools/package $1", mask, what]).env("TZ", zone);
    let output =
        command.current_dir(tools::workspace()).stdin(Stdio::null()).output().context("tools/package")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tools/package {what}: {errors}");
    let said = String::from_utf8(output.stdout)?;
    Ok(tools::workspace().join(said.trim()))
}
