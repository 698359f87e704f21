//! What a runtime says by its own interface is on every series of its containers, whatever the runtime does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::scrape::Scrape;

#[path = "runtimes/real.rs"]
mod real;

/// A Docker that lists nothing and then says what it is told to, on a socket of its own.
struct Docker {
    path: PathBuf,
    say: Option<Sender<String>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Docker {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("plimsoll-docker-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let (say, said) = channel::<String>();
        let serve = move || {
            const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
            let (mut events, _) = listener.accept()?;
            read_request(&events);
            write!(events, "{OK}Transfer-Encoding: chunked\r\n\r\n")?;
            let (mut list, _) = listener.accept()?;
            read_request(&list);
            write!(list, "{OK}Content-Length: 2\r\n\r\n[]")?;
            for event in said {
                write!(events, "{:x}\r\n{event}\n\r\n", event.len() + 1)?;
                // Whoever hears that a container started asks for more of it.
                let (mut asked, _) = listener.accept()?;
                read_request(&asked);
                write!(asked, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            }
            Ok(())
        };
        Ok(Self { path, say: Some(say), thread: Some(std::thread::spawn(serve)) })
    }

    fn starts(&self, id: &str, name: &str) -> Result<()> {
        let attributes =
            serde_json::json!({"name": name, "image": "example.org/shop:2.0", "app-env": "blue"});
        let actor = serde_json::json!({"ID": id, "Attributes": attributes});
        let event = serde_json::json!({"Type": "container", "Action": "start", "Actor": actor});
        self.say.as_ref().context("it runs")?.send(event.to_string())?;
        Ok(())
    }

    /// It stops, and its socket stays behind.
    fn stop(&mut self) -> Result<()> {
        drop(self.say.take());
        self.thread.take().context("it runs")?.join().expect("no panic")?;
        Ok(())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn read_request(stream: &UnixStream) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).for_each(drop);
}

/// The name, image and label of a row's system calls, and how many there were.
fn shown(scrape: &Scrape, id: &str) -> Vec<(String, String, Option<String>, f64)> {
    let wanted = [("id", id), ("syscall", "getsid")];
    let series = scrape.all("container_syscalls_total", &wanted);
    let of = |label: &str, labels: &std::collections::BTreeMap<String, String>| labels.get(label).cloned();
    series
        .map(|sample| {
            let (name, image) = (of("name", &sample.labels), of("image", &sample.labels));
            (name.unwrap_or_default(), image.unwrap_or_default(), of("app_env", &sample.labels), sample.value)
        })
        .collect()
}

fn up(scrape: &Scrape) -> Vec<f64> {
    scrape.all("plimsoll_runtime_up", &[("runtime", "docker")]).map(|sample| sample.value).collect()
}

/// As the driver `exec` has it: no state directory, and a socket least of all.
#[test]
fn a_task_of_nomad_has_what_its_environment_says() -> Result<()> {
    let config = std::env::temp_dir().join(format!("plimsoll-nomad-{}.yml", std::process::id()));
    std::fs::write(&config, "labels: [{container_label: com.hashicorp.nomad.job_name, as: job_name}]\n")?;
    let flags = ["--no-runtime.discover".to_owned(), format!("--config.file={}", config.display())];
    let exporter = Exporter::start(&flags.each_ref().map(String::as_str))?;
    let allocation = format!("e3b9d4f0-8c3e-4f3a-9d55-{:012x}", std::process::id());
    let path = format!("/nomad-{}/{allocation}.web", std::process::id());
    let task = Config::default().cgroups_path(&path).variable(&format!("NOMAD_ALLOC_ID={allocation}"));
    let task = task.variable("NOMAD_JOB_NAME=shop").variable("NOMAD_TOKEN=nobodys");
    let mut running = Container::new(&task)?.start()?;
    running.run("syscalls 7 getsid")?;
    let wanted = [("id", path.as_str()), ("syscall", "getsid"), ("job_name", "shop")];
    let named = |scrape: &Scrape| scrape.value("container_syscalls_total", &wanted).is_some();
    let scrape = exporter.scrape_until("its job is known", named)?;
    assert_eq!(scrape.value("container_syscalls_total", &wanted), Some(7.0));
    let info = [("id", path.as_str()), ("runtime", "nomad")];
    let labels = scrape.all("container_info", &info).next().context("it is there")?.labels.clone();
    let alloc = labels.get("container_label_com_hashicorp_nomad_alloc_id");
    assert_eq!(alloc, Some(&allocation));
    assert!(!exporter.get("/metrics", &[])?.contains("nobodys"));
    running.finish()?;
    std::fs::remove_file(&config)?;
    Ok(())
}

#[test]
fn a_container_has_what_its_runtime_says_of_it_and_keeps_it() -> Result<()> {
    let config = std::env::temp_dir().join(format!("plimsoll-runtimes-{}.yml", std::process::id()));
    std::fs::write(&config, "labels: [{container_label: app-env}]\n")?;
    let mut docker = Docker::new()?;
    let flags = [
        "--no-runtime.discover".to_owned(),
        format!("--runtime.socket=docker={}", docker.path.display()),
        format!("--config.file={}", config.display()),
        "--tombstone.scrapes=1000".to_owned(),
    ];
    let exporter = Exporter::start(&flags.each_ref().map(String::as_str))?;
    exporter.scrape_until("it is followed", |scrape| up(scrape) == [1.0])?;
    let ids = ["a", "b"].map(|kind| format!("{:063x}{kind}", std::process::id()));

    // Said while it lives, after it was waited for: not shown at first, then served by its id alone, and with all its labels after.
    let began = Instant::now();
    let mut running = Container::new(&Config::default().id(&ids[0]).cgroups_path("/docker/ID"))?.start()?;
    let path = running.container().cgroups_path().to_owned();
    running.run("syscalls 7 getsid")?;
    let image = || "example.org/shop:2.0".to_owned();
    let scrape = exporter.scrape()?;
    // Whatever takes longer than the second that is waited has nothing to say of it.
    let early = began.elapsed() < Duration::from_secs(1);
    assert!(!early || shown(&scrape, &path).is_empty(), "shown before anybody could have named it");
    let is_shown = |scrape: &Scrape| !shown(scrape, &path).is_empty();
    let scrape = exporter.scrape_until("it is waited for no longer", is_shown)?;
    assert_eq!(shown(&scrape, &path), [(ids[0].clone(), String::new(), None, 7.0)]);
    docker.starts(&ids[0], "shop-1")?;
    let named = |scrape: &Scrape| shown(scrape, &path).iter().any(|(name, ..)| name == "shop-1");
    let scrape = exporter.scrape_until("its name is known", named)?;
    let wanted = [("shop-1".to_owned(), image(), Some("blue".to_owned()), 7.0)];
    assert_eq!(shown(&scrape, &path), wanted);
    running.finish()?;

    // Said before it lives, and nobody looked while it did.
    docker.starts(&ids[1], "job-2")?;
    let mut running = Container::new(&Config::default().id(&ids[1]).cgroups_path("/docker/ID"))?.start()?;
    let job = running.container().cgroups_path().to_owned();
    running.run("syscalls 9 getsid")?;
    running.finish()?;
    let named = |scrape: &Scrape| shown(scrape, &job).iter().any(|(name, ..)| name == "job-2");
    let scrape = exporter.scrape_until("its name is known", named)?;
    assert_eq!(shown(&scrape, &job), [("job-2".to_owned(), image(), Some("blue".to_owned()), 9.0)]);

    // Without its runtime it is as it was.
    docker.stop()?;
    let scrape = exporter.scrape_until("it is not followed", |scrape| up(scrape) == [0.0])?;
    assert_eq!(shown(&scrape, &path), wanted);
    std::fs::remove_file(&config)?;
    Ok(())
}
