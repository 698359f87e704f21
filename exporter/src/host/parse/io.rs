//! `io.stat` (v2) and the `blkio` service files (v1).

use super::{lines, number, words};

/// One device's counts, as far as the file has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounts {
    /// `major:minor`.
    pub device: (u32, u32),
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Bytes written.
    pub write_bytes: Option<u64>,
    /// Read requests.
    pub reads: Option<u64>,
    /// Write requests.
    pub writes: Option<u64>,
}

/// `io.stat`. A device without counts, as some kernels list it, is left out.
pub fn parse_io_stat(bytes: &[u8], mut each: impl FnMut(DeviceCounts)) {
    for line in lines(bytes) {
        let mut current: Option<DeviceCounts> = None;
        let mut counted = false;
        let mut flush = |counts: Option<DeviceCounts>, counted| {
            if let Some(counts) = counts.filter(|_| counted) {
                each(counts);
            }
        };
        for word in words(line) {
            // Kernels before 5.17 can put a device without counts before another one, on the same line.
            if let Some(device) = device_number(word) {
                flush(current, counted);
                current = Some(DeviceCounts { device, ..DeviceCounts::default() });
                counted = false;
                continue;
            }
            let Some(counts) = current.as_mut() else { continue };
            let Some(equals) = word.iter().position(|&b| b == b'=') else { continue };
            let slot = match &word[..equals] {
                b"rbytes" => &mut counts.read_bytes,
                b"wbytes" => &mut counts.write_bytes,
                b"rios" => &mut counts.reads,
                b"wios" => &mut counts.writes,
                _ => continue,
            };
            *slot = number(&word[equals + 1..]);
            counted |= slot.is_some();
        }
        flush(current, counted);
    }
}

/// A `blkio` file: calls `each` with a device, whether the line counts writes, and the count.
pub fn parse_blkio(bytes: &[u8], mut each: impl FnMut((u32, u32), bool, u64)) {
    for line in lines(bytes) {
        let mut words = words(line);
        let Some(device) = words.next().and_then(device_number) else { continue };
        let write = match words.next() {
            Some(b"Read") => false,
            Some(b"Write") => true,
            _ => continue,
        };
        if let Some(count) = words.next().and_then(number) {
            each(device, write, count);
        }
    }
}

fn device_number(word: &[u8]) -> Option<(u32, u32)> {
    let colon = word.iter().position(|&b| b == b':')?;
    let part = |digits| number(digits).and_then(|n| u32::try_from(n).ok());
    Some((part(&word[..colon])?, part(&word[colon + 1..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_stat(text: &[u8]) -> Vec<DeviceCounts> {
        let mut all = Vec::new();
        parse_io_stat(text, |counts| all.push(counts));
        all
    }

    #[test]
    fn v2() {
        let all = io_stat(
            b"8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n\
              8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n",
        );
        assert_eq!(all.len(), 2);
        let want = DeviceCounts {
            device: (8, 16),
            read_bytes: Some(1_459_200),
            write_bytes: Some(314_773_504),
            reads: Some(192),
            writes: Some(353),
        };
        assert_eq!(all[0], want);
        assert_eq!(all[1].writes, Some(1252));
    }

    #[test]
    fn v2_devices_without_counts() {
        let all = io_stat(b"254:1 254:0 rbytes=5 wbytes=6 rios=7 wios=8\n7:0 \n259:0 cost.usage=3\n");
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].device, all[0].read_bytes), ((254, 0), Some(5)));
    }

    #[test]
    fn v1() {
        let mut all = Vec::new();
        let text = b"8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 12288\n8:0 Async 0\n8:0 Discard 1\n\
                     8:0 Total 12288\nTotal 12288\n";
        parse_blkio(text, |device, write, count| all.push((device, write, count)));
        assert_eq!(all, [((8, 0), false, 4096), ((8, 0), true, 8192)]);
    }
}
