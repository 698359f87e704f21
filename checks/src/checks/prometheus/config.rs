//! What the command line says.

use super::answer::Series;
use crate::checks::http::client::Client;
use crate::frame::Call;
use crate::options::{Found, value};
use crate::output::Stop;
use crate::range::{Range, Thresholds};
use crate::state::State;

/// What is asked, and what may come of it.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) client: Client,
    pub(super) query: String,
    pub(super) thresholds: Thresholds,
    /// Of the number of series.
    pub(super) series: Thresholds,
    label: Option<String>,
    pub(super) unit: &'static str,
    pub(super) no_data: State,
    pub(super) max_age: Option<f64>,
    pub(super) stale: State,
    age_query: Option<String>,
}

/// Where Prometheus listens by default.
const URL: &str = "http://127.0.0.1:9090";

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self {
            client: Client::new(&call.name, URL),
            query: String::new(),
            thresholds: Thresholds::default(),
            series: Thresholds::default(),
            label: None,
            unit: "",
            no_data: State::Unknown,
            max_age: None,
            stale: State::Unknown,
            age_query: None,
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        if config.query.is_empty() {
            return Err(call.usage("You must specify a query"));
        }
        config.client.place(call)?;
        config.client.probe.method = "GET".to_owned();
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let state = || State::parse(&text).ok_or_else(|| call.usage(&format!("Invalid state - {text}")));
        match found.key {
            "q" => self.query = text,
            "w" => self.thresholds.warning = Some(Range::parse(&text)?),
            "c" => self.thresholds.critical = Some(Range::parse(&text)?),
            "warning-series" => self.series.warning = Some(Range::parse(&text)?),
            "critical-series" => self.series.critical = Some(Range::parse(&text)?),
            "l" => self.label = Some(text),
            "unit" => {
                let unit = crate::perfdata::unit(&text);
                self.unit = unit.ok_or_else(|| call.usage(&format!("Invalid unit - {text}")))?;
            }
            "no-data" => self.no_data = state()?,
            "stale" => self.stale = state()?,
            "max-age" => {
                let age = value::seconds(&text).filter(|age| *age > 0.0);
                self.max_age = Some(age.ok_or_else(|| call.usage(&format!("Invalid age - {text}")))?);
            }
            "age-query" => self.age_query = Some(text),
            _ => self.client.take(call, found)?,
        }
        Ok(())
    }

    /// How many seconds ago the last sample of each series was taken.
    pub(super) fn age_query(&self) -> String {
        format!("time() - timestamp({})", self.age_query.as_ref().unwrap_or(&self.query))
    }

    /// What a series is called.
    pub(super) fn name(&self, series: &Series) -> String {
        let Some(label) = &self.label else { return series.name() };
        let mut name = String::new();
        let mut rest = label.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((wanted, after)) = after.split_once('}') else { break };
            name.push_str(before);
            name.push_str(series.label(wanted));
            rest = after;
        }
        name + rest
    }
}
