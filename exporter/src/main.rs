//! Command line → configuration → build → serve → drain.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::Context as _;
use plimsoll::config::file::{FileConfig, FileError};
use plimsoll::config::{Collector, Config, DestinationGroup, Invocation, When, one_line};
use plimsoll::engine::{Engine, Group, Options, Overhead};
use plimsoll::host::{HostPaths, numbers_are_the_hosts, raise_nofile_limit};
use plimsoll::http::{CollectorName, Door, Limits, Probes, Reload, Rules, Server, Settings, Source};
use plimsoll::identity::Directory;
use plimsoll::kubernetes::{self, KubernetesMetrics};
use plimsoll::ledger::Keep;
use plimsoll::node;
use plimsoll::privileges::{self, Held, Needs};
use plimsoll::probe::InForce;
use plimsoll::push_checks;
use plimsoll::push_metrics::{self, PushMetrics, Pusher};
use plimsoll::reload::{Keeper, Reloader};
use plimsoll::report::{self, Rightsizing};
use plimsoll::runtimes::{RuntimeMetrics, follow, sockets};
use plimsoll::signals;
use plimsoll::telemetry::{ConfigMetrics, REVISION, Telemetry, VERSION, log};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let collectors = collectors();
    let config = match Invocation::from_args(std::env::args_os(), &collectors) {
        Ok(Invocation::Serve(config)) => config,
        Ok(Invocation::CheckConfig(files)) => return check_config(&files),
        Ok(Invocation::CheckWebConfig(files)) => return check_web_config(&files),
        Ok(Invocation::Rightsizing(settings)) => return rightsizing(&settings),
        Ok(Invocation::Push { file, check }) => return push(&file, check),
        Err(error) => return refuse(&error),
    };
    let file = match config.file.as_deref().map(read_config).transpose() {
        Ok(file) => file.unwrap_or_default(),
        Err(failed) => return failed,
    };
    log::init(config.log.level.into(), config.log.format);
    let needs = needs(&config);
    let kept = needs.give_up_the_rest();
    let telemetry = match Telemetry::new().context("cannot set up the own metrics") {
        Ok(telemetry) => telemetry,
        Err(error) => return failed(&error),
    };
    let door = match open_door(&config, &telemetry) {
        Ok(door) => door,
        Err(failed) => return failed,
    };
    match kept {
        Ok(kept) => {
            tracing::info!(capabilities = privileges::names(kept), "capabilities kept");
            for Held { capability, held, absent } in needs.held(kept, rustix::process::geteuid().is_root()) {
                telemetry.capability(&capability, held);
                if !held {
                    tracing::warn!(capability, absent, "capability missing");
                }
            }
        }
        Err(error) => tracing::warn!(%error, "capabilities that are not needed could not be given up"),
    }
    if !numbers_are_the_hosts(&config.host.procfs) {
        tracing::warn!(
            "process numbers are those of a namespace of its own: what is read of single processes is absent"
        );
    }
    match run(&config, file, &collectors, &telemetry, door) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// What the flags need of the kernel's capabilities.
