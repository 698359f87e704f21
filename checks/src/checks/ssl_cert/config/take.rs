//! One option after the other.

use super::{Config, Days, Fingerprint, wrong};
use crate::frame::Call;
use crate::options::{Found, value};
use crate::output::Stop;
use crate::regex::{Flags, Regex};
use crate::state::State;
use crate::tls::Versions;
use crate::tls::start::Start;

impl Config {
    /// One option of the command line.
    pub(super) fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "t" if call.take_timeout(&text) => {}
            "t" => return Err(wrong("Timeout interval must be a positive integer")),
            "H" => self.host = Some(text),
            "f" => self.file = Some(text),
            "p" => {
                let port = value::port(&text);
                self.port = Some(port.ok_or_else(|| wrong(&format!("invalid port number '{text}'")))?);
            }
            "P" => {
                let unknown = || wrong(&format!("Error: unsupported protocol {text}"));
                self.start = Start::by_name(&text).ok_or_else(unknown)?;
                self.protocol = text;
            }
            "w" => self.limits[0] = days("warning", &text)?,
            "c" => self.limits[1] = days("critical", &text)?,
            "A" => self.vouched = false,
            "s" => self.self_signed = true,
            "m" | "n" => self.names.push(text),
            "i" => self.patterns[0] = Some(pattern(text)?),
            "o" => self.patterns[1] = Some(pattern(text)?),
            "serial" => self.patterns[2] = Some(pattern(text)?),
            "r" | "rootcert-file" => self.authorities = Some(text),
            "first-element-only" => self.most = 1,
            "element" => {
                let number =
                    value::positive(&text).ok_or_else(|| wrong("--element: not a positive number"))?;
                self.most = number as usize;
            }
            "ignore-exp" => self.expires = false,
            "ignore-host-cn" => self.for_host = false,
            "resolve" => self.address = Some(text),
            _ => self.take_more(call, found)?,
        }
        Ok(())
    }

    fn take_more(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let number = |what: &str| wrong(&format!("--{what}: not a number"));
        match found.key {
            "not-issued-by" => self.not_issued_by = Some(pattern(text)?),
            "e" => self.email = Some(pattern(text)?),
            "fingerprint" => {
                self.fingerprint = Some(Fingerprint { algorithm: String::new(), digits: text });
            }
            "fingerprint-alg" if ["sha1", "sha256", "sha512"].contains(&text.as_str()) => {
                self.algorithm = text
            }
            "fingerprint-alg" => return Err(wrong(&format!("--fingerprint-alg: unknown algorithm {text}"))),
            "maximum-validity" => self.longest[0] = Some(days(found.key, &text)?.days),
            "not-valid-longer-than" => self.longest[1] = Some(days(found.key, &text)?.days),
            "skip-element" => {
                self.skipped.push(value::positive(&text).ok_or_else(|| number(found.key))? as usize)
            }
            "ignore-incomplete-chain" => self.incomplete = true,
            "ignore-connection-problems" if !found.has_value() => self.unreachable = Some(State::Ok),
            "ignore-connection-problems" => {
                let state = State::parse(&text);
                self.unreachable = Some(state.ok_or_else(|| wrong(&format!("no state is called {text}")))?);
            }
            "no-perf" => self.perfdata = false,
            "precision" => {
                let digits = value::not_negative(&text).and_then(|number| u8::try_from(number.min(6)).ok());
                self.precision = Some(digits.ok_or_else(|| number(found.key))?);
            }
            _ => self.take_tls(call, found)?,
        }
        Ok(())
    }

    fn take_tls(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "sni" => self.tls.sni = Some(text),
            "tls1_2" => self.tls.versions = Versions::parse("1.2").unwrap_or_default(),
            "tls1_3" => self.tls.versions = Versions::parse("1.3").unwrap_or_default(),
            "C" => self.tls.identity.get_or_insert_default().0 = text,
            "K" => self.tls.identity.get_or_insert_default().1 = text,
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }
}

fn days(option: &str, text: &str) -> Result<Days, Stop> {
    let what = || wrong(&format!("--{option}: the number of days should be an integer or a float"));
    let days = value::number(text).filter(|days| *days >= 0.0).ok_or_else(what)?;
    let decimals =
        text.split_once('.').map_or(0, |(_, digits)| u8::try_from(digits.len().min(6)).unwrap_or(6));
    Ok(Days { days, decimals })
}

fn pattern(text: String) -> Result<(String, Regex), Stop> {
    let flags = Flags { ignore_case: true, line_span: true };
    let regex = Regex::new(text.as_bytes(), flags).map_err(|error| wrong(&error.to_string()))?;
    Ok((text, regex))
}
