//! The command line of `check_ping`, in today's way and in the old one.

use crate::frame::Call;
use crate::net::Family;
use crate::options::{Found, value};
use crate::output::Stop;

/// The time in milliseconds and the loss in percent, each if given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) time: Option<f64>,
    pub(super) loss: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Config {
    pub(super) hosts: Vec<String>,
    pub(super) family: Family,
    pub(super) warning: Limits,
    pub(super) critical: Limits,
    pub(super) packets: u16,
    pub(super) link: bool,
}

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        let mut config = Self {
            hosts: Vec::new(),
            family: Family::Any,
            warning: Limits::default(),
            critical: Limits::default(),
            packets: 5,
            link: false,
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        let words = options.words();
        config.take_words(call, words.iter().map(|word| word.to_string_lossy().into_owned()))?;
        config.validate(call)?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => self.hosts.extend(text.split(',').map(str::to_owned)),
            "w" => self.warning = limits(&text).ok_or_else(|| wrong_limits(call, "Warning", &text))?,
            "c" => self.critical = limits(&text).ok_or_else(|| wrong_limits(call, "Critical", &text))?,
            "p" => self.packets = packets(call, &text)?,
            "n" => self.link = false,
            "L" => self.link = true,
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    /// The old way: host, loss to warn, loss of critical, time to warn, time of critical, packets.
    fn take_words(&mut self, call: &Call, mut words: impl Iterator<Item = String>) -> Result<(), Stop> {
        if self.hosts.is_empty() {
            self.hosts.extend(words.next());
        }
        for (which, name) in [(&mut self.warning.loss, "wpl"), (&mut self.critical.loss, "cpl")] {
            if which.is_none()
                && let Some(word) = words.next()
            {
                let loss = value::not_negative(&word).filter(|loss| *loss <= 100);
                *which = Some(loss.ok_or_else(|| {
                    not_parsed(call, format!("<{name}> ({word}) must be an integer percentage"))
                })?);
            }
        }
        for (which, name) in [(&mut self.warning.time, "wrta"), (&mut self.critical.time, "crta")] {
            if which.is_none()
                && let Some(word) = words.next()
            {
                let time = value::number(&word).filter(|time| *time >= 0.0);
                *which = Some(time.ok_or_else(|| {
                    not_parsed(call, format!("<{name}> ({word}) must be a number of milliseconds"))
                })?);
            }
        }
        if let Some(word) = words.next() {
            self.packets = packets(call, &word)?;
        }
        Ok(())
    }

    fn validate(&self, call: &Call) -> Result<(), Stop> {
        let wrong = |what: String| Err(not_parsed(call, what));
        let unset = |name: &str| Err(not_parsed(call, format!("<{name}> was not set")));
        let Some(wrta) = self.warning.time else { return unset("wrta") };
        let Some(crta) = self.critical.time else { return unset("crta") };
        let Some(wpl) = self.warning.loss else { return unset("wpl") };
        let Some(cpl) = self.critical.loss else { return unset("cpl") };
        if wrta > crta {
            return wrong(format!("<wrta> ({wrta:.6}) cannot be larger than <crta> ({crta:.6})"));
        }
        if wpl > cpl {
            return wrong(format!("<wpl> ({wpl}) cannot be larger than <cpl> ({cpl})"));
        }
        if self.hosts.is_empty() {
            return wrong("You must specify a server address or host name".to_owned());
        }
        Ok(())
    }
}

/// As 2.x: what is wrong, then that it was.
fn not_parsed(call: &Call, what: String) -> Stop {
    Stop::Usage(format!("{what}\n{}: Could not parse arguments", call.name))
}

fn wrong_limits(call: &Call, which: &str, text: &str) -> Stop {
    call.usage(&format!("{which} threshold must be integer or percentage! - {text}"))
}

fn packets(call: &Call, text: &str) -> Result<u16, Stop> {
    let number = value::positive(text).and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| call.usage(&format!("<max_packets> must be a positive number - {text}")))
}

/// `TIME,LOSS%`, `TIME` or `LOSS%`.
pub(super) fn limits(text: &str) -> Option<Limits> {
    let mut limits = Limits::default();
    let loss =
        |text: &str| value::number(text).filter(|loss| (0.0..1e9).contains(loss)).map(|loss| loss as u32);
    for part in text.split(',') {
        match part.strip_suffix('%') {
            Some(percent) => limits.loss = Some(loss(percent)?),
            None => limits.time = Some(value::number(part).filter(|time| *time >= 0.0)?),
        }
    }
    Some(limits)
}