fn needs(config: &Config) -> Needs {
    let any = |source: signals::Source| {
        signals::ALL.iter().any(|signal| signal.source == source && config.collectors.contains(&signal.name))
    };
    // The host's mounts and network are those of its first process.
    let of_host = node::ALL.iter().any(|collector| config.collectors.contains(&collector.name));
    Needs {
        // The life of cgroups, too, is told by programs.
        kernel: signals::ALL.iter().any(|signal| config.collectors.contains(&signal.name)),
        dns: config.collectors.contains(&"dns"),
        listen: config.collectors.contains(&"listen"),
        processes: any(signals::Source::Process) || any(signals::Source::Cgroup) || of_host,
        low_port: config.web.listen_addresses.iter().any(|address| address.is_low()),
        probe: config.file.is_some(),
        sockets: !config.runtimes.sockets.is_empty(),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    say(&format!("plimsoll: {error:#}"));
    ExitCode::FAILURE
}

/// Reads the web configuration, and looks after it from then on.
fn open_door(config: &Config, telemetry: &Telemetry) -> Result<Option<Arc<Door>>, ExitCode> {
    let Some(path) = config.web.config_file.clone() else { return Ok(None) };
    let metrics = ConfigMetrics::web(&telemetry.registry).context("cannot set up the own metrics");
    let metrics = metrics.map_err(|error| failed(&error))?;
    let keeper = Keeper::open(path.clone(), metrics).map_err(|error| faulty(&path, &error))?;
    let door = keeper.door();
    keeper.follow().context("cannot start a thread").map_err(|error| failed(&error))?;
    Ok(Some(door))
}

/// Those of containers and those of the host. A name that both have switches both.
fn collectors() -> Vec<Collector> {
    let of_containers = signals::ALL.iter().map(|signal| Collector {
        name: signal.name,
        summary: signal.summary,
        default: signal.default,
    });
    let mut collectors: Vec<Collector> = of_containers.collect();
    for node::Collector { name, summary, default, .. } in node::ALL {
        if !collectors.iter().any(|collector| collector.name == *name) {
            collectors.push(Collector { name, summary, default: *default });
        }
    }
    collectors
}

/// Reads a configuration file; says every fault it has in a line.
fn read_config(path: &Path) -> Result<FileConfig, ExitCode> {
    FileConfig::load(path, &signals::labels()).map_err(|error| faulty(path, &error))
}

fn faulty(path: &Path, error: &FileError) -> ExitCode {
    let path = path.display();
    match error {
        FileError::Faults(faults) => faults.iter().for_each(|fault| say(&format!("{path}: {fault}"))),
        error => say(&format!("{path}: {error}")),
    }
    ExitCode::FAILURE
}

/// Runs checks and hands over their results; with `check` says only whether the file is valid.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn push(path: &Path, check: bool) -> ExitCode {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let settings = match push_checks::Settings::load(path, &host) {
        Ok(settings) => settings,
        Err(error) => return faulty(path, &error),
    };
    if check {
        println!("{}: valid, checks: {}", path.display(), settings.checks.len());
        return ExitCode::SUCCESS;
    }
    log::init(tracing::Level::INFO, log::LogFormat::Logfmt);
    if let Err(error) = push_checks::push(settings) {
        say(&format!("plimsoll: {error}"));
    }
    ExitCode::FAILURE
}

/// Says of every file what it is.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn check_config(files: &[PathBuf]) -> ExitCode {
    let mut answer = ExitCode::SUCCESS;
    for path in files {
        match read_config(path) {
            Ok(config) => {
                let (rules, modules) = (config.labelling.rules.len(), config.probing.modules.len());
                let receivers = config.push.map_or(0, |push| push.targets.len());
                let path = path.display();
                println!("{path}: valid, label rules: {rules}, modules: {modules}, receivers: {receivers}")
            }
            Err(failed) => answer = failed,
        }
    }
    answer
}

/// Says of every web configuration what it is.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn check_web_config(files: &[PathBuf]) -> ExitCode {
    let mut answer = ExitCode::SUCCESS;
    for path in files {
        match Rules::load(path, &|_| {}) {
            Ok(rules) => {
                let tls = if rules.tls.is_some() { "on" } else { "off" };
                println!("{}: valid, TLS: {tls}, users: {}", path.display(), rules.users.len())
            }
            Err(error) => answer = faulty(path, &error),
        }
    }
    answer
}

/// Writes the report; what Prometheus warns of goes beside it.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn rightsizing(settings: &Rightsizing) -> ExitCode {
    match report::rightsizing(settings) {
        Ok((text, warnings)) => {
            warnings.iter().for_each(|warning| say(&format!("plimsoll: Prometheus warns: {warning}")));
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("plimsoll: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Answers `--help` and `--version`; says in one line what is wrong with the flags.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        say(&format!("plimsoll: {}", one_line(error)));
    } else if error.print().is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::from(error.exit_code() as u8)
}

#[expect(clippy::print_stderr, reason = "the last words of a process that ends")]
fn say(line: &str) {
    eprintln!("{line}");
}

/// Answers of megabytes grow by remapping, not by copying, and leave no holes behind: by default the allocator
/// takes this back once the first such buffer was freed.
fn map_large_buffers() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only sets a threshold.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 10);
    }
}

