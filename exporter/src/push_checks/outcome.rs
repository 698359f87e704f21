//! A check that was run, as Icinga wants to hear of it.

use std::ffi::OsStr;
use std::time::{SystemTime, UNIX_EPOCH};

use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::process::{self, Finished};
use serde_json::{Map, Value, json};

use super::{Check, Settings};

/// As much of an output as NRPE would carry.
const MOST: usize = 64 * 1024;

/// Runs it, and gives the body of `process-check-result`.
pub(super) fn run(check: &Check, settings: &Settings) -> Value {
    let start = now();
    let finished = process::run(&check.command, Deadline::after(check.timeout));
    let (code, text) = said(check, finished);
    body(check, settings, (code, &text), (start, now()))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The exit code, and all that was written. Whatever is no state is UNKNOWN.
fn said(check: &Check, finished: Result<Finished, process::Error>) -> (i32, String) {
    let program = check.command.first().map(OsStr::new).unwrap_or_default().to_string_lossy();
    match finished {
        Ok(Finished { code: Some(code), stdout, stderr }) => {
            let output = if stdout.is_empty() { stderr } else { stdout };
            let text = String::from_utf8_lossy(&output).into_owned();
            (if (0..=3).contains(&code) { code } else { 3 }, text)
        }
        Ok(Finished { code: None, .. }) => (3, format!("UNKNOWN - {program} was ended by a signal")),
        Err(process::Error::Expired) => {
            (3, format!("UNKNOWN - {program} was ended after {} s", check.timeout.as_secs_f64()))
        }
        Err(error) => (3, format!("UNKNOWN - {program}: {error}")),
    }
}

fn body(check: &Check, settings: &Settings, (code, output): (i32, &str), (start, end): (f64, f64)) -> Value {
    let (text, perfdata) = split(output);
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    match &check.service {
        Some(service) => {
            put("type", json!("Service"));
            put("service", json!(format!("{}!{service}", settings.host)));
            put("exit_status", json!(code));
        }
        None => {
            put("type", json!("Host"));
            put("host", json!(settings.host));
            // A host is up or down; a warning is of one that is up.
            put("exit_status", json!(i32::from(code > 1)));
        }
    }
    put("plugin_output", json!(text));
    put("performance_data", json!(perfdata));
    put("check_command", json!(check.command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>()));
    put("check_source", json!(settings.check_source));
    put("execution_start", json!(start));
    put("execution_end", json!(end));
    put("ttl", json!(check.ttl.as_secs_f64()));
    Value::Object(body)
}

/// The text, and the perfdata of every line that has a `|` with a `=` after it, as Icinga takes them apart.
pub fn split(output: &str) -> (String, String) {
    let end = (0..=MOST.min(output.len())).rev().find(|end| output.is_char_boundary(*end));
    let output = output.get(..end.unwrap_or_default()).unwrap_or_default();
    let (mut texts, mut data) = (Vec::new(), Vec::new());
    for line in output.lines() {
        match line.split_once('|').filter(|(_, perfdata)| perfdata.contains('=')) {
            Some((text, perfdata)) => {
                texts.push(text.trim_end());
                data.push(perfdata.trim());
            }
            None => texts.push(line.trim_end()),
        }
    }
    (texts.join("\n").trim_end().to_owned(), data.join(" "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Icinga;
    use super::*;

    fn check(service: Option<&str>, script: &str) -> Check {
        Check {
            service: service.map(str::to_owned),
            command: ["/bin/sh", "-c", script].map(Into::into).to_vec(),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(60),
            ttl: Duration::from_secs(130),
        }
    }

    fn settings() -> Settings {
        let icinga = Icinga {
            address: "icinga".to_owned(),
            port: 5665,
            name: "icinga".to_owned(),
            ca: None,
            login: None,
            certificate: None,
        };
        Settings {
            icinga,
            host: "box".to_owned(),
            check_source: "agent".to_owned(),
            queue: "/nowhere".into(),
            max_results: 1,
            retry_max: Duration::from_secs(1),
            parallel: 1,
            checks: Vec::new(),
        }
    }

    #[test]
    fn text_and_perfdata_are_taken_apart_as_icinga_does() {
        let output = "OK - fine | a=1;2;3\nmore | text\nlong |'b c'=2\n";
        assert_eq!(split(output), ("OK - fine\nmore | text\nlong".to_owned(), "a=1;2;3 'b c'=2".to_owned()));
        assert_eq!(split(""), (String::new(), String::new()));
        let long = "ä".repeat(MOST);
        assert_eq!(split(&long).0.len(), MOST);
    }

    #[test]
    fn a_result_says_whose_it_is_and_when_it_was() {
        let check = check(Some("load"), "x");
        let body = body(&check, &settings(), (2, "CRITICAL - x|y=1"), (10.25, 11.5));
        assert_eq!(
            body,
            json!({
                "type": "Service", "service": "box!load", "exit_status": 2, "plugin_output": "CRITICAL - x",
                "performance_data": "y=1", "check_command": ["/bin/sh", "-c", "x"], "check_source": "agent",
                "execution_start": 10.25, "execution_end": 11.5, "ttl": 130.0
            })
        );
    }

    #[test]
    fn a_host_is_up_or_down() {
        let of = |code| body(&check(None, "x"), &settings(), (code, ""), (0.0, 0.0));
        let states: Vec<Value> = (0..=3).map(|code| of(code)["exit_status"].clone()).collect();
        assert_eq!(states, [0, 0, 1, 1]);
        assert_eq!((of(0)["type"].clone(), of(0)["host"].clone()), (json!("Host"), json!("box")));
    }

    #[test]
    fn what_is_no_state_is_unknown() {
        let said = |script: &str, timeout| {
            let check = Check { timeout, ..check(Some("x"), script) };
            said(&check, process::run(&check.command, Deadline::after(check.timeout)))
        };
        let long = Duration::from_secs(60);
        assert_eq!(said("echo a; exit 1", long), (1, "a\n".to_owned()));
        assert_eq!(said("echo b >&2; exit 127", long), (3, "b\n".to_owned()));
        assert_eq!(said("kill -9 $$", long), (3, "UNKNOWN - /bin/sh was ended by a signal".to_owned()));
        let ended = (3, "UNKNOWN - /bin/sh was ended after 0.05 s".to_owned());
        assert_eq!(said("sleep 1000", Duration::from_millis(50)), ended);
        let none = Check { command: vec!["/nowhere/check".into()], ..check(None, "") };
        let (code, text) = super::said(&none, process::run(&none.command, Deadline::after(long)));
        assert_eq!((code, text.as_str()), (3, "UNKNOWN - /nowhere/check: No such file or directory"));
    }
}
