//! Where a page is, and where another says it is.

/// A page: `http` or `https`, a host, a port, and the path with all that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether by TLS.
    pub tls: bool,
    /// The host, an IPv6 address without brackets.
    pub host: String,
    /// The port: above 65535 where a server says so.
    pub port: u32,
    /// From the `/` on.
    pub path: String,
}

impl Url {
    /// A whole URL of one of the two schemes.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        Self::after_scheme(tls, rest)
    }

    /// What the value of a `Location` on this page stands for; none if that is no place.
    pub fn join(&self, location: &str) -> Option<Self> {
        let location = location.split(|c: char| c.is_whitespace() || c.is_control()).next()?;
        let path = match location.as_bytes() {
            [] => return None,
            [b'/', b'/', rest @ ..] if !rest.is_empty() => {
                return Self::after_scheme(self.tls, location.get(2..)?);
            }
            [b'/', ..] => location.to_owned(),
            [b'?', ..] => format!("{}{location}", self.without_query()),
            [b'#', ..] => return Some(self.clone()),
            _ if location.contains("://") && !location.starts_with(['.', '?', '/']) => {
                return Self::parse(location);
            }
            _ => {
                let base = self.without_query();
                format!("{}/{location}", base.rsplit_once('/').map_or("", |(base, _)| base))
            }
        };
        Some(Self { path: path.split('#').next().unwrap_or_default().to_owned(), ..self.clone() })
    }

    /// The host as a URL has it.
    pub fn bracketed(&self) -> String {
        bracketed(&self.host)
    }

    fn without_query(&self) -> &str {
        self.path.split(['?', '#']).next().unwrap_or_default()
    }

    fn after_scheme(tls: bool, rest: &str) -> Option<Self> {
        let (place, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        // Who logs in is no part of the place.
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        let (host, port) = split_port(place)?;
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let default = if tls { 443 } else { 80 };
        (!host.is_empty()).then(|| Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(default),
            path: format!("{slash}{path}"),
        })
    }
}

/// `host`, `host:port`, `[address]:port`; an address of IPv6 may do without brackets if it has no port.
pub fn split_port(text: &str) -> Option<(&str, Option<u32>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            None if after.is_empty() => Some((host, None)),
            None => None,
            Some("") => Some((host, None)),
            Some(port) => Some((host, Some(number(port)?))),
        };
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(number(port)?))),
    }
}

/// With brackets if it is an address of IPv6.
pub fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: Option<Url>) -> String {
        url.map_or_else(String::new, |url| {
            let scheme = if url.tls { "https" } else { "http" };
            format!("{scheme} {} {} {}", url.host, url.port, url.path)
        })
    }

    #[test]
    fn a_url_is_a_host_a_port_and_a_path() {
        for (text, url) in [
            ("http://a", "http a 80 /"),
            ("HTTPS://a/b?c#d", "https a 443 /b?c"),
            ("http://a:99?x", "http a 99 /?x"),
            ("http://[::1]:80/", "http ::1 80 /"),
            ("http://u:p@a/", "http a 80 /"),
            ("http://a:70000/", "http a 70000 /"),
            ("ftp://a/", ""),
            ("http:///x", ""),
            ("http://a:x/", ""),
            ("http://[::1/", ""),
            ("a", ""),
        ] {
            assert_eq!(shown(Url::parse(text)), url, "{text}");
        }
    }

    #[test]
    fn a_location_is_found_from_the_page_it_is_on() {
        let page = Url::parse("https://a:99/b/c?d=/e").unwrap();
        for (location, url) in [
            ("http://x/y", "http x 80 /y"),
            ("//x/y", "https x 443 /y"),
            ("/y", "https a 99 /y"),
            ("y", "https a 99 /b/y"),
            ("?y", "https a 99 /b/c?y"),
            ("#y", "https a 99 /b/c?d=/e"),
            ("y#z", "https a 99 /b/y"),
            ("y evil", "https a 99 /b/y"),
            ("", ""),
            (" y", ""),
            ("ftp://x/", ""),
        ] {
            assert_eq!(shown(page.join(location)), url, "{location}");
        }
    }

    #[test]
    fn a_port_is_split_off() {
        assert_eq!(split_port("a:99"), Some(("a", Some(99))));
        assert_eq!(split_port("::1"), Some(("::1", None)));
        assert_eq!(split_port("[::1]:99"), Some(("::1", Some(99))));
        assert_eq!(split_port("[::1]"), Some(("::1", None)));
        assert_eq!(split_port("[::1]x"), None);
        assert_eq!(split_port("a:+1"), None);
        assert_eq!(bracketed("::1"), "[::1]");
        assert_eq!(bracketed("a"), "a");
    }
}
