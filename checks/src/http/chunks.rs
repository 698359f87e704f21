//! Bodies that come in chunks.

/// Takes chunks apart as they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunks {
    state: State,
    /// The line that is being read, as far as it matters.
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The line with the size.
    #[default]
    Size,
    /// So many bytes of a chunk are to come.
    Data(u64),
    /// The end of the line after a chunk.
    Gap,
    /// Lines after the last chunk.
    Trailer,
    /// All is there, or it was no chunk.
    Over,
}

/// More digits than a size can have.
const LONGEST_SIZE: usize = 32;

impl Chunks {
    /// Whether nothing more is to come.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Gives the parts of these bytes that are the body's. What is no chunk ends it.
    pub fn push<'a>(&mut self, mut bytes: &'a [u8], mut take: impl FnMut(&'a [u8])) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let State::Data(left) = self.state {
                let (data, after) =
                    bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                take(data);
                let left = left - data.len() as u64;
                self.state = if left == 0 { State::Gap } else { State::Data(left) };
                bytes = after;
                continue;
            }
            bytes = rest;
            match (self.state, byte) {
                (State::Over, _) => return,
                (_, b'\n') => self.end_line(),
                (_, _) if self.line.len() < LONGEST_SIZE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.state = match self.state {
            State::Size => match size(&line) {
                Some(0) => State::Trailer,
                Some(size) => State::Data(size),
                None => State::Over,
            },
            State::Gap => State::Size,
            State::Trailer if line.trim_ascii().is_empty() => State::Over,
            state => state,
        };
    }
}

/// The hexadecimal digits at the start of the line; what follows a `;` says nothing about the body.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(parts: &[&[u8]]) -> (Vec<u8>, bool) {
        let (mut chunks, mut body) = (Chunks::default(), Vec::new());
        for part in parts {
            chunks.push(part, |data| body.extend_from_slice(data));
        }
        (body, chunks.is_over())
    }

    #[test]
    fn chunks_are_put_together_however_they_come() {
        let whole = b"5\r\nhello\r\n6 ;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\nmore";
        assert_eq!(body(&[whole]), (b"hello world".to_vec(), true));
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(body(&bytes), (b"hello world".to_vec(), true));
        assert_eq!(body(&[b"A\n0123456789\n0\n\n"]), (b"0123456789".to_vec(), true));
        assert_eq!(body(&[b"5\r\nhe"]), (b"he".to_vec(), false));
    }

    #[test]
    fn what_is_no_chunk_ends_the_body() {
        for text in
            [&b"x\r\nhello"[..], b"\r\nhello", b"-1\r\nhello", b"+5\r\nhello", b"11111111111111111\r\nh"]
        {
            assert_eq!(body(&[text]), (Vec::new(), true), "{text:?}");
        }
        let endless = [b'1'; 1000];
        assert_eq!(body(&[&endless, b"\r\nx"]), (Vec::new(), true));
    }
}
