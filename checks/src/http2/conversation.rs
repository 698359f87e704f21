//! What is said and heard, without the wire: bytes in, bytes out.

use loona_hpack::{Decoder, Encoder};

use super::frames::{Frame, Frames, LONGEST, flag, kind};
use super::{Error, Request};

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The headers, those whose name begins with a colon among them.
    pub headers: Vec<(String, String)>,
    /// Headers that came after the body.
    pub trailers: Vec<(String, String)>,
    /// The body, as much of it as was to be kept.
    pub body: Vec<u8>,
    /// All of it that came.
    pub length: u64,
}

/// One request and its answer.
pub struct Conversation {
    frames: Frames,
    decoder: Decoder<'static>,
    /// Headers that go on in another frame, and whether the stream ends with them.
    block: Option<(Vec<u8>, bool)>,
    answer: Answer,
    keep: usize,
    over: bool,
}

/// What a client begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The one stream there is.
const STREAM: u32 = 1;
/// As much as may be sent before the other side says that there is room for more.
const WINDOW: usize = 65_535;
/// Headers that are longer are none, packed or unpacked.
const LONGEST_HEADERS: usize = 256 * 1024;

impl Conversation {
    /// What comes, and what is to be sent first.
    pub fn open(request: &Request, keep: usize) -> Result<(Self, Vec<u8>), Error> {
        if request.body.len() > WINDOW {
            return Err(Error::TooLong);
        }
        let mut bytes = PREFACE.to_vec();
        // No pushes, and room for any answer, so that there is nothing to count.
        let settings = [0, 2, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff];
        bytes.extend(Frame::new(kind::SETTINGS, 0, 0, &settings).to_bytes());
        let room = (0x7fff_ffff - WINDOW as u32).to_be_bytes();
        bytes.extend(Frame::new(kind::WINDOW, 0, 0, &room).to_bytes());
        let end = if request.body.is_empty() { flag::END_STREAM } else { 0 };
        let block = pack(request);
        let mut parts = block.chunks(LONGEST).enumerate().peekable();
        while let Some((number, part)) = parts.next() {
            let last = if parts.peek().is_none() { flag::END_HEADERS } else { 0 };
            let (kind, flags) =
                if number == 0 { (kind::HEADERS, end | last) } else { (kind::CONTINUATION, last) };
            bytes.extend(Frame::new(kind, flags, STREAM, part).to_bytes());
        }
        let mut parts = request.body.chunks(LONGEST).peekable();
        while let Some(part) = parts.next() {
            let end = if parts.peek().is_none() { flag::END_STREAM } else { 0 };
            bytes.extend(Frame::new(kind::DATA, end, STREAM, part).to_bytes());
        }
        let conversation = Self {
            frames: Frames::default(),
            decoder: Decoder::new(),
            block: None,
            answer: Answer::default(),
            keep,
            over: false,
        };
        Ok((conversation, bytes))
    }

    /// Whether the answer is whole.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// The answer.
    pub fn into_answer(self) -> Answer {
        self.answer
    }

