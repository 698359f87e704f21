//! What memory is told in.

use super::pair::{Bad, Error, Pair};

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// As perfdata have it.
    pub name: &'static str,
    /// So many bytes; none for percent of the limit.
    pub bytes: Option<u64>,
}

/// `WARN:CRIT`, and its unit after a colon: bytes if there is none.
pub fn memory(text: &str, decimal: bool) -> Result<(Pair, Unit), Error> {
    let (pair, unit) = match text.rsplit_once(':').and_then(|(pair, name)| Some((pair, unit(name, decimal)?)))
    {
        Some(both) => both,
        None => (text, Unit { name: "B", bytes: Some(1) }),
    };
    Ok((Pair::parse(pair, Bad::High)?, unit))
}

fn unit(text: &str, decimal: bool) -> Option<Unit> {
    let base: u64 = if decimal { 1000 } else { 1024 };
    let names = if decimal { ["KB", "MB", "GB", "TB"] } else { ["KiB", "MiB", "GiB", "TiB"] };
    let power = ["KB", "MB", "GB", "TB"].iter().position(|name| *name == text);
    match (text, power) {
        ("%", _) => Some(Unit { name: "%", bytes: None }),
        ("B", _) => Some(Unit { name: "B", bytes: Some(1) }),
        (_, Some(at)) => Some(Unit { name: names[at], bytes: Some((0..=at).map(|_| base).product()) }),
        _ => None,
    }
}
