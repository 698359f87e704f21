//! What Icinga makes of a configuration, without running it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Every line that Icinga has to say of a configuration but what it counts; an error if it would not take it.
pub fn validate(configuration: &str) -> Result<Vec<String>> {
    Ok(ask(configuration)?.0)
}

/// All objects of a type, with what they inherit: each has a `name` and `properties`.
pub fn objects(configuration: &str, kind: &str) -> Result<Vec<Value>> {
    let (said, objects) = ask(configuration)?;
    ensure!(!objects.is_empty(), "no objects: {said:?}");
    Ok(objects.into_iter().filter(|object| object["type"] == kind).collect())
}

fn ask(configuration: &str) -> Result<(Vec<String>, Vec<Value>)> {
    let directory = super::directory()?;
    let asked = || {
        std::fs::write(directory.join("icinga2.conf"), super::with_library(configuration)?)?;
        let output = super::command(&directory)?.arg("--validate").output().context("icinga2")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "icinga2 does not take the configuration: {text}{error}");
        let said = text.lines().chain(error.lines()).filter(|line| !line.contains("] information/"));
        let dumped = std::fs::read(directory.join("cache/icinga2.debug")).unwrap_or_default();
        Ok((said.map(str::to_owned).collect(), netstrings(&dumped)?))
    };
    let answer = asked();
    let _ = std::fs::remove_dir_all(&directory);
    answer
}

/// `LENGTH:JSON,` and so on.
fn netstrings(mut bytes: &[u8]) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let colon = bytes.iter().position(|byte| *byte == b':').context("no length")?;
        let length: usize = std::str::from_utf8(&bytes[..colon])?.parse()?;
        let text = bytes.get(colon + 1..colon + 1 + length).context("cut")?;
        all.push(serde_json::from_slice(text)?);
        bytes = bytes.get(colon + 2 + length..).unwrap_or_default();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings_are_taken_apart() -> Result<()> {
        assert_eq!(netstrings(b"2:{},4:\"ab\",")?, [serde_json::json!({}), serde_json::json!("ab")]);
        assert!(netstrings(b"9:{},").is_err());
        Ok(())
    }
}
