//! The tables of docs/deployment.md, and that every file asks for what they say.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::tools::workspace;
use serde_json::Value;

/// What a container is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// Without `CAP_`.
    pub(crate) capabilities: BTreeSet<String>,
    /// Of the host, in the container, how.
    pub(crate) mounts: Vec<(String, String, BTreeSet<String>)>,
    /// Its flags.
    pub(crate) flags: Vec<String>,
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> Result<String> {
    let path = workspace().join(path);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// What the document says.
pub(crate) fn documented() -> Result<Given> {
    let text = read("docs/deployment.md")?;
    let capabilities = rows(&text, "| capability |")?.iter().flat_map(|row| quoted(&row[0])).collect();
    let mounts = rows(&text, "| of the host |")?;
    let mounts = mounts.iter().map(|row| {
        let one = |cell: &str| quoted(cell).into_iter().next().context("nothing quoted");
        Ok((one(&row[0])?, one(&row[1])?, quoted(&row[2]).into_iter().collect()))
    });
    let flags = rows(&text, "| flag |")?.iter().flat_map(|row| quoted(&row[0])).collect();
    let given = Given { capabilities, mounts: mounts.collect::<Result<_>>()?, flags };
    ensure!(given.capabilities.len() > 2 && given.flags.len() > 2 && !given.mounts.is_empty(), "{given:?}");
    Ok(given)
}

/// The cells of the table that begins so.
fn rows(text: &str, heading: &str) -> Result<Vec<Vec<String>>> {
    let (_, table) = text.split_once(heading).with_context(|| heading.to_owned())?;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    Ok(rows.map(cells).collect())
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The texts of a list.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `ro` if it is so, and how news of mounts reach it.
pub(crate) fn how(read_only: &Value, propagation: &Value) -> BTreeSet<String> {
    let read_only = (read_only == &Value::Bool(true)).then(|| "ro".to_owned());
    read_only.into_iter().chain([text(propagation)]).collect()
}

#[test]
fn the_compose_file_asks_for_what_is_documented() -> Result<()> {
    let file: Value = serde_saphyr::from_str(&read("deploy/compose/compose.yaml")?)?;
    let service = &file["services"]["plimsoll"];
    let mounts = service["volumes"].as_array().context("no volumes")?.iter().map(|volume| {
        let how = how(&volume["read_only"], &volume["bind"]["propagation"]);
        (text(&volume["source"]), text(&volume["target"]), how)
    });
    let given = Given {
        capabilities: texts(&service["cap_add"]).into_iter().collect(),
        mounts: mounts.collect(),
        flags: texts(&service["command"]),
    };
    assert_eq!(given, documented()?);
    assert_eq!(texts(&service["cap_drop"]), ["ALL"]);
    assert_eq!(service["read_only"], true);
    assert_eq!(service.get("privileged").or(service.get("pid")), None);
    Ok(())
}

#[test]
fn the_job_of_nomad_asks_for_what_is_documented() -> Result<()> {
    let file = read("deploy/nomad/plimsoll.nomad.hcl")?;
    let (_, config) = file.split_once("      config {\n").context("no config")?;
    let field = |name: &str| {
        let mut lines = config.lines().filter_map(|line| line.trim().split_once('='));
        lines
            .find(|(found, _)| found.trim() == name)
            .map(|(_, value)| value.trim().trim_matches('"').to_owned())
    };
    let list = |name: &str| -> Result<Vec<String>> {
        let (_, rest) = config.split_once(&format!("{name} = [")).with_context(|| name.to_owned())?;
        let (list, _) = rest.split_once(']').context("no end")?;
        Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
    };
    let yes = |name: &str| Value::Bool(field(name).is_some_and(|value| value == "true"));
    let how = how(&yes("readonly"), &Value::from(field("propagation")));
    let given = Given {
        capabilities: list("cap_add")?.iter().map(|name| name.to_uppercase()).collect(),
        mounts: vec![(field("source").context("source")?, field("target").context("target")?, how)],
        flags: list("args")?,
    };
    assert_eq!(given, documented()?);
    assert_eq!(field("cap_drop").as_deref(), Some(r#"["all"]"#));
    assert_eq!(yes("readonly_rootfs"), true);
    assert_eq!(field("privileged").or(field("pid_mode")), None);
    Ok(())
}

#[test]
fn every_capability_is_one_of_the_document_of_privileges() -> Result<()> {
    let privileges = read("docs/privileges.md")?;
    for name in documented()?.capabilities {
        assert!(privileges.contains(&format!("`CAP_{name}`")), "{name}");
    }
    Ok(())
}
