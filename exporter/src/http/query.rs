//! `collect[]` and `exclude[]`, as node_exporter takes them.

use super::source::{CollectorName, Filter};

/// What is wrong with a query; its text is the answer's body.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueryError {
    #[error("combined collect and exclude queries are not allowed")]
    Both,
    #[error("missing collector: {0}")]
    Unknown(String),
    #[error("disabled collector: {0}")]
    Disabled(String),
}

/// Reads the filter out of a query string. Other parameters are none of our business.
pub(super) fn filter(query: Option<&str>, known: &[CollectorName]) -> Result<Filter, QueryError> {
    let (mut collect, mut exclude) = (Vec::new(), Vec::new());
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let names = match key.as_ref() {
            "collect[]" => &mut collect,
            "exclude[]" => &mut exclude,
            _ => continue,
        };
        let Some(collector) = known.iter().find(|c| c.name == value) else {
            return Err(QueryError::Unknown(value.into_owned()));
        };
        if key == "collect[]" && !collector.enabled {
            return Err(QueryError::Disabled(value.into_owned()));
        }
        if !names.contains(&collector.name) {
            names.push(collector.name);
        }
    }
    match (collect.is_empty(), exclude.is_empty()) {
        (true, true) => Ok(Filter::All),
        (false, true) => Ok(Filter::Only(collect)),
        (true, false) => Ok(Filter::Except(exclude)),
        (false, false) => Err(QueryError::Both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [CollectorName; 3] = [
        CollectorName { name: "syscalls", enabled: true },
        CollectorName { name: "oom", enabled: true },
        CollectorName { name: "sched", enabled: false },
    ];

    #[test]
    fn filters() {
        for (query, expected) in [
            (None, Filter::All),
            (Some(""), Filter::All),
            (Some("name=x&collect=oom&a[]=b&&="), Filter::All),
            (Some("collect[]=oom"), Filter::Only(vec!["oom"])),
            (Some("collect%5B%5D=%6fom&x=1&collect[]=syscalls"), Filter::Only(vec!["oom", "syscalls"])),
            (Some("collect[]=oom&collect[]=oom"), Filter::Only(vec!["oom"])),
            (Some("exclude[]=oom&exclude[]=sched"), Filter::Except(vec!["oom", "sched"])),
        ] {
            assert_eq!(filter(query, &KNOWN), Ok(expected), "{query:?}");
        }
    }

    #[test]
    fn refusals() {
        for (query, expected) in [
            ("collect[]=oom&exclude[]=syscalls", "combined collect and exclude queries are not allowed"),
            ("collect[]=nfs", "missing collector: nfs"),
            ("exclude[]=a%20b+c", "missing collector: a b c"),
            ("collect[]=", "missing collector: "),
            ("collect[]=sched", "disabled collector: sched"),
            ("collect[]=%ff", "missing collector: \u{fffd}"),
        ] {
            assert_eq!(
                filter(Some(query), &KNOWN).map_err(|e| e.to_string()),
                Err(expected.into()),
                "{query}"
            );
        }
    }

    #[test]
    fn a_filter_admits() {
        assert!(Filter::All.admits("x"));
        assert!(Filter::Only(vec!["x"]).admits("x") && !Filter::Only(vec!["x"]).admits("y"));
        assert!(!Filter::Except(vec!["x"]).admits("x") && Filter::Except(vec!["x"]).admits("y"));
    }
}
