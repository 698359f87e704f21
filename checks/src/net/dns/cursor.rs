//! A message, read from its beginning to its end.

use super::Error;

pub(super) struct Cursor<'a> {
    /// The message.
    pub(super) bytes: &'a [u8],
    /// How much of it was taken.
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length).ok_or(Error::Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(Error::Short)?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| Error::Short)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(self.bytes.len().saturating_sub(self.at)).unwrap_or_default()
    }

    pub(super) fn word(&mut self) -> Result<u16, Error> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name, followed backwards where it is packed: each jump goes before the one that led to it, so it ends.
    pub(super) fn name(&mut self) -> Result<String, Error> {
        let mut name = String::new();
        let mut after = None;
        let mut lowest = self.at;
        loop {
            let length = usize::from(self.take(1)?[0]);
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    let label = self.take(length)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    push_label(&mut name, label);
                }
                3 => {
                    let target = (length & 0x3f) << 8 | usize::from(self.take(1)?[0]);
                    after.get_or_insert(self.at);
                    if target >= lowest {
                        return Err(Error::Name);
                    }
                    lowest = target;
                    self.at = target;
                }
                _ => return Err(Error::Name),
            }
            if name.len() > 1024 {
                return Err(Error::Name);
            }
        }
        self.at = after.unwrap_or(self.at);
        Ok(name)
    }
}

/// As zone files write it: what is no plain character is `\DDD`.
fn push_label(name: &mut String, label: &[u8]) {
    for byte in label {
        match byte {
            b'.' | b'\\' => name.extend(['\\', char::from(*byte)]),
            0x21..=0x7e => name.push(char::from(*byte)),
            byte => name.push_str(&format!("\\{byte:03}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_in_a_name_are_written_as_numbers() {
        let mut name = String::new();
        push_label(&mut name, b"a.b\\\0\xff ");
        assert_eq!(name, "a\\.b\\\\\\000\\255\\032");
    }
}
