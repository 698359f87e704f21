//! `/probe`: beside Debian's blackbox exporter on the same modules and targets, what it refuses, and its bounds.

#[path = "probe/bounds.rs"]
mod bounds;
#[path = "probe/cases.rs"]
mod cases;
#[path = "probe/refused.rs"]
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use cases::{CASES, DIFFERENCES, MODULES};
use plimsoll_tests::blackbox::Blackbox;
use plimsoll_tests::exporter::{Exporter, ask, status};
use plimsoll_tests::grpc;
use plimsoll_tests::nginx::Nginx;
use plimsoll_tests::scrape::Scrape;
use plimsoll_tests::servers::Servers;
use plimsoll_tests::services::Services;
use plimsoll_tests::structure;

/// A file of a test's own; removed when dropped.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(text: &str) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("plimsoll-probe-{}-{made}.yml", std::process::id()));
        std::fs::write(&path, text)?;
        Ok(Self(path))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An exporter that only probes, by this configuration.
pub(crate) fn exporter(config: &File, more: &[&str]) -> Result<Exporter> {
    let file = format!("--config.file={}", config.0.display());
    Exporter::start(&[&["--collector.disable-defaults", file.as_str()], more].concat())
}

/// The status and the text of a probe.
pub(crate) fn probe(address: SocketAddr, module: &str, target: &str) -> Result<(u16, String)> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("module", module).append_pair("target", target);
    status(ask(address, "GET", &format!("/probe?{}", query.finish()), &[])?)
}

/// What a probe says, if it is one.
pub(crate) fn probed(exporter: &Exporter, module: &str, target: &str) -> Result<Scrape> {
    let (status, text) = probe(exporter.address(), module, target)?;
    ensure!(status == 200, "{module} {target}: {status} {text}");
    let faults = structure::faults(&text, false);
    ensure!(faults.is_empty(), "{faults:#?}");
    Ok(Scrape::parse(&text))
}

/// By the name of a gauge: its type and help, and its values by their labels.
type Gauges = BTreeMap<String, (BTreeSet<String>, BTreeMap<String, f64>)>;

fn gauges(text: &str) -> Result<Gauges> {
    let mut gauges = Gauges::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let name = comment.split(' ').nth(1).context("no name")?;
            gauges.entry(name.to_owned()).or_default().0.insert(comment.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').context("no value")?;
            let name = series.split('{').next().unwrap_or_default();
            let value = value.parse().with_context(|| line.to_owned())?;
            gauges.entry(name.to_owned()).or_default().1.insert(series.to_owned(), value);
        }
    }
    Ok(gauges)
}

/// How long something took is another number each time.
fn is_time(name: &str) -> bool {
    name.ends_with("_duration_seconds") || name == "probe_dns_lookup_time_seconds"
}

/// The names of gauges that differ, with what they are here and there.
fn differences(ours: &Gauges, theirs: &Gauges) -> BTreeMap<String, String> {
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let mut differ = BTreeMap::new();
    for name in names {
        let (ours, theirs) = (ours.get(name), theirs.get(name));
        let same = match (ours, theirs) {
            (Some(ours), Some(theirs)) if is_time(name) => {
                ours.0 == theirs.0 && ours.1.keys().eq(theirs.1.keys())
            }
            (ours, theirs) => ours == theirs,
        };
        if !same {
            differ.insert(name.clone(), format!("ours {ours:?}\n    theirs {theirs:?}"));
        }
    }
    differ
}

#[test]
fn side_by_side() -> Result<()> {
    let mut servers = Servers::start()?;
    let _nginx = Nginx::start(&mut servers)?;
    let certificates = PathBuf::from(servers.place("www")?);
    let _services = Services::start(&mut servers, &certificates)?;
    for (name, answer) in cases::GRPC {
        grpc::start(&mut servers, name, *answer)?;
    }
    let modules = MODULES.replace("CERTIFICATES", &certificates.display().to_string());
    let (theirs, ours) = (File::new(&modules)?, File::new(&format!("probe:\n  allow: ['*']\n{modules}"))?);
    let blackbox = Blackbox::start(&theirs.0)?;
    let exporter = exporter(&ours, &[])?;
    let (failures, next) = (Mutex::new(Vec::new()), Mutex::new(CASES.iter()));
    let seen = Mutex::new(BTreeSet::new());
    let compare = |name: &str, module: &str, target: &str| -> Result<()> {
        let target = servers.placed(target.to_owned())?;
        let (status, text) = probe(exporter.address(), module, &target)?;
        ensure!(status == 200, "{status} {text}");
        let mut ours = gauges(&text)?;
        let state = ours.remove("plimsoll_probe_state").context("no state")?.1;
        ensure!(state.values().sum::<f64>() == 1.0, "{state:?}");
        let theirs = gauges(&probe(blackbox.address(), module, &target)?.1)?;
        let mut differ = differences(&ours, &theirs);
        for (of, gauge, _) in DIFFERENCES.iter().filter(|(of, ..)| of.contains(&name)) {
            ensure!(differ.remove(*gauge).is_some(), "{gauge} does not differ, and is listed for {of:?}");
        }
        ensure!(differ.is_empty(), "{differ:#?}");
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((name, module, target)) = { next.lock().unwrap().next() } {
                    seen.lock().unwrap().insert(*name);
                    if let Err(error) = compare(name, module, target) {
                        failures.lock().unwrap().push(format!("{name}: {module} {target}\n  {error:#}"));
                    }
                }
            });
        }
    });
    let (mut failures, seen) = (failures.into_inner().unwrap(), seen.into_inner().unwrap());
    ensure!(seen.len() == CASES.len(), "two cases of one name");
    let listed = DIFFERENCES.iter().flat_map(|(of, ..)| of.iter());
    failures.extend(listed.filter(|name| !seen.contains(*name)).map(|name| format!("{name}: no such case")));
    println!("{} probes side by side, {} listed differences", CASES.len(), DIFFERENCES.len());
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

#[test]
fn the_examples_of_blackbox_are_modules() -> Result<()> {
    let config = File::new(cases::EXAMPLES)?;
    let exporter = plimsoll_tests::exporter::path()?;
    let output = std::process::Command::new(exporter).arg("check-config").arg(&config.0).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(said.ends_with(": valid, label rules: 0, modules: 16, receivers: 0\n"), "{said}");
    Ok(())
}
