//! The flags that are on or off, each with its `--no-` twin: kingpin has them, clap has to be shown.

use clap::{Arg, ArgAction, ArgMatches};

/// A collector that flags can turn on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Its name, as in `--collector.NAME`.
    pub name: &'static str,
    /// One line for `--help`.
    pub summary: &'static str,
    /// Whether it is on when no flag says anything.
    pub default: bool,
}

pub(super) const ZERO_FIRST: &str = "web.zero-first";
pub(super) const CREATED: &str = "web.openmetrics-created";
pub(super) const LIFECYCLE: &str = "web.enable-lifecycle";
pub(super) const DISCOVER: &str = "runtime.discover";
pub(super) const KUBERNETES: &str = "kubernetes";
pub(super) const SERVICES: &str = "kubernetes.services";
const DISABLE_DEFAULTS: &str = "collector.disable-defaults";
const WEB: &str = "Web";
const COLLECTORS: &str = "Collectors";
const RUNTIMES: &str = "Runtimes";
const IN_KUBERNETES: &str = "Kubernetes";

/// All flags that are on or off.
pub(super) fn args(collectors: &[Collector]) -> Vec<Arg> {
    let mut args = Vec::new();
    let zero =
        "Serve each new counter series once at 0 to every scraper, so that increase() sees its first value";
    switch(&mut args, WEB, ZERO_FIRST, zero, false);
    let created = "Write the creation time of every counter (_created) in OpenMetrics";
    switch(&mut args, WEB, CREATED, created, true);
    let lifecycle = "Let POST /-/reload read the configuration file again";
    switch(&mut args, WEB, LIFECYCLE, lifecycle, false);
    let discover = "Look for the sockets of container runtimes at their usual places";
    switch(&mut args, RUNTIMES, DISCOVER, discover, true);
    let kubernetes = "Follow the pods of this node at the API server of Kubernetes";
    switch_as(
        &mut args,
        IN_KUBERNETES,
        KUBERNETES,
        kubernetes,
        "on in a pod of a cluster and with a kubeconfig",
    );
    let services = "Follow the services of the cluster at the API server, to say which of them select the pods of this node";
    switch(&mut args, IN_KUBERNETES, SERVICES, services, false);
    let none = "Turn all collectors off that no flag turns on";
    switch(&mut args, COLLECTORS, DISABLE_DEFAULTS, none, false);
    for collector in collectors {
        let id = format!("collector.{}", collector.name);
        switch(&mut args, COLLECTORS, &id, collector.summary, collector.default);
    }
    args
}

/// Whether a flag or its twin, the last given, turns it on.
pub(super) fn is_on(matches: &ArgMatches, id: &str, default: bool) -> bool {
    if matches.get_flag(id) {
        return true;
    }
    default && !matches.get_flag(&twin(id))
}

/// What a flag or its twin, the last given, says.
pub(super) fn said(matches: &ArgMatches, id: &str) -> Option<bool> {
    let said = |id: &str| matches.get_flag(id);
    if said(id) { Some(true) } else { said(&twin(id)).then_some(false) }
}

/// The names of the collectors that are on.
pub(super) fn collectors(matches: &ArgMatches, collectors: &[Collector]) -> Vec<&'static str> {
    let defaults = !is_on(matches, DISABLE_DEFAULTS, false);
    let on = collectors.iter().filter(|collector| {
        is_on(matches, &format!("collector.{}", collector.name), collector.default && defaults)
    });
    on.map(|collector| collector.name).collect()
}

/// Appends a flag and its hidden twin; each overrides the other and itself.
fn switch(args: &mut Vec<Arg>, heading: &'static str, id: &str, help: &str, default: bool) {
    switch_as(args, heading, id, help, if default { "on" } else { "off" });
}

/// The same, where `state` says in words what holds by default.
fn switch_as(args: &mut Vec<Arg>, heading: &'static str, id: &str, help: &str, state: &str) {
    let no = twin(id);
    let flag = |id: &str| Arg::new(id.to_owned()).long(id.to_owned()).action(ArgAction::SetTrue);
    args.push(
        flag(id)
            .help(format!("{help} [default: {state}; off with --{no}]"))
            .help_heading(heading)
            .overrides_with_all([id.to_owned(), no.clone()]),
    );
    args.push(flag(&no).hide(true).help_heading(heading).overrides_with_all([id.to_owned(), no.clone()]));
}

fn twin(id: &str) -> String {
    format!("no-{id}")
}