fn run(
    config: &Config,
    mut file: FileConfig,
    collectors: &[Collector],
    telemetry: &Telemetry,
    door: Option<Arc<Door>>,
) -> anyhow::Result<()> {
    raise_nofile_limit();
    map_large_buffers();
    let (directory, runtimes) = (Arc::<Directory>::default(), RuntimeMetrics::new(&telemetry.registry)?);
    directory.need_namespaces(file.labelling.rules.need_namespaces());
    let found = sockets(&config.host.rootfs, config.runtimes.discover, &config.runtimes.sockets);
    follow(found, Arc::clone(&directory), runtimes).context("cannot start a thread")?;
    if let Some(settings) = kubernetes(config)? {
        let metrics = KubernetesMetrics::new(&telemetry.registry)?;
        kubernetes::follow(settings, Arc::clone(&directory), metrics).context("cannot start a thread")?;
    }
    let probes = Arc::new(InForce::default());
    probes.replace(std::mem::take(&mut file.probing));
    let push = file.push.take();
    let options = options(config, file, Arc::clone(&directory));
    let engine = Engine::start(options, telemetry.clone()).context("cannot start")?;
    let pusher = pusher(config, push, &engine, telemetry)?;
    let reloader = reloader(config, (&engine, &directory), &probes, pusher.as_ref(), telemetry)?;
    let settings = settings(config, collectors, probes, reloader.clone(), door);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("web")
        .max_blocking_threads(settings.blocking_threads())
        .build()
        .context("cannot start the runtime")?;
    let reload = reloader.map(Reloader::on_request).transpose().context("cannot start a thread")?;
    let served = runtime.block_on(serve(&settings, engine, telemetry, reload));
    if let Some(pusher) = pusher {
        pusher.stop(PUSH_PATIENCE);
    }
    // A scrape that hangs in the kernel must not keep the process.
    runtime.shutdown_background();
    served
}

/// How the pods of this node are followed, if they are.
fn kubernetes(config: &Config) -> anyhow::Result<Option<kubernetes::Settings>> {
    let config = &config.kubernetes;
    let in_cluster = || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    if !config.on.unwrap_or_else(|| config.kubeconfig.is_some() || in_cluster()) {
        return Ok(None);
    }
    // The kubelet calls its node so by default. In a pod it would be the pod's name.
    let host = || rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let Some(node) = config.node.clone().or_else(|| config.kubeconfig.is_some().then(host)) else {
        let missing = "the name of this node is missing: --kubernetes.node, or NODE_NAME by the downward API";
        anyhow::ensure!(config.on.is_none(), "{missing}");
        tracing::warn!("no labels by Kubernetes: {missing}");
        return Ok(None);
    };
    let (kubeconfig, max_backoff) = (config.kubeconfig.clone(), config.max_backoff);
    Ok(Some(kubernetes::Settings { node, kubeconfig, max_backoff, services: config.services }))
}

/// How long receivers have at a stop to take what waits for them.
const PUSH_PATIENCE: Duration = Duration::from_secs(5);

/// What pushes, or may be told to by the configuration file if there is one.
fn pusher(
    config: &Config,
    settings: Option<push_metrics::Settings>,
    engine: &Arc<Engine>,
    telemetry: &Telemetry,
) -> anyhow::Result<Option<Pusher>> {
    if config.file.is_none() {
        return Ok(None);
    }
    let metrics = PushMetrics::new(&telemetry.registry).context("cannot set up the own metrics")?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let source: Arc<dyn Source> = Arc::clone(engine) as _;
    Ok(Some(Pusher::start(settings, source, metrics, host).context("cannot start a thread")?))
}

