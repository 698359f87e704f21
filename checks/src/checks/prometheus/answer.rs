//! What the API answers with. Pure.

use serde_json::Value;

/// A vector or a scalar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answered {
    /// By their labels, so that they come in the same order each time.
    pub series: Vec<Series>,
    /// What the server has to say beside that.
    pub warnings: Vec<String>,
}

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    labels: Vec<(String, String)>,
    /// Its value, which may be no number, or endless.
    pub value: f64,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server says so.
    #[error("{kind}: {error}")]
    Refused {
        /// `bad_data`, `execution`, `timeout` and so on.
        kind: String,
        /// Why.
        error: String,
    },
    /// A range of samples, or a text.
    #[error("the query answers with a {0}, not with one value for each series")]
    NotASample(String),
    /// Another thing than the API answers with.
    #[error("the answer is none of Prometheus")]
    Other,
}

impl Answered {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let answer: Value = serde_json::from_slice(body).map_err(|_| Error::Other)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match answer["status"].as_str() {
            Some("success") => {}
            Some("error") => {
                return Err(Error::Refused {
                    kind: text(&answer["errorType"]),
                    error: text(&answer["error"]),
                });
            }
            _ => return Err(Error::Other),
        }
        let (data, notes) = (&answer["data"], [&answer["warnings"], &answer["infos"]]);
        let mut series = match data["resultType"].as_str() {
            Some("vector") => {
                let all = data["result"].as_array().ok_or(Error::Other)?;
                all.iter().map(Series::of_vector).collect::<Option<Vec<_>>>().ok_or(Error::Other)?
            }
            Some("scalar") => {
                let value = sample(&data["result"]).ok_or(Error::Other)?;
                vec![Series { labels: Vec::new(), value }]
            }
            Some(other) => return Err(Error::NotASample(other.to_owned())),
            None => return Err(Error::Other),
        };
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        let warnings = notes.iter().filter_map(|notes| notes.as_array()).flatten().map(text).collect();
        Ok(Self { series, warnings })
    }
}

impl Series {
    /// The values of all its labels, the metric's name first; `value` if it has none.
    pub fn name(&self) -> String {
        let metric = self.labels.iter().filter(|(name, _)| name == "__name__");
        let others = self.labels.iter().filter(|(name, _)| name != "__name__");
        let values: Vec<&str> = metric.chain(others).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() { "value".to_owned() } else { values.join(" ") }
    }

    /// The value of a label; empty where there is none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    fn of_vector(result: &Value) -> Option<Self> {
        let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        let mut labels = result["metric"].as_object()?.iter().map(pair).collect::<Option<Vec<_>>>()?;
        labels.sort();
        Some(Self { labels, value: sample(&result["value"])? })
    }
}

/// `[time, "value"]`, where a value may be `NaN` or `+Inf`.
fn sample(pair: &Value) -> Option<f64> {
    pair.as_array().filter(|pair| pair.len() == 2)?[1].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Answered, Error> {
        Answered::parse(text.as_bytes())
    }

    #[test]
    fn vectors_and_scalars_are_series() {
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"b"},"value":[1,"0"]},{"metric":{"__name__":"up","job":"a"},"value":[1.5,"+Inf"]}]},
            "warnings":["w"],"infos":["i"]}"#;
        let answered = parse(vector).unwrap();
        let names: Vec<String> = answered.series.iter().map(Series::name).collect();
        assert_eq!(names, ["up a", "up b"]);
        assert_eq!((answered.series[0].value, answered.series[0].label("job")), (f64::INFINITY, "a"));
        assert_eq!(answered.series[0].label("x"), "");
        assert_eq!(answered.warnings, ["w", "i"]);
        let scalar =
            parse(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}"#).unwrap();
        assert!(scalar.series[0].value.is_nan());
        assert_eq!(scalar.series[0].name(), "value");
        let none = parse(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#);
        assert_eq!(none, Ok(Answered::default()));
    }

    #[test]
    fn other_answers_are_told_apart() {
        let refused = Error::Refused { kind: "bad_data".to_owned(), error: "no".to_owned() };
        assert_eq!(parse(r#"{"status":"error","errorType":"bad_data","error":"no"}"#), Err(refused));
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert_eq!(parse(matrix), Err(Error::NotASample("matrix".to_owned())));
        for text in [
            "",
            "<html>",
            "{}",
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[{}]}}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}"#,
            r#"{"status":"success","data":{"resultType":"scalar","result":[1]}}"#,
        ] {
            assert_eq!(parse(text), Err(Error::Other), "{text}");
        }
    }
}
