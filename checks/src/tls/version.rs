//! Versions of TLS, as `-S` names them.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::Error;

/// Which versions may be spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The one that was named; every one where none was.
    named: Option<Name>,
    /// Whether newer ones may be spoken too.
    newer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Ssl2,
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Versions {
    /// The value of `-S`: `1.2`, or `1.2+` for it and what is newer.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, newer) = text.strip_suffix('+').map_or((text, false), |name| (name, true));
        let named = match name {
            "2" => Name::Ssl2,
            "3" => Name::Ssl3,
            "1" | "1.0" => Name::Tls10,
            "1.1" => Name::Tls11,
            "1.2" => Name::Tls12,
            "1.3" => Name::Tls13,
            _ => return None,
        };
        Some(Self { named: Some(named), newer })
    }

    /// Those of them that there are.
    pub fn list(self) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
        let Some(named) = self.named else { return Ok(vec![&TLS13, &TLS12]) };
        let known = [(Name::Tls13, &TLS13), (Name::Tls12, &TLS12)];
        let fits = |name: Name| if self.newer { name >= named } else { name == named };
        let list: Vec<_> =
            known.into_iter().filter(|(name, _)| fits(*name)).map(|(_, known)| known).collect();
        match named {
            _ if !list.is_empty() => Ok(list),
            Name::Ssl2 => Err(Error::Version(2)),
            Name::Ssl3 => Err(Error::Version(3)),
            _ => {
                Err(Error::Tls(rustls::Error::General("TLS 1.0 and 1.1 are not spoken any more".to_owned())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_spoken_alone_or_with_the_newer_ones() {
        let list = |text| Versions::parse(text).map(|versions| versions.list().map_or(0, |list| list.len()));
        assert_eq!(Versions::default().list().unwrap().len(), 2);
        for (text, count) in
            [("1.2", 1), ("1.2+", 2), ("1.3", 1), ("1.3+", 1), ("1+", 2), ("1", 0), ("1.1", 0)]
        {
            assert_eq!(list(text), Some(count), "{text}");
        }
        for text in ["2", "3"] {
            assert!(matches!(Versions::parse(text).unwrap().list(), Err(Error::Version(_))));
        }
        for text in ["", "x", "4", "+", "1.4", "01"] {
            assert_eq!(Versions::parse(text), None, "{text}");
        }
    }
}
