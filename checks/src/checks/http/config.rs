//! What the command line says.

use super::follow::Follow;
use super::probe::{Place, Probe, Version};
use crate::frame::Call;
use crate::help::version_words;
use crate::http::{Jar, Wants};
use crate::net::Family;
use crate::output::Stop;
use crate::range::{Range, Thresholds};
use crate::regex::{Flags, Regex};
use crate::state::State;
use crate::tls;

mod take;

/// What to do about a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onto {
    /// Go there.
    Next(Follow),
    /// End in this state.
    State(State),
}

/// How a page is measured and judged.
#[derive(Debug)]
pub struct Config {
    /// What to measure.
    pub probe: Probe,
    /// What to do about a redirect.
    pub onto: Onto,
    /// What the first line is to have, if not what HTTP says.
    pub expect: Option<String>,
    /// What is to be among the headers.
    pub header_string: Vec<u8>,
    /// What is to be in the page.
    pub string: Vec<u8>,
    /// What is to be in the page, as an expression.
    pub regex: Option<Regex>,
    /// Whether it is not to be there.
    pub invert_regex: bool,
    /// How old the page may be, in seconds.
    pub max_age: Option<u64>,
    /// The least and the most bytes.
    pub size: (Option<u64>, Option<u64>),
    /// Of the time.
    pub thresholds: Thresholds,
    /// Whether the steps of the time are printed.
    pub extended: bool,
    /// Whether the line is a link.
    pub link: bool,
    /// Whether the page is shown.
    pub show_body: bool,
    /// Where cookies are kept from one run to the next.
    pub cookie_jar: Option<String>,
    /// Whether it was called `check_curl`, whose texts are other ones here and there.
    pub curl: bool,
    warning: Option<String>,
    critical: Option<String>,
    port_given: bool,
    address: Option<String>,
    host: Option<String>,
    redirects: u32,
    flags: Flags,
}

/// How much of a page is looked through; all of it is counted.
const KEEP: usize = 16 << 20;

impl Config {
    /// Reads it.
    pub fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        for arg in &mut call.args {
            // As older versions wrote them.
            for (old, new) in [("-to", "-t"), ("-hn", "-H"), ("-wt", "-w"), ("-ct", "-c"), ("-nohtml", "-n")]
            {
                if arg == old {
                    *arg = new.into();
                }
            }
        }
        let mut config = Self::new(&call.name);
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        let mut words = options.words().into_iter().map(|word| word.to_string_lossy().into_owned());
        config.address = config.address.take().or_else(|| words.next());
        config.host = config.host.take().or_else(|| words.next());
        config.finish(call)?;
        Ok(config)
    }

    /// Reads the cookies, under the time that has begun by then. A file that is not there yet will be.
    pub fn read_cookies(&mut self) {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        self.probe.cookies = self.cookie_jar.as_ref().map(|path| Jar::parse(&text(path)));
    }

    /// Whether the first line is one that was expected.
    pub fn expected(&self, line: &str) -> bool {
        let usual = if self.probe.version == Some(Version::V2) { "HTTP/" } else { "HTTP/1." };
        let expect = self.expect.as_deref().unwrap_or(usual);
        expect.split(',').any(|part| !part.is_empty() && line.contains(part))
    }

    fn new(name: &str) -> Self {
        let place = Place {
            address: String::new(),
            host: None,
            port: 80,
            host_port: None,
            tls: false,
            path: "/".to_owned(),
        };
        let probe = Probe {
            place,
            tls: tls::Wanted::default(),
            beyond_certificate: false,
            family: Family::Any,
            method: String::new(),
            through_proxy: false,
            version: None,
            headers: Vec::new(),
            user_agent: version_words(name),
            authorization: None,
            proxy_authorization: None,
            post: None,
            content_type: "application/x-www-form-urlencoded".to_owned(),
            wants: Wants { body: true, keep: 0 },
            follow: None,
            cookies: None,
            compressed: false,
        };
        Self {
            probe,
            onto: Onto::State(State::Ok),
            expect: None,
            header_string: Vec::new(),
            string: Vec::new(),
            regex: None,
            invert_regex: false,
            max_age: None,
            size: (None, None),
            thresholds: Thresholds::default(),
            extended: false,
            link: false,
            show_body: false,
            cookie_jar: None,
            curl: name == "check_curl",
            warning: None,
            critical: None,
            port_given: false,
            address: None,
            host: None,
            redirects: 15,
            flags: Flags::default(),
        }
    }

    /// What follows from the options together.
    fn finish(&mut self, call: &mut Call) -> Result<(), Stop> {
        let nobody = || call.usage("You must specify a server address or host name");
        let address = self.address.clone().or_else(|| self.host.clone()).ok_or_else(nobody)?;
        self.thresholds = Thresholds::parse(self.warning.as_deref(), self.critical.as_deref())?;
        let last = self.thresholds.critical.as_ref().map(Range::end).filter(|end| end.is_finite());
        if let Some(last) = last.filter(|end| *end > f64::from(call.timeout())) {
            call.set_timeout(last as u32 + 1);
        }
        let probe = &mut self.probe;
        if let Some((certificate, key)) = &probe.tls.identity {
            if certificate.is_empty() {
                probe.tls.identity = None;
            } else if key.is_empty() {
                let what = "If you use a client certificate you must also specify a private key file";
                return Err(call.usage(what));
            }
        }
        if let Some(verify) = &mut probe.tls.verify {
            verify.chain |= verify.authorities.is_some();
        }
        probe.place.address = address;
        probe.place.host = self.host.take();
        if probe.method.is_empty() && probe.post.is_none() {
            probe.method = "GET".to_owned();
        }
        if probe.version == Some(Version::V2) {
            probe.tls.protocols = vec![b"h2"];
        }
        let tunnel = probe.place.tls && probe.place.host.is_some();
        let inner = match probe.method.split_once(':') {
            None if probe.method == "CONNECT" => Some("GET"),
            Some(("CONNECT", method)) => Some(method),
            _ => None,
        };
        if let Some(method) = inner.filter(|_| tunnel) {
            (probe.through_proxy, probe.method) = (true, method.to_owned());
        }
        let looked_at = !self.string.is_empty() || self.regex.is_some() || self.show_body || call.verbose > 0;
        probe.wants.keep = if looked_at { KEEP } else { 0 };
        if let Onto::Next(follow) = &mut self.onto {
            follow.most = self.redirects;
            // As in 2.x an answer that was expected is where it ends.
            probe.follow = Some(*follow).filter(|_| self.expect.is_none());
        }
        Ok(())
    }
}
