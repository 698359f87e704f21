//! The log on stderr, in the two forms Prometheus programs have: logfmt and JSON, with the same keys.

use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The form of a log line: `ts=… level=info msg="…" key=value`, or one JSON object with the same keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "a comment here would become a paragraph of --help")]
pub enum LogFormat {
    Logfmt,
    Json,
}

/// Libraries that log each failure as it happens, some with all they were sent: what it means is said here, once.
const QUIET: [&str; 4] = ["kube_client", "kube_runtime", "tower", "tower_http"];

/// Sends what is at least as grave as `level` to stderr from now on. The first call counts.
pub fn init(level: Level, format: LogFormat) {
    let quiet = QUIET.map(|target| (target, LevelFilter::OFF));
    let filter = Targets::new().with_default(LevelFilter::from_level(level)).with_targets(quiet);
    let installed = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .event_format(Line { format, clock: SystemTime })
        .finish()
        .with(filter)
        .try_init();
    if installed.is_err() {
        tracing::debug!("the log was already set up");
    }
}

/// Formats one event. There are no spans: a line says all it has to say itself.
struct Line<T> {
    format: LogFormat,
    clock: T,
}

impl<S, N, T> FormatEvent<S, N> for Line<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    T: FormatTime,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut ts = String::new();
        self.clock.format_time(&mut Writer::new(&mut ts))?;
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let head = [("ts", ts.into()), ("level", level.into()), ("msg", fields.message.into())];
        let pairs = head.into_iter().chain(fields.others);
        match self.format {
            LogFormat::Logfmt => logfmt(&mut out, pairs)?,
            LogFormat::Json => json(&mut out, pairs)?,
        }
        writeln!(out)
    }
}

fn logfmt(out: &mut Writer<'_>, pairs: impl Iterator<Item = (&'static str, Value)>) -> fmt::Result {
    for (i, (key, value)) in pairs.enumerate() {
        if i > 0 {
            out.write_char(' ')?;
        }
        write!(out, "{key}=")?;
        match value {
            Value::String(text) if is_bare(&text) => out.write_str(&text)?,
            // JSON's quotes and escapes are those of logfmt, and keep a line a line.
            other => write!(out, "{other}")?,
        }
    }
    Ok(())
}

fn json(out: &mut Writer<'_>, pairs: impl Iterator<Item = (&'static str, Value)>) -> fmt::Result {
    for (i, (key, value)) in pairs.enumerate() {
        let before = if i == 0 { '{' } else { ',' };
        write!(out, "{before}{}:{value}", Value::from(key))?;
    }
    out.write_char('}')
}

fn is_bare(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\'))
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Fixed;

    impl FormatTime for Fixed {
        fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
            w.write_str("2024-05-06T07:08:09.000001Z")
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .with_writer(move || writer.clone())
            .event_format(Line { format, clock: Fixed })
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = sink.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("valid UTF-8")
    }

    fn log() {
        tracing::debug!("not asked for");
        tracing::warn!(path = "/a b", slots = 7, ok = true, empty = "", "odd \"{}\"\n", 'x');
    }

    #[test]
    fn logfmt_is_one_line() {
        assert_eq!(
            logged(LogFormat::Logfmt, log),
            "ts=2024-05-06T07:08:09.000001Z level=warn msg=\"odd \\\"x\\\"\\n\" path=\"/a b\" slots=7 ok=true empty=\"\"\n"
        );
    }

    #[test]
    fn json_has_the_same_keys() {
        let line = logged(LogFormat::Json, log);
        let object: Value = serde_json::from_str(&line).expect("one object");
        assert_eq!(
            object,
            serde_json::json!({
                "ts": "2024-05-06T07:08:09.000001Z", "level": "warn", "msg": "odd \"x\"\n",
                "path": "/a b", "slots": 7, "ok": true, "empty": "",
            })
        );
        assert!(line.starts_with("{\"ts\":") && line.ends_with("}\n"));
    }
}
