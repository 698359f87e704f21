//! The line by which an SSH server names its protocol and itself: `SSH-protocol-version comment`. Pure.

/// What the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identification {
    /// All of it, without its end.
    pub line: String,
    /// The protocol: `2.0`, `1.99`.
    pub protocol: String,
    /// The software and its version.
    pub version: String,
}

impl Identification {
    /// None of a line that lacks one of the two.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line).into_owned();
        let rest = line.strip_prefix("SSH-")?;
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (protocol, rest) = rest.split_at(end);
        // Whatever comes after the protocol is taken for the dash, as in 2.x.
        let mut rest = rest.chars();
        rest.next();
        let version = rest.as_str().split(' ').next().unwrap_or_default();
        if protocol.is_empty() || version.is_empty() {
            return None;
        }
        let (protocol, version) = (protocol.to_owned(), version.to_owned());
        Some(Self { line, protocol, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Option<(String, String)> {
        Identification::parse(line.as_bytes()).map(|found| (found.protocol, found.version))
    }

    #[test]
    fn a_line_has_a_protocol_and_a_version_and_perhaps_a_comment() {
        let is = |protocol: &str, version: &str| Some((protocol.to_owned(), version.to_owned()));
        assert_eq!(parts("SSH-2.0-OpenSSH_9.2p1 Debian-2"), is("2.0", "OpenSSH_9.2p1"));
        assert_eq!(parts("SSH-1.99-3.2.9.1"), is("1.99", "3.2.9.1"));
        assert_eq!(parts("SSH-2.0-a-b"), is("2.0", "a-b"));
    }

    #[test]
    fn a_line_without_one_of_them_is_none() {
        for line in ["", "SSH-", "SSH-2.0", "SSH-2.0-", "SSH-2.0- x", "SSH-x-y", "ssh-2.0-x", "SSH--x"] {
            assert_eq!(parts(line), None, "{line}");
        }
    }
}
