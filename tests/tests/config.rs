//! The configuration file: labels on every series at once, and read again without losing any of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use anyhow::{Result, ensure};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::exporter::{self, Exporter};
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::scrape::Scrape;
use rustix::process::Signal;

/// A directory of a test's own: a host's root with what Docker keeps there, and a configuration file.
struct Files(PathBuf);

impl Files {
    fn new() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("plimsoll-config-{}-{made}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }

    /// Docker knows this container, with these labels.
    fn docker(&self, id: &str, name: &str, labels: &[(&str, &str)]) -> Result<()> {
        let directory = self.0.join("var/lib/docker/containers").join(id);
        std::fs::create_dir_all(&directory)?;
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let config = serde_json::json!({
            "ID": id, "Name": format!("/{name}"), "State": {"Running": true, "Pid": 0},
            "Config": {"Image": "example.org/shop:1.0", "Labels": labels},
        });
        Ok(std::fs::write(directory.join("config.v2.json"), config.to_string())?)
    }

    fn config(&self, text: &str) -> Result<String> {
        let path = self.0.join("plimsoll.yml");
        // As one does it who cares: nobody ever sees half a file.
        std::fs::write(self.0.join("new"), text)?;
        std::fs::rename(self.0.join("new"), &path)?;
        Ok(path.display().to_string())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An id as Docker gives them.
fn id() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{:032x}{:032x}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// The labels of a row's series beside the base labels and those of the families, all of them the same.
fn own_labels(scrape: &Scrape, id: &str) -> Result<BTreeMap<String, String>> {
    const OWN: [&str; 6] = ["app_env", "env", "nomad_group_name", "nomad_job_name", "stage", "zone"];
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut series = 0;
    for name in scrape.names() {
        for sample in scrape.all(name, &[("id", id)]) {
            let own = sample.labels.iter().filter(|(label, _)| OWN.contains(&label.as_str()));
            let own: BTreeMap<_, _> = own.map(|(label, value)| (label.clone(), value.clone())).collect();
            ensure!(found.get_or_insert_with(|| own.clone()) == &own, "{name}: {:?}", sample.labels);
            series += 1;
        }
    }
    ensure!(series > 50, "only {series} series of {id}");
    Ok(found.unwrap_or_default())
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

fn calls(scrape: &Scrape, id: &str) -> f64 {
    scrape.sum("container_syscalls_total", &[("id", id), ("syscall", "getsid")])
}

fn successful(scrape: &Scrape) -> f64 {
    scrape.sum("plimsoll_config_last_reload_successful", &[])
}

const FIRST: &str = "\
labels:
  - {constant: production, as: env}
  - container_label: app-env
  - {container_label: com.hashicorp.nomad.*, as: nomad_*}
  - {constant: far, as: zone, where: {name: 'elsewhere-*'}}
";
const SECOND: &str =
    "labels: [{container_label: app-env, as: stage}, {constant: near, as: zone, where: {name: 'shop-*'}}]\n";
const BAD: &str = "labels:\n  - constant: x\n  - {label: y}\n";

#[test]
fn labels_are_on_every_series_and_a_reload_loses_no_count() -> Result<()> {
    let (files, id) = (Files::new()?, id());
    let given = [
        ("app-env", "blue"),
        ("com.hashicorp.nomad.job_name", "shop"),
        ("com.hashicorp.nomad.group_name", "web"),
    ];
    files.docker(&id, "shop-1", &given)?;
    let flags = [
        format!("--path.rootfs={}", files.0.display()),
        format!("--config.file={}", files.config(FIRST)?),
        "--web.enable-lifecycle".to_owned(),
        "--tombstone.scrapes=1000".to_owned(),
    ];
    let exporter = Exporter::start(&flags.each_ref().map(String::as_str))?;
    let mut running = Container::new(&Config::default().id(&id).cgroups_path("/docker/ID"))?.start()?;
    let path = running.container().cgroups_path().to_owned();
    running.run("syscalls 7 getsid")?;
    let first =
        [("app_env", "blue"), ("env", "production"), ("nomad_group_name", "web"), ("nomad_job_name", "shop")];
    let scrape = exporter.scrape()?;
    assert_eq!((own_labels(&scrape, &path)?, calls(&scrape, &path)), (labels(&first), 7.0));
    let info: Vec<_> =
        scrape.all("container_info", &[("id", &path)]).map(|sample| sample.labels.clone()).collect();
    assert_eq!(info.len(), 1);
    for (label, value) in [("container_label_app_env", "blue"), ("runtime", "docker"), ("container_id", &id)]
    {
        assert_eq!(info[0].get(label).map(String::as_str), Some(value), "{info:?}");
    }
    assert_eq!(
        (successful(&scrape), scrape.sum("container_cpu_usage_seconds_total", &[("id", "/")]) > 0.0),
        (1.0, true)
    );

    // A bad file: by either way it is refused, named, and changes nothing.
    files.config(BAD)?;
    exporter.signal(Signal::HUP)?;
    let scrape = exporter.scrape_until("the bad file is seen", |scrape| successful(scrape) == 0.0)?;
    assert_eq!(own_labels(&scrape, &path)?, labels(&first));
    let (status, text) = exporter.post("/-/reload")?;
    let fault = "line 2, column 15: labels[0].as: is missing: the name of the label; line 3, column 6: labels[1].label: ";
    assert!(status == 500 && text.contains(fault), "{status} {text}");

    files.config(SECOND)?;
    running.run("syscalls 5 getsid")?;
    assert_eq!(exporter.post("/-/reload")?.0, 200);
    let scrape = exporter.scrape()?;
    let second = labels(&[("stage", "blue"), ("zone", "near")]);
    assert_eq!((own_labels(&scrape, &path)?, calls(&scrape, &path)), (second.clone(), 12.0));
    assert_eq!(successful(&scrape), 1.0);

    // The dead keep the labels that their last values belong to.
    running.finish()?;
    let cgroup = Cgroup::make(&format!("/plimsoll-config-{}", std::process::id()))?;
    assert_eq!(cgroup.run("syscalls 3 getsid")?, 0);
    files.config(FIRST)?;
    let dead =
        |scrape: &Scrape| scrape.all("container_memory_working_set_bytes", &[("id", &path)]).next().is_none();
    exporter.scrape_until("its cgroup is gone", dead)?;
    exporter.signal(Signal::HUP)?;
    let living = |scrape: &Scrape| {
        scrape.sum(
            "container_syscalls_total",
            &[("id", cgroup.id()), ("env", "production"), ("syscall", "getsid")],
        )
    };
    let scrape = exporter.scrape_until("the new file is in force", |scrape| living(scrape) == 3.0)?;
    assert_eq!((own_labels(&scrape, &path)?, calls(&scrape, &path)), (second, 12.0));
    Ok(())
}

#[test]
fn scrapes_go_on_while_the_file_is_read_again() -> Result<()> {
    let files = Files::new()?;
    let config = format!("--config.file={}", files.config(FIRST)?);
    let exporter = Exporter::start(&[&config, "--web.enable-lifecycle"])?;
    let cgroup = Cgroup::make(&format!("/plimsoll-reload-{}", std::process::id()))?;
    assert_eq!(cgroup.run("syscalls 9 getsid")?, 0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reloads = scope.spawn(|| {
            for at in 0..20 {
                files.config([FIRST, SECOND, BAD][at % 3])?;
                let wanted = if at % 3 == 2 { 500 } else { 200 };
                let (status, text) = exporter.post("/-/reload")?;
                ensure!(status == wanted, "{at}: {status} {text}");
            }
            done.store(true, Ordering::Release);
            Ok(())
        });
        let mut scrapes = 0;
        while scrapes < 3 || (!done.load(Ordering::Acquire) && !reloads.is_finished()) {
            let scrape = exporter.scrape()?;
            assert_eq!(calls(&scrape, cgroup.id()), 9.0, "once and whole");
            scrapes += 1;
        }
        reloads.join().expect("no panic")
    })
}

fn run(args: &[&str]) -> Result<Output> {
    Ok(Command::new(exporter::path()?).args(args).output()?)
}

#[test]
fn a_file_is_checked_whole_by_the_command_and_at_the_start() -> Result<()> {
    let (good, bad) = (Files::new()?, Files::new()?);
    let (valid, invalid) = (good.config(FIRST)?, bad.config(BAD)?);
    let checked = run(&["check-config", &valid, &invalid, "/nonexist"])?;
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&checked.stdout),
        format!("{valid}: valid, label rules: 4, modules: 0, receivers: 0\n")
    );
    let faults = format!(
        "{invalid}: line 2, column 15: labels[0].as: is missing: the name of the label\n\
         {invalid}: line 3, column 6: labels[1].label: no such field here; there are as, where, container_label, \
         container_annotation, pod_label, pod_annotation, namespace_label, namespace_annotation, constant, drop, rename\n"
    );
    let errors = format!("{faults}/nonexist: No such file or directory (os error 2)\n");
    assert_eq!(String::from_utf8_lossy(&checked.stderr), errors);
    assert_eq!(run(&["check-config", &valid])?.status.code(), Some(0));
    let started = run(&["--config.file", &invalid, "--web.listen-address=127.0.0.1:0"])?;
    assert_eq!((started.status.code(), &*String::from_utf8_lossy(&started.stderr)), (Some(1), &*faults));
    let exporter = Exporter::start(&[&format!("--config.file={valid}")])?;
    assert_eq!(exporter.post("/-/reload")?.0, 403, "unless it is enabled");
    Ok(())
}
