//! What the command line says.

use std::net::IpAddr;
use std::time::Duration;

use crate::frame::Call;
use crate::net::Family;
use crate::net::icmp::Plan;
use crate::options::{Found, value};
use crate::output::Stop;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) ms: f64,
    pub(super) loss: u32,
}

/// Those of `check_host`.
const ANY: Limits = Limits { ms: 1000.0, loss: 100 };

#[derive(Debug)]
pub(super) struct Config {
    pub(super) hosts: Vec<String>,
    pub(super) family: Family,
    pub(super) warning: Limits,
    pub(super) critical: Limits,
    pub(super) enough: Option<u32>,
    pub(super) plan: Plan,
}

impl Config {
    /// Reads it.
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self {
            hosts: Vec::new(),
            family: Family::Any,
            warning: Limits { ms: 200.0, loss: 40 },
            critical: Limits { ms: 500.0, loss: 80 },
            enough: None,
            plan: Plan {
                packets: 5,
                interval: Duration::from_millis(80),
                target_interval: Duration::ZERO,
                eager: true,
                first: false,
                wait: Duration::ZERO,
                payload: 56,
                ttl: Some(64),
                whole: false,
                source: None,
            },
        };
        match call.name.as_str() {
            "check_host" => {
                config.plan.first = true;
                config.plan.interval = Duration::from_secs(1);
                (config.warning, config.critical) = (ANY, ANY);
            }
            "check_rta_multi" => config.plan.interval = Duration::from_millis(50),
            _ => {}
        }
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.hosts.extend(options.words().iter().map(|word| word.to_string_lossy().into_owned()));
        if config.hosts.is_empty() {
            return Err(Stop::unknown(format!("{}: No hosts to check", call.name)));
        }
        // As in 2.x a warning beyond critical is moved to it.
        config.warning.ms = config.warning.ms.min(config.critical.ms);
        config.warning.loss = config.warning.loss.min(config.critical.loss);
        config.plan.wait = Duration::from_secs_f64(config.critical.ms.clamp(0.0, 3.6e6) / 1e3);
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let wrong = |what: &str| Stop::unknown(format!("{}: {what}", call.name));
        match found.key {
            "H" => self.hosts.push(text),
            "w" => {
                self.warning = limits(&text, self.warning).ok_or_else(|| wrong("-w is not TIME,PERCENT%"))?
            }
            "c" => {
                self.critical =
                    limits(&text, self.critical).ok_or_else(|| wrong("-c is not TIME,PERCENT%"))?
            }
            "s" => {
                self.plan.source = Some(text.parse::<IpAddr>().map_err(|_| wrong("-s is not an address"))?)
            }
            "n" | "p" => self.plan.packets = packets(&text).map_err(|what| wrong(&what))?,
            "i" => self.plan.interval = time(&text).ok_or_else(|| wrong("-i is not a time"))?,
            "I" => self.plan.target_interval = time(&text).ok_or_else(|| wrong("-I is not a time"))?,
            "m" => self.enough = Some(value::not_negative(&text).ok_or_else(|| wrong("-m is not a number"))?),
            "l" => {
                let ttl = value::positive(&text).and_then(|ttl| u8::try_from(ttl).ok());
                self.plan.ttl = Some(ttl.ok_or_else(|| wrong("ttl is not from 1 to 255"))?);
            }
            "b" => {
                let size = value::positive(&text).filter(|size| (52..=65507).contains(size));
                let wrong = || wrong("ICMP data length must be between: 52 and 65507");
                self.plan.payload = size.ok_or_else(wrong)? as usize;
            }
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }
}

fn packets(text: &str) -> Result<u16, String> {
    match value::positive(text) {
        Some(number @ 1..=20) => Ok(u16::try_from(number).unwrap_or(20)),
        Some(number) => Err(format!("packets is > 20 ({number})")),
        None => Err("packets is not a positive number".to_owned()),
    }
}

/// `TIME,LOSS%`; what is not given stays.
fn limits(text: &str, mut limits: Limits) -> Option<Limits> {
    let (ms, loss) = text.split_once(',').map_or((text, None), |(ms, loss)| (ms, Some(loss)));
    limits.ms = time(ms)?.as_secs_f64() * 1e3;
    if let Some(loss) = loss {
        limits.loss =
            value::not_negative(loss.strip_suffix('%').unwrap_or(loss)).filter(|loss| *loss <= 100)?;
    }
    Some(limits)
}

/// A number of milliseconds, or with its unit: `us`, `ms` or `s`.
fn time(text: &str) -> Option<Duration> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("u", 1e-6), ("m", 1e-3), ("", 1e-3)];
    let (number, unit) = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let seconds = value::number(number)? * unit;
    (0.0..1e6).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}
