//! What `INFO` says. Pure.

/// `name:value` in lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info(Vec<(String, String)>);

impl Info {
    /// From its text.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(
            lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The value of a name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Keys in all databases: `db0:keys=2,expires=0,avg_ttl=0`.
    pub fn keys(&self) -> u64 {
        let databases = self.0.iter().filter(|(name, _)| name.strip_prefix("db").is_some_and(is_number));
        let keys =
            databases.filter_map(|(_, value)| value.strip_prefix("keys=")?.split(',').next()?.parse().ok());
        keys.fold(0, u64::saturating_add)
    }

    /// In percent; none if nothing was looked for yet.
    pub fn hit_rate(&self) -> Option<f64> {
        let (hits, misses) = (self.number("keyspace_hits")?, self.number("keyspace_misses")?);
        Some(hits / (hits + misses) * 100.0).filter(|rate| rate.is_finite())
    }

    /// In percent of what there is: what was given, or its own limit, or the machine's.
    pub fn memory(&self, total: Option<f64>) -> Option<f64> {
        let limit = |name: &str| self.number(name).filter(|bytes| *bytes > 0.0);
        let total = total.or_else(|| limit("maxmemory")).or_else(|| limit("total_system_memory"))?;
        Some(self.number("used_memory_rss")? / total * 100.0)
    }

    /// Seconds since a replica heard of its master; none of a master.
    pub fn replication_delay(&self) -> Option<f64> {
        let down = self.number("master_link_down_since_seconds").filter(|seconds| *seconds >= 0.0);
        down.or_else(|| self.number("master_last_io_seconds_ago").filter(|seconds| *seconds >= 0.0))
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.text(name).and_then(crate::options::value::number)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_names_and_values() {
        let info = Info::parse(
            "# Server\r\nredis_version:7.0.15\r\nkeyspace_hits:3\r\nkeyspace_misses:1\r\nused_memory_rss:50\r\n\
             maxmemory:0\r\ntotal_system_memory:200\r\ndb0:keys=2,expires=0\r\ndb12:keys=5,x=1\r\ndbx:keys=9\r\n",
        );
        assert_eq!(info.text("redis_version"), Some("7.0.15"));
        assert_eq!((info.keys(), info.hit_rate(), info.replication_delay()), (7, Some(75.0), None));
        assert_eq!((info.memory(None), info.memory(Some(500.0))), (Some(25.0), Some(10.0)));
        let replica =
            Info::parse("role:slave\nmaster_last_io_seconds_ago:4\nkeyspace_hits:0\nkeyspace_misses:0\n");
        assert_eq!(
            (replica.replication_delay(), replica.hit_rate(), replica.memory(None)),
            (Some(4.0), None, None)
        );
        let cut = Info::parse("master_last_io_seconds_ago:-1\nmaster_link_down_since_seconds:9\n");
        assert_eq!(cut.replication_delay(), Some(9.0));
    }
}
