//! Cookies: as servers set them, and as files of Netscape's form keep them, which is the form that libcurl writes. Pure.

use super::date;

/// What a client keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jar {
    cookies: Vec<Cookie>,
}

/// One cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    domain: String,
    subdomains: bool,
    path: String,
    secure: bool,
    http_only: bool,
    /// In seconds of Unix; 0 for the end of a session, which a file keeps too.
    expires: i64,
    name: String,
    value: String,
}

/// Whose page it is.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The host.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// Whether it is asked for by TLS.
    pub tls: bool,
}

/// No more are kept: a server could set them without end.
const MOST: usize = 300;
/// A longer one is not kept, as by libcurl.
const LONGEST: usize = 4096;
const HTTP_ONLY: &str = "#HttpOnly_";

impl Jar {
    /// From a file; what is no cookie is left out.
    pub fn parse(text: &str) -> Self {
        Self { cookies: text.lines().filter_map(Cookie::of_file).take(MOST).collect() }
    }

    /// For a file.
    pub fn to_text(&self) -> String {
        let lines: String = self.cookies.iter().map(Cookie::line).collect();
        format!("# Netscape HTTP Cookie File\n\n{lines}")
    }

    /// Takes what a page sets, which may also be the end of a cookie.
    pub fn take(&mut self, page: Page<'_>, set: &str, now: i64) {
        let Some(cookie) = Cookie::set(page, set, now) else { return };
        let key = |cookie: &Cookie| (cookie.name.clone(), cookie.domain.clone(), cookie.path.clone());
        self.cookies.retain(|kept| key(kept) != key(&cookie));
        let over = cookie.expires != 0 && cookie.expires <= now;
        if !over && self.cookies.len() < MOST {
            self.cookies.push(cookie);
        }
    }