    /// More that came; gives what is to be sent for it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        self.frames.push(bytes);
        let mut reply = Vec::new();
        while !self.over {
            let Some(frame) = self.frames.next_frame()? else { break };
            self.take(&frame, &mut reply)?;
        }
        Ok(reply)
    }

    fn take(&mut self, frame: &Frame, reply: &mut Vec<u8>) -> Result<(), Error> {
        if self.block.is_some() && frame.kind != kind::CONTINUATION {
            return Err(Error::Wrong("headers that do not go on"));
        }
        match (frame.kind, frame.stream) {
            (kind::SETTINGS, _) if !frame.has(flag::ACK) => {
                reply.extend(Frame::new(kind::SETTINGS, flag::ACK, 0, &[]).to_bytes());
            }
            (kind::PING, _) if !frame.has(flag::ACK) => {
                reply.extend(Frame::new(kind::PING, flag::ACK, 0, &frame.payload).to_bytes());
            }
            (kind::GO_AWAY, _) => {
                let last = number(&frame.payload, 0) & 0x7fff_ffff;
                // A server may end the connection and yet answer what was asked before.
                if last < STREAM || number(&frame.payload, 4) != 0 {
                    return Err(Error::Reset(number(&frame.payload, 4)));
                }
            }
            (kind::RESET, STREAM) => return Err(Error::Reset(number(&frame.payload, 0))),
            (kind::PUSH, _) => return Err(Error::Wrong("a push that nobody asked for")),
            (kind::DATA, STREAM) => self.take_data(frame)?,
            (kind::HEADERS, STREAM) => {
                self.block = Some((Vec::new(), frame.has(flag::END_STREAM)));
                self.take_headers(frame, frame.content()?)?;
            }
            (kind::CONTINUATION, STREAM) => self.take_headers(frame, &frame.payload)?,
            (kind::DATA | kind::HEADERS | kind::CONTINUATION, _) => {
                return Err(Error::Wrong("an answer to what nobody asked"));
            }
            _ => {}
        }
        Ok(())
    }

    fn take_data(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.answer.headers.is_empty() {
            return Err(Error::Wrong("a body before its headers"));
        }
        let content = frame.content()?;
        self.answer.length += content.len() as u64;
        let room = self.keep.saturating_sub(self.answer.body.len()).min(content.len());
        self.answer.body.extend_from_slice(&content[..room]);
        self.over = frame.has(flag::END_STREAM);
        Ok(())
    }

    fn take_headers(&mut self, frame: &Frame, content: &[u8]) -> Result<(), Error> {
        let Some((mut block, ends)) = self.block.take() else {
            return Err(Error::Wrong("headers that did not begin"));
        };
        block.extend_from_slice(content);
        if block.len() > LONGEST_HEADERS {
            return Err(Error::Wrong("headers that are too long"));
        }
        if !frame.has(flag::END_HEADERS) {
            self.block = Some((block, ends));
            return Ok(());
        }
        let headers = self.unpack(&block)?;
        let interim =
            headers.iter().any(|(name, value)| name == ":status" && value.starts_with('1') && !ends);
        match (interim, self.answer.headers.is_empty()) {
            (true, _) => {}
            (false, true) => self.answer.headers = headers,
            (false, false) => self.answer.trailers = headers,
        }
        self.over = ends;
        Ok(())
    }

    fn unpack(&mut self, block: &[u8]) -> Result<Vec<(String, String)>, Error> {
        let (mut headers, mut length) = (Vec::new(), 0);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let unpacked = self.decoder.decode_with_cb(block, |name, value| {
            // A little that is packed may be very much.
            length += name.len() + value.len() + 32;
            if length <= LONGEST_HEADERS {
                headers.push((text(&name), text(&value)));
            }
        });
        unpacked.map_err(|_| Error::Wrong("headers that cannot be unpacked"))?;
        if length > LONGEST_HEADERS { Err(Error::Wrong("headers that are too long")) } else { Ok(headers) }
    }
}

impl Answer {
    /// The number of its status.
    pub fn status(&self) -> Option<u16> {
        self.header(":status")?.parse().ok()
    }

    /// A header, or one after the body.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.headers.iter().chain(&self.trailers);
        all.rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

fn pack(request: &Request) -> Vec<u8> {
    let own = [
        (":method", request.method.as_str()),
        (":scheme", request.scheme),
        (":authority", &request.authority),
        (":path", &request.path),
    ];
    let more = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all = own.into_iter().chain(more);
    Encoder::new().encode(all.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

/// 32 bits there; 0 where there are none.
fn number(payload: &[u8], at: usize) -> u32 {
    let bytes = payload.get(at..).and_then(|rest| rest.first_chunk::<4>());
    bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
