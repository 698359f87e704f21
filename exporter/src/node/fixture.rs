//! A host made of a few files, for the tests of collectors.

use std::path::PathBuf;

use super::{Collector, Host, NodeError, Options, Page};
use crate::exposition::{Encoder, Format};
use crate::host::HostPaths;

pub(super) struct Fixture {
    root: PathBuf,
    host: Host,
}

impl Fixture {
    /// With these files under `proc`, `sys` and `root`; a path ending in `@` is a link to the text.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("plimsoll-node-{}-{number}", std::process::id()));
        for (name, text) in files {
            let path = root.join(name.trim_end_matches('@'));
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
            if name.ends_with('@') {
                std::os::unix::fs::symlink(text, path).expect("link");
            } else {
                std::fs::write(path, text).expect("file");
            }
        }
        let paths =
            HostPaths { procfs: root.join("proc"), sysfs: root.join("sys"), rootfs: root.join("root") };
        Self { host: Host::new(paths, Options::default()), root }
    }

    pub(super) fn options(&mut self) -> &mut Options {
        &mut self.host.options
    }

    pub(super) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.root.join(name), text).expect("file");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The whole text, and how it ended.
    pub(super) fn text(&mut self, collector: &Collector) -> (String, Result<(), NodeError>) {
        let mut out = Vec::new();
        self.host.begin(std::time::Instant::now());
        let result =
            (collector.collect)(&mut self.host, &mut Page::new(Encoder::new(&mut out, Format::Text)));
        (String::from_utf8(out).expect("valid UTF-8"), result)
    }

    /// Its samples.
    pub(super) fn samples(&mut self, collector: &Collector) -> Vec<String> {
        let (text, result) = self.text(collector);
        result.expect("collected");
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// The samples of a collector on a host that has these files.
pub(super) fn samples(collector: &Collector, files: &[(&str, &str)]) -> Vec<String> {
    Fixture::new(files).samples(collector)
}
