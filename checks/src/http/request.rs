//! What is asked for.

/// One request, in the order it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path, or a whole URL for a proxy.
    pub target: String,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub version: &'static str,
    /// `Name: value`, each a line.
    pub headers: Vec<String>,
    /// What follows them.
    pub body: Vec<u8>,
}

impl Request {
    /// As it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} {}\r\n", self.method, self.target, self.version).into_bytes();
        for header in &self.headers {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// `Basic` credentials of `user:password`.
pub fn basic(pair: &str) -> String {
    format!("Basic {}", base64(pair.as_bytes()))
}

/// RFC 4648, with its padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let mut word = 0;
        for at in 0..3 {
            word = word << 8 | u32::from(three.get(at).copied().unwrap_or_default());
        }
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// The same, back; the padding may be missing.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        word = word << 6 | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits & 255) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_lines_and_its_body() {
        let request = Request {
            method: "POST".to_owned(),
            target: "/x".to_owned(),
            version: "HTTP/1.1",
            headers: vec!["Host: h".to_owned(), "Content-Length: 3".to_owned()],
            body: b"a=b".to_vec(),
        };
        assert_eq!(request.to_bytes(), b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, coded) in pairs {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
        assert_eq!(unbase64("/+++"), Some(vec![0xff, 0xef, 0xbe]));
        assert_eq!(
            pairs.map(|(_, coded)| unbase64(coded)),
            pairs.map(|(plain, _)| Some(plain.as_bytes().to_vec()))
        );
        assert_eq!(unbase64("a b"), None);
        assert_eq!(basic("user:passwd"), "Basic dXNlcjpwYXNzd2Q=");
    }
}
