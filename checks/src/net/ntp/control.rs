//! Control messages (RFC 9327): what a server says of those it takes its time from. Pure.

/// The list of associations and their states.
pub const READSTAT: u8 = 1;
/// Variables of one association.
pub const READVAR: u8 = 2;
/// The most that one packet carries.
pub const LONGEST: usize = 468;

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// 3 if the server has no time.
    pub leap: u8,
    /// What was asked.
    pub operation: u8,
    /// By which number.
    pub sequence: u16,
    /// Of which association.
    pub association: u16,
    /// Whether the server will not tell.
    pub error: bool,
    /// Whether there are more parts.
    pub more: bool,
    /// Where in the answer this part begins.
    pub offset: usize,
    /// What it says; none if the packet does not have what it says it has.
    pub data: Option<Vec<u8>>,
}

/// One association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its number.
    pub association: u16,
    /// Its selection: 2 is a truechimer, 4 is included, 6 and 7 are the source.
    pub selection: u8,
}

/// A whole answer, put together from its parts in whatever order they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    parts: Vec<(usize, Vec<u8>)>,
    end: Option<usize>,
}

impl Part {
    /// None of what is no answer to a control message.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; 12] = bytes.get(..12)?.try_into().ok()?;
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let (mode, response) = (head[0] & 7, head[1] & 0x80 != 0);
        let count = usize::from(word(10));
        (mode == 6 && response).then(|| Self {
            leap: head[0] >> 6,
            operation: head[1] & 0x1f,
            sequence: word(2),
            association: word(6),
            error: head[1] & 0x40 != 0,
            more: head[1] & 0x20 != 0,
            offset: word(8).into(),
            data: bytes.get(12..12 + count).filter(|_| count <= LONGEST).map(<[u8]>::to_vec),
        })
    }
}

impl Answer {
    /// Adds a part, and gives all of it when there is no more to come.
    pub fn add(&mut self, part: &Part) -> Option<Vec<u8>> {
        let data = part.data.as_ref()?;
        if !part.more {
            self.end = Some(part.offset + data.len());
        }
        if !self.parts.iter().any(|(offset, _)| *offset == part.offset) {
            self.parts.push((part.offset, data.clone()));
            self.parts.sort_unstable_by_key(|(offset, _)| *offset);
        }
        let mut whole = Vec::new();
        for (offset, data) in &self.parts {
            if *offset == whole.len() {
                whole.extend_from_slice(data);
            }
        }
        (self.end == Some(whole.len())).then_some(whole)
    }
}

/// A question, which fills whole words.
pub fn request(operation: u8, sequence: u16, association: u16, data: &str) -> Vec<u8> {
    let mut bytes = vec![0x16, operation];
    let count = u16::try_from(data.len()).unwrap_or_default();
    for word in [sequence, 0, association, 0, count] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(data.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The associations of a list.
pub fn peers(list: &[u8]) -> Vec<Peer> {
    let pairs = list.chunks_exact(4);
    pairs
        .map(|pair| Peer { association: u16::from_be_bytes([pair[0], pair[1]]), selection: pair[2] & 7 })
        .collect()
}

/// The number that a variable of `name=value, name="value"` has.
pub fn variable(text: &[u8], name: &str) -> Option<f64> {
    let text = String::from_utf8_lossy(text);
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| key.trim() == name)?.1;
    crate::range::decimal(value.trim().trim_matches(['"', '\0']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(offset: u16, more: bool, data: &[u8]) -> Vec<u8> {
        let mut bytes = request(READSTAT | 0x80 | if more { 0x20 } else { 0 }, 7, 3, "");
        bytes[8..10].copy_from_slice(&offset.to_be_bytes());
        bytes[10..12].copy_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        [&bytes, data].concat()
    }

    #[test]
    fn a_question_fills_whole_words() {
        assert_eq!(request(READVAR, 2, 0x1234, "ab"), b"\x16\x02\0\x02\0\0\x12\x34\0\0\0\x02ab\0\0");
        assert_eq!(request(READSTAT, 1, 0, ""), b"\x16\x01\0\x01\0\0\0\0\0\0\0\0");
    }

    #[test]
    fn an_answer_may_come_in_parts_of_any_order_and_twice() {
        let parts = [part(4, false, b"ef"), part(0, true, b"ab"), part(0, true, b"xx"), part(2, true, b"cd")];
        let mut answer = Answer::default();
        let mut whole = Vec::new();
        for bytes in &parts {
            let part = Part::parse(bytes).unwrap();
            assert_eq!((part.operation, part.sequence, part.association), (READSTAT, 7, 3));
            whole.push(answer.add(&part));
        }
        assert_eq!(whole, [None, None, None, Some(b"abcdef".to_vec())]);
    }

    #[test]
    fn what_is_cut_short_has_no_data_and_what_is_no_answer_is_none() {
        let mut bytes = part(0, false, b"abcd");
        assert_eq!(Part::parse(&bytes[..15]).unwrap().data, None);
        assert_eq!(Answer::default().add(&Part::parse(&bytes[..15]).unwrap()), None);
        assert_eq!(Part::parse(&bytes[..11]), None);
        bytes[1] &= 0x7f;
        assert_eq!(Part::parse(&bytes), None);
        let long = part(0, false, &[0; LONGEST + 1]);
        assert_eq!(Part::parse(&long).unwrap().data, None);
    }

    #[test]
    fn peers_and_variables_are_read() {
        let list = peers(b"\x12\x34\x96\x1a\0\x02\x11\0\xff");
        let peer = |association, selection| Peer { association, selection };
        assert_eq!(list, [peer(0x1234, 6), peer(2, 1)]);
        let text = b"stratum=3, offset=-1.5,\r\njitter=\"0.25\"\0";
        assert_eq!((variable(text, "stratum"), variable(text, "offset")), (Some(3.0), Some(-1.5)));
        assert_eq!((variable(text, "jitter"), variable(text, "set")), (Some(0.25), None));
        assert_eq!(variable(b"offset=nan", "offset"), None);
    }
}
