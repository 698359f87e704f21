//! Whether a server follows another one, and how far behind it is.

use std::fmt;

use super::connection::{Connection, Fault, Rows};

/// What a server says of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replica {
    /// It follows none.
    None,
    /// It says nothing that is known.
    Unknown,
    /// It follows one.
    Runs(Status),
    /// It should, and does not.
    Stands(Status),
}

/// The three values, as the server has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    io: String,
    sql: String,
    behind: Option<String>,
}

/// MySQL 8.4 knows only the newer words, other servers only the older ones, MariaDB both.
const WORDS: [(&str, [&str; 3]); 2] = [
    ("show slave status", ["Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"]),
    ("show replica status", ["Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"]),
];
/// The fault of a query that is none.
const SYNTAX: u16 = 1064;

impl Replica {
    pub(super) fn ask(connection: &mut Connection) -> Result<Self, Fault> {
        let [(query, columns), (newer, newer_columns)] = WORDS;
        match connection.query(query) {
            Err(Fault::Refused { code: SYNTAX, .. }) => {
                Ok(Self::of(&connection.query(newer)?, newer_columns))
            }
            rows => Ok(Self::of(&rows?, columns)),
        }
    }

    /// The seconds it is behind, where it says so.
    pub(super) fn behind(&self) -> Option<f64> {
        match self {
            Self::Runs(status) => status.behind.as_ref()?.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn of(rows: &Rows, names: [&str; 3]) -> Self {
        let Some(row) = rows.kept.first() else { return Self::None };
        let value = |name: &str| {
            let at = rows.columns.iter().flatten().position(|column| column == name)?;
            row.get(at)?.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let [Some(io), Some(sql), behind] = names.map(value) else { return Self::Unknown };
        let status = Status { io, sql, behind };
        if status.io == "Yes" && status.sql == "Yes" { Self::Runs(status) } else { Self::Stands(status) }
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None | Self::Unknown => Ok(()),
            Self::Runs(Status { io, sql, behind }) | Self::Stands(Status { io, sql, behind }) => {
                let behind = behind.as_deref().unwrap_or("NULL");
                write!(f, "Slave IO: {io} Slave SQL: {sql} Seconds Behind Master: {behind}")
            }
        }
    }
}
