//! Icinga's API, asked over TLS by our own client.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_checks::checks::http::client::Client;
use plimsoll_checks::checks::http::{Place, measure};
use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::tls::Verify;
use serde_json::{Value, json};

use super::{Icinga, NODE, PATIENCE, USER};

/// What Icinga knows of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `HOST!SERVICE`
    pub name: String,
    /// 0 to 3; none if it was never checked.
    pub state: Option<u64>,
    /// The first line.
    pub output: String,
    /// When it was checked last.
    pub checked: f64,
    /// All that Icinga says.
    pub attrs: Value,
}

impl Icinga {
    /// All services of a host, in their order.
    pub fn services(&self, host: &str) -> Result<Vec<Service>> {
        let answer = self.get(&format!("/v1/objects/services?filter=host.name%3D%3D%22{host}%22"))?;
        let list = answer["results"].as_array().context("no list")?;
        let mut services: Vec<Service> = list.iter().map(|one| service(&one["attrs"])).collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(services)
    }

    /// Has every service of a host that is wanted in a state checked, again and again until it is in that state.
    pub fn await_states(&self, host: &str, wanted: &[(&str, u64)]) -> Result<Vec<Service>> {
        let start = Instant::now();
        loop {
            let before = self.services(host)?;
            let filter =
                wanted.iter().map(|(name, _)| format!("service.name==\"{name}\"")).collect::<Vec<_>>();
            let filter = format!("host.name==\"{host}\" && ({})", filter.join(" || "));
            let forced = json!({ "type": "Service", "filter": filter, "force": true });
            self.post("/v1/actions/reschedule-check", &forced)?;
            let services = self.newer(host, wanted, &before)?;
            let wrong: Vec<_> = wanted
                .iter()
                .filter(|(name, state)| {
                    find(&services, host, name).and_then(|found| found.state) != Some(*state)
                })
                .map(|(name, state)| (name, state, find(&services, host, name).map(|found| &found.output)))
                .collect();
            if wrong.is_empty() {
                return Ok(services);
            }
            ensure!(start.elapsed() < PATIENCE, "not in the states they should be in: {wrong:#?}");
        }
    }

    /// The services once those that are wanted were checked again.
    fn newer(&self, host: &str, wanted: &[(&str, u64)], before: &[Service]) -> Result<Vec<Service>> {
        let start = Instant::now();
        loop {
            let services = self.services(host)?;
            let time = |list: &[Service], name: &str| find(list, host, name).map(|found| found.checked);
            if wanted.iter().all(|(name, _)| time(&services, name) > time(before, name)) {
                return Ok(services);
            }
            ensure!(start.elapsed() < PATIENCE, "not checked: {services:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn find<'s>(services: &'s [Service], host: &str, name: &str) -> Option<&'s Service> {
    services.iter().find(|service| service.name == format!("{host}!{name}"))
}

fn service(attrs: &Value) -> Service {
    let result = &attrs["last_check_result"];
    Service {
        name: attrs["__name"].as_str().unwrap_or_default().to_owned(),
        state: (!result.is_null()).then(|| attrs["state"].as_f64().unwrap_or(f64::NAN) as u64),
        output: result["output"].as_str().unwrap_or_default().to_owned(),
        checked: attrs["last_check"].as_f64().unwrap_or(-1.0),
        attrs: attrs.clone(),
    }
}

/// Its certificate has to be the one it was given.
pub(super) fn call(
    port: u16,
    directory: &Path,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let mut probe = Client::new("plimsoll-tests", "/").probe;
    probe.place = Place {
        address: "127.0.0.1".to_owned(),
        host: Some(NODE.to_owned()),
        port: port.into(),
        host_port: None,
        tls: true,
        path: path.replace(' ', "%20"),
    };
    let authority = directory.join("data/certs/authority.pem").display().to_string();
    probe.tls.verify = Some(Verify { chain: true, name: true, key: true, authorities: Some(authority) });
    probe.authorization = Some(USER.to_owned());
    method.clone_into(&mut probe.method);
    probe.post = body.map(|body| body.to_string().into_bytes());
    let measured = measure(&probe, Deadline::after(PATIENCE))?;
    let response = measured.exchange.context("no answer")?.response;
    let text = String::from_utf8_lossy(&response.body);
    ensure!(response.status() == Some(200), "{method} {path}: {} {text}", response.status_line());
    serde_json::from_str(&text).with_context(|| format!("{method} {path}: {text}"))
}
