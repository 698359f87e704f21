//! What is answered, taken apart as it comes. Nothing is refused: what is no HTTP has a first line too.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::chunks::Chunks;
use crate::http2::Answer;

/// One answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// All bytes that came, head and body and what surrounds them.
    pub received: u64,
    /// The body, without what chunks add, as much of it as was to be kept.
    pub body: Vec<u8>,
    /// All of the body that came, so.
    pub length: u64,
    head: Vec<u8>,
    framing: Option<Framing>,
    without_body: bool,
    keep: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Framing {
    /// So many more bytes.
    Length(u64),
    Chunks(Chunks),
    /// Until the other side ends.
    Open,
}

/// A head that is longer is no head.
const LONGEST_HEAD: usize = 256 * 1024;

impl Response {
    /// An answer yet to come; `without_body` for one that has none whatever it says.
    pub fn new(without_body: bool, keep: usize) -> Self {
        Self { received: 0, body: Vec::new(), length: 0, head: Vec::new(), framing: None, without_body, keep }
    }

    /// One of HTTP/2, with a head as HTTP/1 would have written it, by which it is counted too.
    pub fn of_version_2(answer: &Answer) -> Self {
        let mut head = format!("HTTP/2 {}\r\n", answer.header(":status").unwrap_or_default());
        for (name, value) in answer.headers.iter().filter(|(name, _)| !name.starts_with(':')) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let received = head.len() as u64 + answer.length;
        let framing = Some(Framing::Length(0));
        let (head, body) = (head.into_bytes(), answer.body.clone());
        Self { received, body, length: answer.length, head, framing, without_body: false, keep: 0 }
    }

    /// Whether its head is whole.
    pub const fn has_head(&self) -> bool {
        self.framing.is_some()
    }

    /// How many of the bytes that came were not its head.
    pub fn body_received(&self) -> u64 {
        if self.has_head() { self.received.saturating_sub(self.head.len() as u64) } else { 0 }
    }

    /// Whether nothing more is to come.
    pub fn is_complete(&self) -> bool {
        match &self.framing {
            Some(Framing::Length(left)) => *left == 0,
            Some(Framing::Chunks(chunks)) => chunks.is_over(),
            Some(Framing::Open) | None => false,
        }
    }

    /// Whether it says itself how long its body is, and less came.
    pub fn is_cut(&self) -> bool {
        !self.is_complete() && !matches!(self.framing, Some(Framing::Open) | None)
    }

    /// More of it.
    pub fn push(&mut self, bytes: &[u8]) {
        self.received += bytes.len() as u64;
        if self.framing.is_some() {
            return self.push_body(bytes);
        }
        let searched = self.head.len().saturating_sub(3);
        self.head.extend_from_slice(bytes);
        let mut from = searched;
        while let Some(end) = end_of_head(&self.head, from) {
            let rest = self.head.split_off(end);
            if self.is_interim() {
                // What follows is the answer proper.
                self.head = rest;
                from = 0;
                continue;
            }
            self.framing = Some(self.framing());
            return self.push_body(&rest);
        }
        if self.head.len() > LONGEST_HEAD {
            self.framing = Some(Framing::Open);
        }
    }

    /// Nothing more comes.
    pub fn finish(&mut self) {
        self.framing.get_or_insert(Framing::Open);
    }

    /// The first line, without space around it.
    pub fn status_line(&self) -> String {
        let line = self.head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        String::from_utf8_lossy(line.trim_ascii()).into_owned()
    }

    /// The lines after it.
    pub fn headers(&self) -> String {
        let end = self.head.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(self.head.len());
        String::from_utf8_lossy(self.head[end..].trim_ascii()).into_owned()
    }

    /// The three digits after the first word, if they are a status: 100 to 599.
    pub fn status(&self) -> Option<u16> {
        let line = self.status_line();
        let digits = line.split_once(' ')?.1;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok().filter(|status| end == 3 && (100..600).contains(status))
    }

    /// The value of a header; continued lines are one.
    pub fn header(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next()
    }

    /// The values of a header that may stand more than once.
    pub fn values(&self, name: &str) -> Vec<String> {
        let (headers, mut values) = (self.headers(), Vec::new());
        let mut lines = headers.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((found, value)) = line.split_once(':') else { continue };
            if !found.trim_ascii().eq_ignore_ascii_case(name) {
                continue;
            }
            let mut value = value.trim_ascii().to_owned();
            while let Some(more) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
                value = format!("{value} {}", more.trim_ascii()).trim_ascii().to_owned();
            }
            values.push(value);
        }
        values
    }

    /// Puts what was compressed in the place of it, as much of it as is to be kept.
    pub fn decompress(&mut self, keep: usize) {
        let encoding = self.header("content-encoding").unwrap_or_default().to_ascii_lowercase();
        // What comes before the fault in it is what there is.
        self.unpack(&encoding, keep);
    }

    /// The same of what is compressed so, whatever its head says; whether it was so to its end.
    pub fn unpack(&mut self, encoding: &str, keep: usize) -> bool {
        let reader: Box<dyn Read> = match encoding {
            "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(self.body.as_slice())),
            // Some mean the bare algorithm by that name.
            "deflate" if self.body.first().is_some_and(|byte| byte & 15 == 8) => {
                Box::new(ZlibDecoder::new(self.body.as_slice()))
            }
            "deflate" => Box::new(DeflateDecoder::new(self.body.as_slice())),
            _ => return true,
        };
        let mut body = Vec::new();
        let whole = reader.take(keep as u64).read_to_end(&mut body).is_ok();
        self.body = body;
        whole
    }

    fn push_body(&mut self, bytes: &[u8]) {
        let (body, length, keep) = (&mut self.body, &mut self.length, self.keep);
        let mut take = |data: &[u8]| {
            *length += data.len() as u64;
            let room = keep.saturating_sub(body.len()).min(data.len());
            body.extend_from_slice(&data[..room]);
        };
        match &mut self.framing {
            Some(Framing::Length(left)) => {
                let data = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data as u64;
                take(&bytes[..data]);
            }
            Some(Framing::Chunks(chunks)) => chunks.push(bytes, &mut take),
            Some(Framing::Open) | None => take(bytes),
        }
    }

    /// `100 Continue` and its like, which stand before an answer.
    fn is_interim(&self) -> bool {
        self.status().is_some_and(|status| (100..200).contains(&status) && status != 101)
    }

    fn framing(&self) -> Framing {
        let status = self.status();
        let chunked = self.header("transfer-encoding").is_some_and(|value| {
            value.rsplit(',').next().is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case("chunked"))
        });
        let length = self.header("content-length").and_then(|value| value.parse().ok());
        match (self.without_body || matches!(status, Some(101 | 204 | 304)), chunked, length) {
            (true, ..) => Framing::Length(0),
            (false, true, _) => Framing::Chunks(Chunks::default()),
            (false, false, Some(length)) => Framing::Length(length),
            (false, false, None) => Framing::Open,
        }
    }
}

/// After the first empty line at or behind `from`. A head that begins with one is empty.
fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr::memchr(b'\n', &head[at..]) {
        let end = at + found + 1;
        let rest = &head[end..];
        if rest.first() == Some(&b'\n') {
            return Some(end + 1);
        }
        if rest.starts_with(b"\r\n") {
            return Some(end + 2);
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests;
