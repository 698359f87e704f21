//! DNS messages on a cable, as tshark takes them apart: a witness that shares nothing with the exporter.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::netns::within;

/// A question, or an answer with its rcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The name asked for.
    pub name: String,
    /// The type asked for, by its number.
    pub kind: u16,
    /// Of an answer.
    pub rcode: Option<u8>,
}

/// A running tshark; stopped when dropped.
#[derive(Debug)]
pub struct Capture {
    child: Child,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Capture {
    /// Starts one on an interface in the namespace of a process. It sees nothing yet for a while.
    pub fn start(pid: u32, interface: &str) -> Result<Self> {
        let mut command = Command::new("tshark");
        command.args(["-l", "-n", "-i", interface, "-f", "port 53", "-Y", "dns", "-T", "fields"]);
        for field in ["dns.flags.response", "dns.qry.name", "dns.qry.type", "dns.flags.rcode"] {
            command.args(["-e", field]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = within(pid, move || command.spawn().context("tshark: run tools/setup packages"))?;
        let lines = BufReader::new(child.stdout.take().context("standard output is no pipe")?).lines();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                into.lock().unwrap_or_else(PoisonError::into_inner).extend(messages(&line));
            }
        });
        Ok(Self { child, seen })
    }

    /// Asks until a question for this name is on the cable, so that all before it are known. Whatever is asked for it is left
    /// out of the counts.
    pub fn until(&self, name: &str, mut ask: impl FnMut() -> Result<()>) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.seen().iter().any(|message| message.name == name) {
            ensure!(Instant::now() < end, "tshark has not seen {name} within a minute");
            ask()?;
            // A name server answers the same question only so often in a second.
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// How often each type was asked for, and answered with which rcode (`None` for the question), but for these names.
    pub fn counts(&self, but: &[&str]) -> BTreeMap<(u16, Option<u8>), u64> {
        let mut counts = BTreeMap::new();
        for message in self.seen().iter().filter(|message| !but.contains(&&*message.name)) {
            *counts.entry((message.kind, message.rcode)).or_insert(0) += 1;
        }
        counts
    }

    fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Those of a packet: each field has the values of all, with commas between them.
fn messages(line: &str) -> Vec<Message> {
    let mut fields = line.split('\t').map(|field| field.split(',').collect::<Vec<_>>());
    let mut next = || fields.next().unwrap_or_default();
    let (responses, names, kinds, rcodes) = (next(), next(), next(), next());
    let mut rcodes = rcodes.iter().filter_map(|rcode| rcode.parse().ok());
    let all = responses.iter().zip(names).zip(kinds);
    all.filter_map(|((response, name), kind)| {
        let rcode = if matches!(*response, "1" | "True") { Some(rcodes.next()?) } else { None };
        Some(Message { name: name.to_owned(), kind: kind.parse().ok()?, rcode })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_may_have_several() {
        let message = |name: &str, kind, rcode| Message { name: name.to_owned(), kind, rcode };
        assert_eq!(messages("0\twww.example.test\t1\t"), [message("www.example.test", 1, None)]);
        assert_eq!(
            messages("1,1\ta.test,b.test\t28,16\t0,3"),
            [message("a.test", 28, Some(0)), message("b.test", 16, Some(3))]
        );
        assert_eq!(messages(""), []);
    }
}