/// What reads the configuration file again, if there is one.
fn reloader(
    config: &Config,
    (engine, directory): (&Arc<Engine>, &Arc<Directory>),
    probes: &Arc<InForce>,
    pusher: Option<&Pusher>,
    telemetry: &Telemetry,
) -> anyhow::Result<Option<Arc<Reloader>>> {
    let Some(path) = config.file.clone() else { return Ok(None) };
    let metrics = ConfigMetrics::new(&telemetry.registry).context("cannot set up the own metrics")?;
    let (engine, directory, probes) = (Arc::clone(engine), Arc::clone(directory), Arc::clone(probes));
    let push = pusher.map(Pusher::control);
    let apply = Box::new(move |file: FileConfig| {
        directory.need_namespaces(file.labelling.rules.need_namespaces());
        engine.relabel(file.labelling);
        probes.replace(file.probing);
        if let Some(push) = &push {
            push.replace(file.push);
        }
    });
    Ok(Some(Arc::new(Reloader::new(path, signals::labels(), metrics, apply))))
}

async fn serve(
    settings: &Settings,
    source: Arc<dyn Source>,
    telemetry: &Telemetry,
    reload: Option<SyncSender<()>>,
) -> anyhow::Result<()> {
    // Before the sockets, so that a stop is never missed once the exporter can be seen.
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let server = Server::bind(settings, source, telemetry.http.clone())?;
    tracing::info!(version = VERSION, revision = REVISION, "plimsoll starts");
    for address in server.addresses() {
        let rules = settings.door.as_ref().map(|door| door.rules()).unwrap_or_default();
        tracing::info!(%address, tls = rules.tls.is_some(), users = rules.users.len(), "listening");
    }
    let stop = async {
        loop {
            tokio::select! {
                _ = terminate.recv() => break tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => break tracing::info!("SIGINT: stopping"),
                _ = hangup.recv() => match &reload {
                    // If one waits already it will do.
                    Some(reload) => drop(reload.try_send(())),
                    None => tracing::info!("SIGHUP: ignored, there is no --config.file"),
                },
            }
        }
    };
    if !server.run(stop).await {
        tracing::warn!("stopped with requests still under way");
    }
    Ok(())
}

fn settings(
    config: &Config,
    collectors: &[Collector],
    probes: Arc<dyn Probes>,
    reloader: Option<Arc<Reloader>>,
    door: Option<Arc<Door>>,
) -> Settings {
    let name = |c: &Collector| CollectorName { name: c.name, enabled: config.collectors.contains(&c.name) };
    Settings {
        listen: config.web.listen_addresses.clone(),
        telemetry_path: config.web.telemetry_path.clone(),
        max_requests: config.web.max_requests as usize,
        scrape_timeout: config.web.scrape_timeout,
        collectors: collectors.iter().map(name).collect(),
        probes: Some(probes),
        max_probes: config.web.max_probes as usize,
        reload: reloader.filter(|_| config.web.lifecycle).map(|reloader| reloader as Arc<dyn Reload>),
        door,
        limits: Limits::default(),
    }
}

fn options(config: &Config, file: FileConfig, directory: Arc<Directory>) -> Options {
    let host = &config.host;
    Options {
        paths: HostPaths {
            procfs: host.procfs.clone(),
            sysfs: host.sysfs.clone(),
            rootfs: host.rootfs.clone(),
        },
        signals: config.collectors.clone(),
        slots: config.kernel.slots,
        memory_limit: config.kernel.memory_limit,
        actual_destination: match config.tcp.actual_destination {
            When::Auto => None,
            When::On => Some(true),
            When::Off => Some(false),
        },
        destination_groups: config.tcp.destination_groups.iter().map(group).collect(),
        max_depth: host.cgroup_max_depth as usize,
        keep: Keep {
            // The zero first, and then the value: or nothing would ever be seen of what came and went.
            scrapes: config.tombstone.scrapes.max(if config.web.zero_first { 2 } else { 0 }) as usize,
            min_age: config.tombstone.min_age.as_secs_f64(),
            max: config.tombstone.max as usize,
        },
        zero_first: config.web.zero_first,
        created: config.web.openmetrics_created,
        dns_ports: config.kernel.dns_ports.clone(),
        directory,
        labelling: file.labelling,
        node: config.node.clone(),
        dns_names: config.kernel.dns_names,
        destination_names: config.tcp.destination_names,
        overhead: Overhead { ceiling: config.overhead.cpu, interval: config.overhead.interval },
    }
}

fn group(group: &DestinationGroup) -> Group {
    Group { name: group.name.clone(), prefixes: group.prefixes.clone() }
}
