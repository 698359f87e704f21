//! Families that other programs leave in files, `*.prom` in a directory, in the text format.

mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use self::parse::{File as Parsed, Sample};
use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Kind, Value};
use crate::signals;

pub(super) static COLLECTOR: Collector = Collector {
    name: "textfile",
    summary: "families from the files *.prom in --collector.textfile.directory",
    default: true,
    families: &FAMILIES,
    collect,
};

const ERROR: Of = Of { labels: &[], source: "--collector.textfile.directory", bound: "1" };
const FILE: Of = Of {
    labels: &["file"],
    source: "--collector.textfile.directory",
    bound: "one for each file, 256 at most",
};

static FAMILIES: [Family; 2] = [
    ERROR.gauge(
        "node_textfile_scrape_error",
        "1 if there was an error opening or reading a file, 0 otherwise.",
        "0 or 1",
    ),
    FILE.gauge("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.", "seconds"),
];

/// The most files that are read, and bytes of one.
const MAX_FILES: usize = 256;
const MAX_BYTES: u64 = 4 << 20;

/// What all files together say.
#[derive(Default)]
struct Merged {
    families: BTreeMap<String, (Kind, String, Vec<Sample>)>,
    series: BTreeSet<(String, Vec<(String, String)>)>,
}

impl Merged {
    /// Takes a file in, whole or not at all.
    fn take(&mut self, file: Parsed) -> Result<(), String> {
        for (name, (kind, ..)) in &file.families {
            if is_taken(name) {
                return Err(format!("{name}: a family of Plimsoll's own"));
            }
            if self.families.get(name).is_some_and(|(other, ..)| other != kind) {
                return Err(format!("{name}: of another type in another file"));
            }
        }
        let key = |sample: &Sample| (sample.name.clone(), sample.labels.clone());
        let samples = || file.families.values().flat_map(|(.., samples)| samples);
        if let Some(twice) = samples().find(|sample| self.series.contains(&key(sample))) {
            return Err(format!("{}: a series for the second time", twice.name));
        }
        self.series.extend(samples().map(key));
        for (name, (kind, help, samples)) in file.families {
            let (.., all) = self.families.entry(name).or_insert((kind, help, Vec::new()));
            all.extend(samples);
        }
        Ok(())
    }
}

/// Whether a family of this name is served from elsewhere: there must not be a second block of it.
fn is_taken(name: &str) -> bool {
    super::is_ours(name)
        || name.starts_with("plimsoll_")
        || name.starts_with("process_")
        || signals::ALL.iter().flat_map(|signal| signal.families).any(|family| family.name == name)
}

/// The text of a file; not of a pipe, which would hang. What is opened is what is looked at: nobody can put one there meanwhile.
fn read(path: &Path) -> Result<(String, u64), String> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(format!("not a file of at most {MAX_BYTES} bytes"));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    // Whole seconds, as node_exporter has it.
    Ok((text, modified.unwrap_or_default().as_secs()))
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let (mut merged, mut times, mut failed) = (Merged::default(), Vec::new(), false);
    for directory in host.options.textfile_directories.clone() {
        let files = host.list(&directory).unwrap_or_else(|error| {
            tracing::debug!(%error, "directory of text files not readable");
            failed = true;
            Vec::new()
        });
        let files: Vec<&String> = files.iter().filter(|name| name.ends_with(".prom")).collect();
        failed |= files.len() > MAX_FILES;
        for name in files.into_iter().take(MAX_FILES) {
            let path = directory.join(name);
            let taken = read(&path).and_then(|(text, modified)| {
                merged.take(parse::parse(&text)?)?;
                Ok(modified)
            });
            match taken {
                Ok(modified) => times.push((path.to_string_lossy().into_owned(), modified)),
                Err(error) => {
                    tracing::debug!(file = %path.display(), error, "text file left out");
                    failed = true;
                }
            }
        }
    }
    for (name, (kind, help, samples)) in &merged.families {
        page.found(name, *kind, help);
        for sample in samples {
            let labels: Vec<(&str, &str)> =
                sample.labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
            match kind {
                Kind::Histogram | Kind::Summary => page.member(&sample.name, &labels, sample.value),
                _ => page.put(&labels, Value::Float(sample.value)),
            }
        }
    }
    page.one(&FAMILIES[0], Some(failed));
    page.family(&FAMILIES[1]);
    for (file, modified) in times {
        page.put(&[("file", &file)], modified);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    /// What the files of a directory become, without the times of the files.
    fn served(files: &[(&str, &str)]) -> String {
        let files: Vec<(String, &str)> =
            files.iter().map(|(name, text)| (format!("root/text/{name}"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let mut fixture = Fixture::new(&files);
        let directory = fixture.path("root/text");
        fixture.options().textfile_directories = vec![directory];
        let (text, result) = fixture.text(&COLLECTOR);
        result.expect("collected");
        let lines = text.lines().filter(|line| !line.contains("node_textfile_mtime"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    const GOOD: &str = "# HELP node_textfile_scrape_error 1 if there was an error opening or reading a file, 0 otherwise.\n\
                        # TYPE node_textfile_scrape_error gauge\nnode_textfile_scrape_error 0\n";

    #[test]
    fn two_files_and_what_is_none() {
        let files = [
            ("a.prom", "# TYPE x gauge\n# HELP x X.\nx{a=\"1\"} 5\n"),
            ("b.prom", "# HELP x Other.\n# TYPE x gauge\nx{a=\"2\"} 6.5\n"),
            ("c.txt", "nonsense\n"),
        ];
        let expected = "# HELP x X.\n# TYPE x gauge\nx{a=\"1\"} 5\nx{a=\"2\"} 6.5\n";
        assert_eq!(served(&files), format!("{expected}{GOOD}"));
        assert_eq!(served(&[("none.txt", "")]), GOOD);
    }

    #[test]
    fn a_bad_file_spoils_only_itself() {
        for bad in [
            "x{a=\"1\"} 5\n",
            "# TYPE x counter\nx 1\n",
            "node_load1 5\n",
            "plimsoll_build_info 1\n",
            "container_info 1\n",
            "y five\n",
            "y 5 1395066363000\n",
        ] {
            let served = served(&[("a.prom", "# TYPE x gauge\nx{a=\"1\"} 5\n"), ("b.prom", bad)]);
            assert!(
                served.contains("\nx{a=\"1\"} 5\n") && served.ends_with("scrape_error 1\n"),
                "{bad}: {served}"
            );
            assert_eq!(served.matches("\nx").count(), 1, "{bad}: {served}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there() {
        let mut fixture = Fixture::new(&[]);
        fixture.options().textfile_directories = vec!["/nonexistent".into()];
        assert_eq!(fixture.samples(&COLLECTOR), ["node_textfile_scrape_error 1"]);
    }
}
