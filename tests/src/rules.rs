//! The rule files of `alerts/`, and the cases that `promtool test rules` runs against them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::tools::workspace;

/// A rule of `alerts/*.yaml`: an alert, or something recorded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The alert's name.
    pub alert: Option<String>,
    /// What is recorded.
    pub record: Option<String>,
    /// The expression.
    pub expr: String,
    /// How long it has to hold.
    #[serde(rename = "for")]
    pub held: Option<String>,
    /// Labels that the rule adds.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What is told about it.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A case of `alerts/tests/*.yaml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// What is asked of an alert, in this order.
    #[serde(default)]
    pub alert_rule_test: Vec<Question>,
    /// What is asked of something recorded.
    #[serde(default)]
    pub promql_expr_test: Vec<Asked>,
}

/// What an expression answers with; promtool knows the rest of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Asked {
    /// The expression.
    pub expr: String,
}

/// Which alerts of a name there are at a time.
#[derive(Debug, Clone, Deserialize)]
pub struct Question {
    /// The alert's name.
    pub alertname: String,
    /// The alerts there should be.
    pub exp_alerts: Vec<BTreeMap<String, BTreeMap<String, String>>>,
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct CaseFile {
    tests: Vec<Case>,
}

/// The rule files.
pub fn files() -> Result<Vec<PathBuf>> {
    yaml_of("alerts")
}

/// The files of cases.
pub fn case_files() -> Result<Vec<PathBuf>> {
    yaml_of("alerts/tests")
}

/// All rules of all files.
pub fn rules() -> Result<Vec<Rule>> {
    let read = |path: PathBuf| read::<RuleFile>(&path);
    let files = files()?.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(files.into_iter().flat_map(|file| file.groups).flat_map(|group| group.rules).collect())
}

/// All cases of all files.
pub fn cases() -> Result<Vec<Case>> {
    let read = |path: PathBuf| read::<CaseFile>(&path);
    let files = case_files()?.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(files.into_iter().flat_map(|file| file.tests).collect())
}

/// Reads a file of YAML.
pub fn read<T: DeserializeOwned>(path: &std::path::Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| path.display().to_string())
}

fn yaml_of(directory: &str) -> Result<Vec<PathBuf>> {
    let directory = workspace().join(directory);
    let entries = std::fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}
