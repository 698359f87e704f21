//! What the command line says.

use super::access::{Access, Error};
use super::kubeconfig::{Chosen, Cluster, User};
use super::workload::Kind;
use crate::findings::Limits;
use crate::frame::Call;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::Stop;

/// What to ask for, and what may come of it.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) nodes: bool,
    pub(super) pods: bool,
    pub(super) certificates: bool,
    pub(super) workloads: Vec<(Kind, Option<String>)>,
    pub(super) namespace: Option<String>,
    pub(super) selector: Option<String>,
    pub(super) pending_after: f64,
    pub(super) limits: Limits,
    kubeconfig: Option<String>,
    context: Option<String>,
    family: Family,
    cluster: Cluster,
    user: User,
}

const fn range(name: &'static str, help: &'static str) -> Opt {
    Opt::new(name, name, Arg::Value("RANGE"), help)
}

pub(super) const OPTIONS: &[Opt] = &[
    Opt::new(
        "kubeconfig",
        "kubeconfig",
        Arg::Value("FILE"),
        "As kubectl has it ($KUBECONFIG, else as a pod, else ~/.kube/config)",
    ),
    Opt::new("context", "context", Arg::Value("NAME"), "Another than the current one"),
    Opt::new("u", "server", Arg::Value("URL"), "Ask this server; no kubeconfig is read"),
    Opt { short: '\0', long: "url", arg: Arg::Value("URL"), help: "", key: "u" },
    Opt::new("token-file", "token-file", Arg::Value("FILE"), "A file with the token of who asks"),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The server's authorities, in PEM"),
    Opt::new("insecure", "insecure", Arg::No, "It may have any certificate"),
    Opt::new("J", "client-cert", Arg::Value("FILE"), "The certificate of who asks, in PEM"),
    Opt::new("K", "private-key", Arg::Value("FILE"), "Its key, in PEM"),
    common::IPV4,
    common::IPV6,
    Opt::new(
        "nodes",
        "nodes",
        Arg::No,
        "Look at nodes: those that are not ready are critical, those under pressure a warning",
    ),
    Opt::new(
        "workload",
        "workload",
        Arg::Value("KIND[/NAME]"),
        "Look at one deployment, statefulset, daemonset or job, or at all of a kind; may be repeated.\n\
         Missing pods are a warning; no pod at all, and a job that failed, are critical",
    ),
    Opt::new(
        "pods",
        "pods",
        Arg::No,
        "Look at pods: those that failed or crash are critical, those that wait long a warning",
    ),
    Opt::new(
        "certificates",
        "certificates",
        Arg::No,
        "Look at the days that the certificates of the server and of who asks last (30:, 7:)",
    ),
    Opt::new(
        "n",
        "namespace",
        Arg::Value("NAME"),
        "Only there (everywhere; of a workload with a name, that of the context)",
    ),
    Opt::new("l", "selector", Arg::Value("LABELS"), "Only what has these labels"),
    Opt::new("pending-after", "pending-after", Arg::Value("SECONDS"), "How long a pod may wait (300)"),
    range("warning-time", "Warn when the seconds until the server answers are outside of RANGE"),
    range("critical-time", "Critical when they are"),
    range("warning-not-ready", "Warn when the number of nodes that are not ready is outside of RANGE"),
    range("critical-not-ready", "Critical when it is (0)"),
    range("warning-pressure", "Warn when the number of nodes under pressure is outside of RANGE (0)"),
    range("critical-pressure", "Critical when it is"),
    range("warning-cordoned", "Warn when the number of nodes that nothing new may go to is outside of RANGE"),
    range("critical-cordoned", "Critical when it is"),
    range("warning-missing", "Warn when the number of pods that a workload misses is outside of RANGE"),
    range("critical-missing", "Critical when it is"),
    range("warning-failing", "Warn when the number of pods that failed is outside of RANGE"),
    range("critical-failing", "Critical when it is (0)"),
    range("warning-crashing", "Warn when the number of pods that crash or cannot begin is outside of RANGE"),
    range("critical-crashing", "Critical when it is (0)"),
    range("warning-pending", "Warn when the number of pods that wait too long is outside of RANGE (0)"),
    range("critical-pending", "Critical when it is"),
    range("warning-restarts", "Warn when the most restarts of one container are outside of RANGE"),
    range("critical-restarts", "Critical when they are"),
    range("warning-days", "Warn when the days that a certificate lasts are outside of RANGE (30:)"),
    range("critical-days", "Critical when they are (7:)"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self { pending_after: 300.0, ..Self::default() };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            if !config.limits.take(&found)? {
                config.take(call, &found)?;
            }
        }
        for (name, warning, critical) in [
            ("not-ready", None, Some("0")),
            ("pressure", Some("0"), None),
            ("failing", None, Some("0")),
            ("crashing", None, Some("0")),
            ("pending", Some("0"), None),
            ("days", Some("30:"), Some("7:")),
        ] {
            config.limits.by_default(name, warning, critical)?;
        }
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "kubeconfig" => self.kubeconfig = Some(text),
            "context" => self.context = Some(text),
            "u" => self.cluster.server = text,
            "token-file" => self.user.token_file = Some(text),
            "ca-cert" => self.cluster.certificate_authority = Some(text),
            "insecure" => self.cluster.insecure_skip_tls_verify = true,
            "J" => self.user.client_certificate = Some(text),
            "K" => self.user.client_key = Some(text),
            "nodes" => self.nodes = true,
            "pods" => self.pods = true,
            "certificates" => self.certificates = true,
            "workload" => {
                let (kind, name) =
                    text.split_once('/').map_or((text.as_str(), None), |(kind, name)| (kind, Some(name)));
                let plain = |name: &str| {
                    !name.is_empty()
                        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
                };
                match Kind::by_name(kind) {
                    Some(kind) if name.is_none_or(plain) => {
                        self.workloads.push((kind, name.map(str::to_owned)))
                    }
                    _ => return Err(call.usage(&format!("Invalid workload - {text}"))),
                }
            }
            "n" if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
                self.namespace = Some(text)
            }
            "n" => return Err(call.usage(&format!("Invalid namespace - {text}"))),
            "l" => self.selector = Some(text),
            "pending-after" => {
                let seconds = value::seconds(&text).filter(|seconds| *seconds >= 0.0);
                self.pending_after =
                    seconds.ok_or_else(|| call.usage(&format!("Invalid seconds - {text}")))?;
            }
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    /// How the server is reached. What the options say of who asks goes before what a file says.
    pub(super) fn access(&self, call: &Call) -> Result<Access, Stop> {
        let unknown = |error: Error| Stop::unknown(format!("KUBE UNKNOWN - {error}"));
        if self.cluster.server.is_empty() {
            if self.cluster != Cluster::default() || self.user != User::default() {
                return Err(call.usage("--ca-cert, --insecure, --token-file, -J and -K need --server"));
            }
            return Access::find(self.kubeconfig.as_deref(), self.context.as_deref(), self.family)
                .map_err(unknown);
        }
        let chosen = Chosen { cluster: self.cluster.clone(), user: self.user.clone(), namespace: None };
        Access::of(chosen, self.family).map_err(unknown)
    }

    /// The part of a path that says of which namespace: the one that was given, or else this one, or all.
    pub(super) fn within(&self, otherwise: Option<&str>) -> String {
        let namespace = self.namespace.as_deref().or(otherwise);
        namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default()
    }
}
