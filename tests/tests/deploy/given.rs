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
    assert_eq!((service.get("privileged"), text(&service["pid"])), (None, "host".to_owned()));
    Ok(())
}

#[test]
fn the_job_of_nomad_asks_for_what_is_documented() -> Result<()> {
    let file: Value = hcl::from_str(&read("deploy/nomad/plimsoll.nomad.hcl")?)?;
    let config = &file["job"]["plimsoll"]["group"]["plimsoll"]["task"]["plimsoll"]["config"];
    let mount = &config["mount"];
    let how = how(&mount["readonly"], &mount["bind_options"]["propagation"]);
    let given = Given {
        capabilities: texts(&config["cap_add"]).iter().map(|name| name.to_uppercase()).collect(),
        mounts: vec![(text(&mount["source"]), text(&mount["target"]), how)],
        flags: texts(&config["args"]),
    };
    assert_eq!(given, documented()?);
    assert_eq!(texts(&config["cap_drop"]), ["all"]);
    assert_eq!(config["readonly_rootfs"], true);
    assert_eq!((config.get("privileged"), text(&config["pid_mode"])), (None, "host".to_owned()));
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
