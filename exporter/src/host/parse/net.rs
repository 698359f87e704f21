//! `/proc/<pid>/net/dev` and namespace links.

use super::{lines, number, words};

/// One interface's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetDev<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Bytes, packets, errors and drops received.
    pub receive: [u64; 4],
    /// Bytes, packets, errors and drops transmitted.
    pub transmit: [u64; 4],
}

/// `/proc/<pid>/net/dev`. Lines that do not parse (its two headings) are passed over.
pub fn parse_net_dev<'a>(bytes: &'a [u8], mut each: impl FnMut(NetDev<'a>)) {
    for line in lines(bytes) {
        // The name ends at the last colon: an alias (`eth0:1`) has one of its own.
        let Some(colon) = line.iter().rposition(|&b| b == b':') else { continue };
        let mut values = [0; 16];
        let mut count = 0;
        for word in words(&line[colon + 1..]) {
            let (Some(value), Some(slot)) = (number(word), values.get_mut(count)) else {
                count = usize::MAX;
                break;
            };
            *slot = value;
            count += 1;
        }
        if count != values.len() {
            continue;
        }
        let four = |at: usize| [values[at], values[at + 1], values[at + 2], values[at + 3]];
        each(NetDev { name: line[..colon].trim_ascii(), receive: four(0), transmit: four(8) });
    }
}

/// The inode number in the link of a namespace, `net:[4026531840]`.
pub fn parse_ns_link(bytes: &[u8]) -> Option<u64> {
    let open = bytes.iter().position(|&b| b == b'[')?;
    number(bytes[open + 1..].strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_dev() {
        let text = b"Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo \
            colls carrier compressed\n    lo:    3193      29    0    0    0     0          0         0     \
            3193      29    0    0    0     0       0          0\n  eth0: 140794824    5851    1    2    \
            0     0          0         0   317647    3275    3    4    0     0       0          0\n";
        let mut all = Vec::new();
        parse_net_dev(text, |dev| all.push(dev));
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].name, b"lo");
        let want =
            NetDev { name: b"eth0", receive: [140_794_824, 5851, 1, 2], transmit: [317_647, 3275, 3, 4] };
        assert_eq!(all[1], want);
    }

    #[test]
    fn lines_of_another_shape_are_passed_over() {
        let mut all = 0;
        parse_net_dev(b"eth0: 1 2 3\neth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n:", |_| all += 1);
        assert_eq!(all, 0);
    }

    #[test]
    fn ns_link() {
        assert_eq!(parse_ns_link(b"net:[4026531840]"), Some(4_026_531_840));
        assert_eq!(parse_ns_link(b"net:["), None);
        assert_eq!(parse_ns_link(b"socket:[12"), None);
    }
}
