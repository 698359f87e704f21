//! Where an answer points, and whether to go there.

use super::probe::Place;
use crate::http::{Response, Url};

/// How redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Whether the address stays the first one's.
    pub same_host: bool,
    /// Whether the port stays too.
    pub same_port: bool,
    /// How many at most.
    pub most: u32,
}

/// Why one is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It points nowhere.
    #[error("Could not find redirect location - {0}")]
    None(String),
    /// It points to an empty place.
    #[error("Empty redirect location")]
    Empty,
    /// It points to what is no page.
    #[error("Could not parse redirect location - {0}")]
    Wrong(String),
    /// There were too many.
    #[error("maximum redirection depth {most} exceeded - {url}")]
    TooMany {
        /// How many there may be.
        most: u32,
        /// Where the last one points.
        url: String,
    },
    /// It points to itself.
    #[error("redirection creates an infinite loop - {0}")]
    Loop(String),
    /// There is no such port.
    #[error("Redirection to port above 65535 - {0}")]
    Port(String),
}

impl Follow {
    /// The page that an answer of this page points to, the `count`th of its kind.
    pub fn next(&self, place: &Place, response: &Response, count: u32) -> Result<Place, Error> {
        let location = response.header("location").ok_or_else(|| Error::None(response.status_line()))?;
        if location.is_empty() {
            return Err(Error::Empty);
        }
        let here = Url {
            tls: place.tls,
            host: place.host.clone().unwrap_or_else(|| place.address.clone()),
            port: place.port,
            path: place.path.clone(),
        };
        let url = here.join(&location).ok_or(Error::Wrong(location))?;
        let host = url.host.clone();
        let next = Place {
            address: if self.same_host { place.address.clone() } else { host.clone() },
            host: Some(host),
            port: if self.same_port { place.port } else { url.port },
            host_port: None,
            tls: url.tls,
            path: url.path,
        };
        let shown = Place { port: url.port, ..next.clone() }.shown();
        if count > self.most {
            Err(Error::TooMany { most: self.most, url: shown })
        } else if (Place { host_port: None, ..place.clone() }) == next {
            Err(Error::Loop(shown))
        } else if next.port > u32::from(u16::MAX) {
            Err(Error::Port(shown))
        } else {
            Ok(next)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLLOW: Follow = Follow { same_host: false, same_port: false, most: 3 };

    fn place() -> Place {
        Place {
            address: "a".to_owned(),
            host: Some("a".to_owned()),
            port: 99,
            host_port: None,
            tls: false,
            path: "/b/c".to_owned(),
        }
    }

    fn next(follow: Follow, location: &str, count: u32) -> Result<Place, Error> {
        let mut response = Response::new(false, 0);
        response.push(format!("HTTP/1.1 302 Found\r\n{location}\r\n\r\n").as_bytes());
        follow.next(&place(), &response, count)
    }

    #[test]
    fn a_location_is_the_next_page() {
        let there = next(FOLLOW, "location: https://x/y", 1).unwrap();
        assert_eq!((there.shown().as_str(), there.address.as_str()), ("https://x:443/y", "x"));
        let sticky = Follow { same_host: true, ..FOLLOW };
        assert_eq!(next(sticky, "Location: http://x:98/y", 1).unwrap().address, "a");
        let port = Follow { same_host: true, same_port: true, ..FOLLOW };
        let there = next(port, "Location: http://x:98/y", 1).unwrap();
        assert_eq!((there.host.as_deref(), there.port), (Some("x"), 99));
        assert_eq!(next(FOLLOW, "Location: y", 1).unwrap().path, "/b/y");
    }

    #[test]
    fn what_cannot_be_followed_says_why() {
        assert_eq!(next(FOLLOW, "A: b", 1), Err(Error::None("HTTP/1.1 302 Found".to_owned())));
        assert_eq!(next(FOLLOW, "Location:", 1), Err(Error::Empty));
        assert_eq!(next(FOLLOW, "Location: ftp://x/", 1), Err(Error::Wrong("ftp://x/".to_owned())));
        assert_eq!(next(FOLLOW, "Location: c", 1), Err(Error::Loop("http://a:99/b/c".to_owned())));
        assert_eq!(
            next(FOLLOW, "Location: http://x:70000/", 1),
            Err(Error::Port("http://x:70000/".to_owned()))
        );
        let url = "http://a:99/b/y".to_owned();
        assert_eq!(next(FOLLOW, "Location: y", 4), Err(Error::TooMany { most: 3, url }));
    }
}
