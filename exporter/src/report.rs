//! `plimsoll report rightsizing`: what containers were given beside what they used, by the history that a Prometheus has of
//! them, and what would fit.
//!
//! Data flows one way: [`ask`] has the queries and joins their answers to one [`Usage`](sizing::Usage) for each container or
//! workload, [`sizing`] says what would fit and why, [`form`] writes it down.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ValueEnum, value_parser};

pub mod ask;
pub mod form;
pub mod sizing;

use crate::config::units::{UnitError, parse_duration, within};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Rightsizing {
    /// The Prometheus that scrapes Plimsoll, or what speaks its API
    #[arg(long = "prometheus.url", value_name = "URL", default_value = "http://localhost:9090")]
    pub url: String,
    /// User to log in as
    #[arg(long = "prometheus.user", value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// File with the user's password
    #[arg(long = "prometheus.password-file", value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// File with a bearer token to log in by
    #[arg(long = "prometheus.bearer-token-file", value_name = "FILE", conflicts_with = "user")]
    pub token_file: Option<PathBuf>,
    /// File with the authorities that the server's certificate may be from, in PEM; the system's if not said
    #[arg(long = "prometheus.ca-file", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How long an answer may take
    #[arg(long = "timeout", value_name = "DURATION", default_value = "2m", value_parser = timeout)]
    pub timeout: Duration,
    /// How far back to look: 90m, 2d, 1w
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = since)]
    pub since: Duration,
    /// How long a moment is: peaks are the most of such means
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = resolution)]
    pub resolution: Duration,
    /// Which containers, by matchers of PromQL: 'namespace="shop",pod=~"cart-.*"'
    #[arg(long, value_name = "MATCHERS", default_value = "", hide_default_value = true, value_parser = value_parser!(String))]
    pub selector: String,
    /// What a line is about
    #[arg(long, value_name = "WHAT", default_value = "workload")]
    pub by: By,
    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// One container of a workload, whichever pods it was in; what is in no pod by its name
    Workload,
    /// Each container by itself
    Container,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it, and a comment would become a line of --help")]
pub enum Format {
    Table,
    Csv,
    Json,
}

/// The report as text, and what Prometheus warns of.
pub fn rightsizing(settings: &Rightsizing) -> Result<(String, Vec<String>), ask::Error> {
    let (lines, warnings) = ask::usages(settings)?;
    Ok((form::write(settings.format, &lines), warnings))
}

fn since(text: &str) -> Result<Duration, UnitError> {
    within(parse_duration(text)?, Duration::from_secs(60), Duration::from_secs(366 * 86_400), "1m to 366d")
}

fn resolution(text: &str) -> Result<Duration, UnitError> {
    within(parse_duration(text)?, Duration::from_secs(5), Duration::from_secs(86_400), "5s to 1d")
}

fn timeout(text: &str) -> Result<Duration, UnitError> {
    within(parse_duration(text)?, Duration::from_secs(1), Duration::from_secs(3600), "1s to 1h")
}
