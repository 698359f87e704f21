//! Icinga's own parser of perfdata, asked once for many.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::plugins::Datum;
use crate::tools;

/// What Icinga makes of one value; none of what it rejects.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The label.
    pub label: String,
    /// In the base unit.
    pub value: f64,
    /// By its long name.
    pub unit: String,
    /// Whether it is a counter.
    pub counter: bool,
    /// warn, crit, min, max, in the base unit.
    pub limits: [Option<f64>; 4],
}

/// Asks for all of them in one console.
pub fn parse(data: &[String]) -> Result<Vec<Option<Parsed>>> {
    let list: Vec<String> = data.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let script = format!(
        "function ask(text) {{ try {{ var p = parse_performance_data(text)\n return [ p.label, p.value, p.unit, \
         p.counter, p.warn, p.crit, p.min, p.max ] }} except {{ return null }} }}\n Json.encode([ {} ].map(ask))",
        list.join(", ")
    );
    let output = Command::new(tools::icinga()?)
        .args(["console", "--eval", &script])
        .stdin(Stdio::null())
        .output()
        .context("icinga2 console")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "icinga2 console: {text}{}", String::from_utf8_lossy(&output.stderr));
    // A JSON text in a string of the console's, which is one of JSON's too.
    let inner: String =
        serde_json::from_str(text.trim()).with_context(|| format!("icinga2 console: {text}"))?;
    let rows: Vec<Option<Vec<Value>>> = serde_json::from_str(&inner)?;
    rows.into_iter().map(|row| row.map_or(Ok(None), |row| parsed(&row))).collect()
}

/// What Icinga has to make of it, by its documentation: the base unit, and nothing for a range.
pub fn expected(datum: &Datum) -> Result<Parsed> {
    let (unit, factor, counter) = match datum.unit.as_str() {
        "" => ("", 1.0, false),
        "s" => ("seconds", 1.0, false),
        "ms" => ("seconds", 1e-3, false),
        "d" => ("seconds", 86_400.0, false),
        "us" => ("seconds", 1e-6, false),
        "%" => ("percent", 1.0, false),
        "B" => ("bytes", 1.0, false),
        "KB" => ("bytes", 1e3, false),
        "MB" => ("bytes", 1e6, false),
        "GB" => ("bytes", 1e9, false),
        "KiB" => ("bytes", 1024.0, false),
        "MiB" => ("bytes", 1_048_576.0, false),
        // A counter by its documentation; the parser takes it for any number.
        "c" => ("", 1.0, false),
        other => anyhow::bail!("{}: nobody knows the unit '{other}'", datum.label),
    };
    let limits = datum.limits.clone().map(|limit| limit.parse::<f64>().ok().map(|limit| limit * factor));
    let value = datum.value.parse::<f64>()? * factor;
    Ok(Parsed { label: datum.label.clone(), value, unit: unit.to_owned(), counter, limits })
}

/// The same, but for the last digit of a product.
pub fn same(one: &Parsed, other: &Parsed) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= a.abs().max(b.abs()) * 1e-12;
    let limits = one.limits.iter().zip(other.limits);
    (&one.label, &one.unit, one.counter) == (&other.label, &other.unit, other.counter)
        && near(one.value, other.value)
        && limits.fold(true, |same, (a, b)| {
            same && match (a, b) {
                (Some(a), Some(b)) => near(*a, b),
                (a, b) => a.is_none() && b.is_none(),
            }
        })
}

/// None where the value is.
fn parsed(row: &[Value]) -> Result<Option<Parsed>> {
    let text = |at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned).context("no text");
    let number = |at: usize| row.get(at).and_then(Value::as_f64);
    let Some(value) = number(1) else { return Ok(None) };
    Ok(Some(Parsed {
        label: text(0)?,
        value,
        unit: text(2)?,
        counter: row.get(3).and_then(Value::as_bool).context("no counter")?,
        limits: [number(4), number(5), number(6), number(7)],
    }))
}
