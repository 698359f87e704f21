//! What the command line says.

use super::path::Path;
use crate::checks::http::client::Client;
use crate::frame::Call;
use crate::options::Found;
use crate::output::Stop;
use crate::range::{Range, Thresholds};

/// What is asked for, and what is looked at in the answer.
#[derive(Debug)]
pub struct Config {
    /// How to ask.
    pub client: Client,
    /// What to look at.
    pub queries: Vec<Query>,
    /// Of the time.
    pub time: Thresholds,
}

/// One value of the answer.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where it is.
    pub path: Path,
    /// What it is called, in the line and in the perfdata.
    pub label: String,
    /// Its unit.
    pub unit: &'static str,
    /// What it is judged by, as a number.
    pub thresholds: Thresholds,
    /// What it has to be, as a text.
    pub expect: Option<String>,
}

impl Config {
    /// Reads it.
    pub fn read(call: &mut Call) -> Result<Self, Stop> {
        let client = Client::new(&call.name, "/");
        let mut config = Self { client, queries: Vec::new(), time: Thresholds::default() };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.client.place(call)?;
        if config.client.probe.method.is_empty() {
            config.client.probe.method = "GET".to_owned();
        }
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let probe = &mut self.client.probe;
        match found.key {
            "q" => {
                let wrong = || call.usage(&format!("Invalid path - {text}"));
                let path = Path::parse(&text).ok_or_else(wrong)?;
                let thresholds = Thresholds::default();
                self.queries.push(Query { path, label: text, unit: "", thresholds, expect: None });
            }
            "w" | "c" | "l" | "unit" | "e" => self.take_of_query(call, found)?,
            "warning-time" => self.time.warning = Some(Range::parse(&text)?),
            "critical-time" => self.time.critical = Some(Range::parse(&text)?),
            "j" => probe.method = text,
            "T" => probe.content_type = text,
            "P" => {
                probe.post = Some(found.bytes().to_vec());
                if probe.method.is_empty() {
                    probe.method = "POST".to_owned();
                }
            }
            _ => self.client.take(call, found)?,
        }
        Ok(())
    }

    /// What is said of the query before it.
    fn take_of_query(&mut self, call: &Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let Some(query) = self.queries.last_mut() else {
            return Err(call.usage("-q has to come before what is said of its value"));
        };
        match found.key {
            "w" => query.thresholds.warning = Some(Range::parse(&text)?),
            "c" => query.thresholds.critical = Some(Range::parse(&text)?),
            "l" => query.label = text,
            "e" => query.expect = Some(text),
            _ => {
                let unit = crate::perfdata::unit(&text);
                query.unit = unit.ok_or_else(|| call.usage(&format!("Invalid unit - {text}")))?;
            }
        }
        Ok(())
    }
}
