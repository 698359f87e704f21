//! A directory with certificates and a web configuration; gone with the value.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use plimsoll_tests::certificates;

/// A password, and the hash of it that exporter-toolkit has for users whom it does not know.
pub(crate) const PASSWORD: &str = "fakepassword";
pub(crate) const HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("plimsoll-door-{}-{made}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let files = Self(directory);
        certificates::write(&files.0)?;
        Ok(files)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a file at once, with `HASH` in it made one.
    pub(crate) fn put(&self, name: &str, text: &str) -> Result<String> {
        std::fs::write(self.0.join("new"), text.replace("HASH", HASH))?;
        std::fs::rename(self.0.join("new"), self.0.join(name))?;
        Ok(self.path(name))
    }

    /// Another certificate and key of that name, by the same authority; first one and then the other, as people do it.
    pub(crate) fn renew(&self, name: &str) -> Result<()> {
        let (certificate, key) = certificates::renewed(&self.0, name)?;
        self.put(&format!("{name}.pem"), &certificate)?;
        self.put(&format!("{name}.key"), &key)?;
        Ok(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