    /// What is said to a page, if anything: those of longer paths first.
    pub fn header(&self, page: Page<'_>, now: i64) -> Option<String> {
        let mut fitting: Vec<&Cookie> = self.cookies.iter().filter(|cookie| cookie.fits(page, now)).collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Cookie {
    /// `domain, subdomains, path, secure, expires, name, value`, with tabs between.
    fn of_file(line: &str) -> Option<Self> {
        let (line, http_only) = match line.strip_prefix(HTTP_ONLY) {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let parts: Vec<&str> = line.split('\t').collect();
        let ([domain, subdomains, path, secure, expires, name], value) = match parts.as_slice() {
            [head @ .., value] if head.len() == 6 => (<[&str; 6]>::try_from(head).ok()?, *value),
            head if head.len() == 6 => (<[&str; 6]>::try_from(head).ok()?, ""),
            _ => return None,
        };
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        (!domain.starts_with('#') && path.starts_with('/')).then_some(())?;
        let cookie = Self {
            domain,
            subdomains: subdomains == "TRUE",
            path: path.to_owned(),
            secure: secure == "TRUE",
            http_only,
            expires: expires.parse().ok()?,
            name: name.to_owned(),
            value: value.to_owned(),
        };
        cookie.is_fine().then_some(cookie)
    }

    /// Whether it could neither end a header nor a field of a file, nor is too long for either.
    fn is_fine(&self) -> bool {
        let texts = [&self.domain, &self.path, &self.name, &self.value];
        let plain = |text: &String| !text.contains(|c: char| c.is_control());
        let length: usize = texts.iter().map(|text| text.len()).sum();
        !self.name.is_empty() && length <= LONGEST && texts.into_iter().all(plain)
    }

    fn line(&self) -> String {
        let word = |is: bool| if is { "TRUE" } else { "FALSE" };
        let (prefix, dot) =
            (if self.http_only { HTTP_ONLY } else { "" }, if self.subdomains { "." } else { "" });
        let Self { domain, subdomains, path, secure, expires, name, value, .. } = self;
        let (subdomains, secure) = (word(*subdomains), word(*secure));
        format!("{prefix}{dot}{domain}\t{subdomains}\t{path}\t{secure}\t{expires}\t{name}\t{value}\n")
    }

    /// `name=value; Path=/; Max-Age=5` and so on.
    fn set(page: Page<'_>, set: &str, now: i64) -> Option<Self> {
        let mut parts = set.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let directory = page.path.rfind('/').map_or("/", |end| &page.path[..end.max(1)]);
        let mut cookie = Self {
            domain: page.host.to_ascii_lowercase(),
            subdomains: false,
            path: if directory.starts_with('/') { directory.to_owned() } else { "/".to_owned() },
            secure: false,
            http_only: false,
            expires: 0,
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let mut max_age = None;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "domain" if !value.is_empty() => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    // Of its own host, or of a domain that it is in, which is not a whole top-level one.
                    let own = domain == cookie.domain;
                    (own || (domain.contains('.') && is_within(&cookie.domain, &domain))).then_some(())?;
                    (cookie.domain, cookie.subdomains) = (domain, true);
                }
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "max-age" => max_age = value.parse::<i64>().ok(),
                "expires" => cookie.expires = date::parse(value).map_or(0, |at| at.max(1)),
                _ => {}
            }
        }
        if let Some(seconds) = max_age {
            cookie.expires = if seconds > 0 { now.saturating_add(seconds) } else { 1 };
        }
        cookie.is_fine().then_some(cookie)
    }

    fn fits(&self, page: Page<'_>, now: i64) -> bool {
        let host = page.host.to_ascii_lowercase();
        let there = host == self.domain || (self.subdomains && is_within(&host, &self.domain));
        let path = page.path.split(['?', '#']).next().unwrap_or_default();
        let below = path
            .strip_prefix(&self.path)
            .is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        there && below && (page.tls || !self.secure) && (self.expires == 0 || self.expires > now)
    }
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    const fn page<'a>(host: &'a str, path: &'a str, tls: bool) -> Page<'a> {
        Page { host, path, tls }
    }

    fn jar(set: &[&str]) -> Jar {
        let mut jar = Jar::default();
        set.iter().for_each(|set| jar.take(page("a.example", "/d/e", false), set, NOW));
        jar
    }

    #[test]
    fn what_is_set_is_said_where_it_belongs() {
        let jar = jar(&["a=1", "b=2; Path=/; Domain=.a.example", "c=3; Secure; Path=/d", "a=4; HttpOnly"]);
        let said = |host, path, tls| jar.header(page(host, path, tls), NOW);
        assert_eq!(said("A.example", "/d/x?y", false).as_deref(), Some("a=4; b=2"));
        assert_eq!(said("a.example", "/d", true).as_deref(), Some("c=3; a=4; b=2"));
        assert_eq!(said("www.a.example", "/dx", false).as_deref(), Some("b=2"));
        assert_eq!(said("xa.example", "/", false), None);
    }

    #[test]
    fn a_cookie_ends_when_its_time_is_over() {
        let mut jar =
            jar(&["a=1; Max-Age=10", "b=2; Expires=Fri, 15 Jan 2027 07:00:00 GMT", "c=3; Max-Age=0"]);
        let said = |jar: &Jar, now| jar.header(page("a.example", "/d/", false), now);
        assert_eq!(said(&jar, NOW).as_deref(), Some("a=1"));
        assert_eq!(said(&jar, NOW + 10), None);
        jar.take(page("a.example", "/d/e", false), "a=; Max-Age=-1", NOW);
        assert_eq!(said(&jar, NOW), None);
    }

    #[test]
    fn nobody_sets_what_is_not_his() {
        for set in ["a=1; Domain=b.example", "a=1; Domain=example", "=1", "a", "a=\x01"] {
            assert_eq!(jar(&[set]), Jar::default(), "{set}");
        }
        assert_eq!(jar(&[&format!("a={}", "x".repeat(LONGEST))]), Jar::default());
        let many: Vec<String> = (0..2 * MOST).map(|number| format!("n{number}=1")).collect();
        assert_eq!(jar(&many.iter().map(String::as_str).collect::<Vec<_>>()).cookies.len(), MOST);
    }

    #[test]
    fn a_file_gives_back_what_was_put_into_it() {
        let jar = jar(&["a=1", "b=2; Path=/; Domain=a.example; Secure; HttpOnly; Max-Age=5", "c="]);
        let text = jar.to_text();
        assert!(
            text.ends_with(
                "\na.example\tFALSE\t/d\tFALSE\t0\ta\t1\n\
             #HttpOnly_.a.example\tTRUE\t/\tTRUE\t1800000005\tb\t2\n\
             a.example\tFALSE\t/d\tFALSE\t0\tc\t\n"
            ),
            "{text}"
        );
        assert_eq!(Jar::parse(&text), jar);
        assert_eq!(
            Jar::parse("# x\ny\n#a\tFALSE\t/\tFALSE\t0\ta\tb\nh\tFALSE\t/\tFALSE\tx\ta\tb\n"),
            Jar::default()
        );
    }
}
