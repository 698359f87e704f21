//! What the command line says.

use super::rule::Rules;
use crate::frame::Call;
use crate::host::Host;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::Stop;
use crate::tls::{self, Verify};

/// Whom to ask, and what may come of it.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) host: Host,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
    pub(super) tls: Option<tls::Wanted>,
    verify: Option<Verify>,
    pub(super) time: Option<Rules>,
    pub(super) hit_rate: Option<Rules>,
    pub(super) memory: Option<Rules>,
    pub(super) replication: Option<Rules>,
    pub(super) total: Option<f64>,
    pub(super) variables: Vec<(String, Rules)>,
    pub(super) shown: Vec<String>,
    lists: [Vec<String>; 3],
}

pub(super) const OPTIONS: &[Opt] = &[
    common::HOSTNAME,
    Opt::new("p", "port", Arg::Value("NUMBER"), "Port (6379)"),
    common::IPV4,
    common::IPV6,
    Opt::new(
        "x",
        "password",
        Arg::Value("TEXT"),
        "The password; others see it in the list of processes, but not -C",
    ),
    Opt::new("C", "credentials", Arg::Value("FILE"), "A file with the password in its first line"),
    Opt::new("user", "user", Arg::Value("NAME"), "Whose password that is, where there are users"),
    Opt::new("D", "database", Arg::Value("NUMBER"), "A database that has to be there"),
    Opt::new("S", "ssl", Arg::No, "Speak TLS"),
    Opt::new(
        "verify-cert",
        "verify-cert",
        Arg::No,
        "The certificate has to be for the host, and from an authority",
    ),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The same, with the authorities in this file, in PEM"),
    Opt::new("T", "response_time", Arg::Value("WARN,CRIT"), "Thresholds of the seconds until the answer"),
    Opt::new(
        "R",
        "hitrate",
        Arg::Value("WARN,CRIT"),
        "Thresholds of the percentage of keys that were found: <90,<80",
    ),
    Opt::new(
        "m",
        "memory_utilization",
        Arg::Value("WARN,CRIT"),
        "Thresholds of the percentage of memory used: of -M, or else of maxmemory, or of the machine's",
    ),
    Opt::new("M", "total_memory", Arg::Value("BYTES"), "How much memory there is; K, M and G are known"),
    Opt::new(
        "r",
        "replication_delay",
        Arg::Value("WARN,CRIT"),
        "Thresholds of the seconds a replica is behind",
    ),
    Opt::new("a", "variables", Arg::Value("NAME,..."), "Names of INFO to look at"),
    Opt::new(
        "w",
        "warn",
        Arg::Value("LIST"),
        "For each of them a threshold: a range, >N, <N, =TEXT, !TEXT, or ~ for none",
    ),
    Opt::new("c", "crit", Arg::Value("LIST"), "The same for critical"),
    Opt::new("A", "perfvars", Arg::Value("NAME,..."), "Names of INFO that are perfdata alone"),
    Opt::new("f", "perfparse", Arg::No, "Perfdata, which are there anyway"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self {
            host: Host { name: String::new(), port: 6379, family: Family::Any },
            user: None,
            password: None,
            database: None,
            tls: None,
            verify: None,
            time: None,
            hit_rate: None,
            memory: None,
            replication: None,
            total: None,
            variables: Vec::new(),
            shown: Vec::new(),
            lists: [const { Vec::new() }; 3],
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.finish(call)?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let list = || -> Vec<String> { text.split(',').map(|part| part.trim().to_owned()).collect() };
        let rules = || Rules::pair(&text).map(Some);
        match found.key {
            "H" => self.host.name = text,
            "p" => {
                let wrong = || call.usage(&format!("Invalid port number - {text}"));
                self.host.port = value::port(&text).ok_or_else(wrong)?;
            }
            "x" => self.password = Some(text),
            "C" => {
                let file = std::fs::read_to_string(&text);
                let file = file.map_err(|error| {
                    Stop::unknown(format!("REDIS UNKNOWN - {text}: {}", crate::words(&error)))
                })?;
                self.password = file.lines().next().map(|line| line.trim().to_owned());
            }
            "user" => self.user = Some(text),
            "D" => self.database = Some(text),
            "S" => self.tls = Some(tls::Wanted::default()),
            "verify-cert" => {
                self.verify = Some(Verify { chain: true, name: true, key: true, authorities: None })
            }
            "ca-cert" => {
                self.verify = Some(Verify { chain: true, name: true, key: true, authorities: Some(text) });
            }
            "T" => self.time = rules()?,
            "R" => self.hit_rate = rules()?,
            "m" => self.memory = rules()?,
            "r" => self.replication = rules()?,
            "M" => {
                let wrong = || call.usage(&format!("Invalid number of bytes - {text}"));
                self.total = Some(bytes(&text).ok_or_else(wrong)?);
            }
            "a" => self.lists[0] = list(),
            "w" => self.lists[1] = list(),
            "c" => self.lists[2] = list(),
            "A" => self.shown = list(),
            "f" => {}
            _ => {
                self.host.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, call: &Call) -> Result<(), Stop> {
        if self.host.name.is_empty() {
            return Err(call.usage("You must specify a server address or host name"));
        }
        let [names, warning, critical] = std::mem::take(&mut self.lists);
        for list in [&warning, &critical] {
            if !list.is_empty() && list.len() != names.len() {
                return Err(call.usage("-w and -c need as many thresholds as -a has names"));
            }
        }
        for (at, name) in names.into_iter().enumerate() {
            let text = |list: &[String]| list.get(at).cloned().unwrap_or_default();
            let rules = Rules::of(&text(&warning), &text(&critical))?;
            self.variables.push((name, rules));
        }
        if let Some(wanted) = &mut self.tls {
            wanted.verify = self.verify.take();
        }
        Ok(())
    }
}

/// `K`, `M` and `G` are powers of 1024.
fn bytes(text: &str) -> Option<f64> {
    let (number, unit) = match text.trim_end_matches(['B', 'b']) {
        text if text.ends_with(['K', 'k']) => (&text[..text.len() - 1], 1024.0),
        text if text.ends_with(['M', 'm']) => (&text[..text.len() - 1], 1_048_576.0),
        text if text.ends_with(['G', 'g']) => (&text[..text.len() - 1], 1_073_741_824.0),
        text => (text, 1.0),
    };
    value::number(number).map(|number| number * unit).filter(|bytes| *bytes > 0.0)
}
