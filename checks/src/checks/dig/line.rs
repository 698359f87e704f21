//! A record as a line of `dig`. Pure.

use crate::net::dns::{Record, kind};

/// Where the time to live, the class, the type and the data begin.
const COLUMNS: [usize; 4] = [24, 32, 40, 48];

/// Name, time to live, class, type and data in their columns; for a tab of `dig` there is a space, as in 2.x.
pub(super) fn of(record: &Record) -> String {
    let parts = [record.ttl.to_string(), "IN".to_owned(), kind::name(record.kind), record.data.to_string()];
    let mut line = format!("{}.", record.name);
    let mut column = line.chars().count();
    for (part, to) in parts.into_iter().zip(COLUMNS) {
        let to = to.max(column + 1);
        let tabs = to / 8 - column / 8;
        let spaces = if tabs > 0 { to % 8 } else { to - column };
        line.push_str(&" ".repeat(tabs + spaces));
        line.push_str(&part);
        column = to + part.chars().count();
    }
    line
}
