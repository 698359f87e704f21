//! The network namespaces there are: each by the first process that is found in it.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Namespaces that are visited, at the most.
const MOST: usize = 4096;

/// Calls `visit` for each network namespace in which there is a process. Gives how many there were beyond the bound.
pub fn visit_network_namespaces(procfs: &Path, mut visit: impl FnMut(&File)) -> u64 {
    let mut seen = HashSet::new();
    let mut beyond = 0;
    let Ok(processes) = procfs.read_dir() else { return 0 };
    for process in processes.filter_map(Result::ok) {
        let is_number = process.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        if !is_number {
            continue;
        }
        let path = process.path().join("ns/net");
        // What cannot be asked has just ended, or is a kernel thread: those are in the host's namespace.
        let Ok(namespace) = path.metadata() else { continue };
        if seen.contains(&namespace.ino()) {
            continue;
        }
        if seen.len() >= MOST {
            beyond += 1;
            continue;
        }
        // The next process in it may do if this one ended meanwhile.
        if let Ok(file) = File::open(&path) {
            seen.insert(namespace.ino());
            visit(&file);
        }
    }
    beyond
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Result};
    use std::os::unix::fs::symlink;

    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn each_is_visited_once() -> Result<()> {
        let fixture = Fixture::empty("namespaces");
        for name in ["host", "own", "no number"] {
            fixture.file(name, name);
        }
        let processes = [("1", "host"), ("7", "host"), ("12", "own"), ("13", "own"), ("self", "no number")];
        for (process, namespace) in processes {
            let directory = fixture.path("proc").join(process).join("ns");
            std::fs::create_dir_all(&directory)?;
            symlink(fixture.path(namespace), directory.join("net"))?;
        }
        let mut visited = Vec::new();
        let beyond = visit_network_namespaces(&fixture.path("proc"), |mut namespace| {
            let mut text = String::new();
            namespace.read_to_string(&mut text).expect("text");
            visited.push(text);
        });
        visited.sort();
        assert_eq!((visited, beyond), (vec!["host".to_owned(), "own".to_owned()], 0));
        assert_eq!(visit_network_namespaces(&fixture.path("none"), |_| ()), 0);
        Ok(())
    }
}
