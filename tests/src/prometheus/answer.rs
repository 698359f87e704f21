//! What the API answers with, as numbers; and what `increase()` makes of samples, by Prometheus' own rule.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A series with its samples, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Label names and values, `__name__` among them.
    pub labels: BTreeMap<String, String>,
    /// Unix time in milliseconds, and the value.
    pub samples: Vec<(i64, f64)>,
}

impl Series {
    /// A label's value; empty if it is absent, as Prometheus sees it.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// The values alone.
    pub fn values(&self) -> Vec<f64> {
        self.samples.iter().map(|(_, value)| *value).collect()
    }

    /// When the last sample was taken, in seconds.
    pub fn last_time(&self) -> Option<f64> {
        self.samples.last().map(|(ms, _)| *ms as f64 / 1000.0)
    }
}

/// The `result` of a query: a vector, a matrix or a scalar.
pub(super) fn series(result: &Value) -> Result<Vec<Series>> {
    let result = result.as_array().context("no result")?;
    if let [time, Value::String(value)] = &result[..] {
        return Ok(vec![Series { labels: BTreeMap::new(), samples: vec![pair(time, value)?] }]);
    }
    result.iter().map(one).collect()
}

/// A line of VictoriaMetrics' export; what is no number there (it writes null) is left out.
pub fn exported(line: &str) -> Result<Series> {
    let row: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let labels = row["metric"].as_object().context("no labels")?;
    let labels = labels.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let times = row["timestamps"].as_array().context("no times")?;
    let values = row["values"].as_array().context("no values")?;
    let samples = times.iter().zip(values).filter_map(|(at, value)| Some((at.as_i64()?, value.as_f64()?)));
    Ok(Series {
        labels: labels.collect::<Option<_>>().context("a label is no text")?,
        samples: samples.collect(),
    })
}

/// `increase()` over `(from, to]`, in milliseconds, of a counter with these samples in it and no resets: `None` for fewer
/// than two. promql/functions.go, `extrapolatedRate`: a window's end further than 1.1 times the mean distance of samples
/// from the last one counts as half such a distance, and towards its start nothing is added beyond where the counter
/// would have been zero. Versions 2 and 3 differ only where the start is far from a first sample that is not zero.
pub fn extrapolated_increase(samples: &[(i64, f64)], from: i64, to: i64) -> Option<f64> {
    let within: Vec<_> = samples.iter().filter(|(at, _)| from < *at && *at <= to).collect();
    let [(first_at, first), .., (last_at, last)] = within[..] else { return None };
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let (increase, sampled) = (last - first, seconds(last_at - first_at));
    let mean = sampled / (within.len() - 1) as f64;
    let near = |edge: f64| if edge < mean * 1.1 { edge } else { mean / 2.0 };
    let mut start = near(seconds(first_at - from));
    if increase > 0.0 {
        start = start.min(sampled * (first / increase));
    }
    let end = near(seconds(to - last_at));
    Some(increase * ((sampled + start + end) / sampled))
}

fn one(result: &Value) -> Result<Series> {
    let labels = result["metric"].as_object().context("no labels")?;
    let labels = labels.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let labels = labels.collect::<Option<_>>().context("a label is no text")?;
    let samples: Vec<&Value> = match (&result["value"], &result["values"]) {
        (sample @ Value::Array(_), _) => vec![sample],
        (_, Value::Array(samples)) => samples.iter().collect(),
        _ => bail!("neither value nor values: {result}"),
    };
    let sample = |sample: &&Value| match sample.as_array().map(Vec::as_slice) {
        Some([time, Value::String(value)]) => pair(time, value),
        _ => bail!("no sample: {sample}"),
    };
    Ok(Series { labels, samples: samples.iter().map(sample).collect::<Result<_>>()? })
}

fn pair(time: &Value, value: &str) -> Result<(i64, f64)> {
    let seconds = time.as_f64().context("no time")?;
    Ok(((seconds * 1000.0).round() as i64, value.parse().with_context(|| value.to_owned())?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn vectors_matrices_and_scalars() -> Result<()> {
        let vector = json!([{ "metric": { "__name__": "up" }, "value": [1795250394.681, "1"] }]);
        let [up] = &series(&vector)?[..] else { bail!("one") };
        assert_eq!(
            (up.label("__name__"), up.label("job"), &up.samples[..]),
            ("up", "", &[(1795250394681, 1.0)][..])
        );
        let matrix = json!([{ "metric": {}, "values": [[1, "+Inf"], [2.5, "-3e2"]] }]);
        assert_eq!(series(&matrix)?[0].samples, [(1000, f64::INFINITY), (2500, -300.0)]);
        assert_eq!(series(&json!([7, "0.5"]))?[0].samples, [(7000, 0.5)]);
        assert!(series(&json!([{ "metric": {} }])).is_err());
        Ok(())
    }

    #[test]
    fn nothing_is_added_between_a_zero_and_the_last_sample() {
        let born_and_dead = [(1_000, 0.0), (2_000, 7.0), (3_000, 7.0)];
        assert_eq!(extrapolated_increase(&born_and_dead, 0, 3_000), Some(7.0));
        assert_eq!(extrapolated_increase(&born_and_dead, 999, 3_000), Some(7.0));
        assert_eq!(extrapolated_increase(&born_and_dead, 0, 4_000), Some(10.5), "near the end: all of it");
        assert_eq!(extrapolated_increase(&born_and_dead, 0, 60_000), Some(8.75), "far: half a distance");
        assert_eq!(extrapolated_increase(&born_and_dead, 1_000, 3_000), Some(0.0), "the zero is outside");
        assert_eq!(extrapolated_increase(&born_and_dead, 2_000, 3_000), None);
    }
}
