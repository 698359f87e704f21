//! `/etc/hosts` and `/etc/resolv.conf`, parsed. Pure.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What `/etc/resolv.conf` says, within the bounds that the C library has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The servers, never none.
    pub servers: Vec<SocketAddr>,
    /// Domains that names are looked for in.
    pub search: Vec<String>,
    /// How many dots a name has that is tried as it is first.
    pub ndots: usize,
    /// How long one server is waited for.
    pub timeout: Duration,
    /// How often all are asked.
    pub attempts: u32,
}

impl ResolvConf {
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(server)),
                Some("search" | "domain") => conf.search = words.take(6).map(str::to_owned).collect(),
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        conf.servers.truncate(3);
        if conf.servers.is_empty() {
            conf.servers.push(SocketAddr::from(([127, 0, 0, 1], 53)));
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let Some((name, value)) = word.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        match name {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30).into()),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// The whole names to ask for, in their order: one with enough dots as it is first, one with a last dot only so.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let searched = self.search.iter().map(|domain| format!("{name}.{}", domain.trim_matches('.')));
        let mut names: Vec<String> = searched.filter(|name| !name.ends_with('.')).collect();
        let first = name.matches('.').count() >= self.ndots;
        names.insert(if first { 0 } else { names.len() }, name.to_owned());
        names
    }
}

/// The addresses of a name in `/etc/hosts`.
pub(super) fn hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        if let Some(address) = address
            && words.any(|word| word.eq_ignore_ascii_case(name))
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// `fe80::1%eth0` would need the number of the interface, which no server of a resolv.conf in use has needed.
fn server(word: &str) -> Option<SocketAddr> {
    word.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_every_address_of_a_name_once() {
        let text = "127.0.0.1 localhost\n::1 localhost ip6 # x\n127.0.0.1\tLOCALHOST\n10.0.0.1 a b\n# 1.1.1.1 a\nx a\n";
        let addresses = |name| hosts(text, name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(addresses("localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(addresses("B."), ["10.0.0.1"]);
        assert_eq!(addresses("a"), ["10.0.0.1"]);
        assert_eq!(addresses("x"), [""; 0]);
    }

    #[test]
    fn a_resolv_conf_keeps_the_bounds_of_the_c_library() {
        let text = "nameserver 10.0.0.1\nnameserver ::1\nnameserver x\nnameserver 1.1.1.1\nnameserver 2.2.2.2\n\
                    domain old\nsearch a.example b.example.\noptions ndots:2 timeout:1 attempts:9 rotate\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.servers, ["10.0.0.1:53", "[::1]:53", "1.1.1.1:53"].map(|text| text.parse().unwrap()));
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (2, Duration::from_secs(1), 5));
        assert_eq!(conf.candidates("x.y"), ["x.y.a.example", "x.y.b.example", "x.y"]);
        assert_eq!(conf.candidates("x.y.z"), ["x.y.z", "x.y.z.a.example", "x.y.z.b.example"]);
        assert_eq!(conf.candidates("x."), ["x."]);
        let none = ResolvConf::parse("search .\n");
        assert_eq!(none.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(none.candidates("x"), ["x"]);
    }
}
