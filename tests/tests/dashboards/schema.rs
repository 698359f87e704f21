//! Grafana's published types, by which the compiler judges each dashboard.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::{dashboards, tools};
use serde_json::{Value, json};

/// What is no dashboard: where something else is put, and what.
fn faults() -> [(&'static str, Value); 7] {
    [
        ("/panels/1/fieldConfig/defaults/unit", json!(1)),
        ("/panels/1/fieldConfig/defaults/custom/showPoints", json!("sometimes")),
        ("/panels/1/gridPos", json!({"x": 0, "y": 0, "w": 8, "h": 8, "z": 1})),
        ("/panels/1/type", json!("graph")),
        ("/panels/1/targets/0/expr", Value::Null),
        ("/templating/list/0/hide", json!(7)),
        ("/schemaVersion", json!("42")),
    ]
}

#[test]
fn grafanas_own_types_take_every_dashboard_and_no_other() -> Result<()> {
    let sources = Sources::new()?;
    let all = dashboards::definitions()?;
    for (name, dashboard) in &all {
        sources.write(name, &dashboards::render(name, dashboard))?;
    }
    let (name, whole) = all.iter().find(|(name, _)| *name == "threads").context("threads")?;
    let wrong = faults().into_iter().enumerate().map(|(number, (place, value))| {
        let mut drawn = dashboards::render(name, whole);
        drawn["templating"]["list"][0]["hide"] = json!(0);
        *drawn.pointer_mut(place).with_context(|| place.to_owned())? = value;
        let file = format!("wrong-{number}");
        sources.write(&file, &drawn)?;
        Ok(file)
    });
    let wrong: Vec<_> = wrong.collect::<Result<_>>()?;
    let said = sources.compile()?;
    let mut refused: Vec<_> = said.lines().filter_map(|line| line.split_once(".ts(")?.0.into()).collect();
    refused.dedup();
    assert_eq!(refused, wrong, "{said}");
    Ok(())
}

#[test]
fn the_version_is_that_of_the_schema() -> Result<()> {
    let output = Command::new("node")
        .args(["--print", "require('@grafana/schema').defaultDashboard.schemaVersion"])
        .env("NODE_PATH", tools::schema()?)
        .output()
        .context("node")?;
    ensure!(output.status.success(), "node: {}", String::from_utf8_lossy(&output.stderr));
    let current: u64 = String::from_utf8(output.stdout)?.trim().parse()?;
    for (name, dashboard) in dashboards::definitions()? {
        assert_eq!(dashboards::render(&name, &dashboard)["schemaVersion"], current, "{name}");
    }
    Ok(())
}

/// A directory of TypeScript in which each dashboard is a value of Grafana's type.
struct Sources(PathBuf);

impl Sources {
    fn new() -> Result<Self> {
        let sources = Self(std::env::temp_dir().join(format!("plimsoll-schema-{}", std::process::id())));
        std::fs::create_dir(&sources.0)?;
        std::os::unix::fs::symlink(tools::schema()?, sources.0.join("node_modules"))?;
        let types = tools::workspace().join("tools/schema/grafana.d.ts");
        std::fs::copy(&types, sources.0.join("grafana.d.ts")).with_context(|| types.display().to_string())?;
        Ok(sources)
    }

    fn write(&self, name: &str, dashboard: &Value) -> Result<()> {
        let text = format!(
            "import type {{ Whole }} from './grafana';\nexport const dashboard: Whole = {dashboard:#};\n"
        );
        Ok(std::fs::write(self.0.join(format!("{name}.ts")), text)?)
    }

    /// What the compiler has to say, in the order of the files.
    fn compile(&self) -> Result<String> {
        let mut files: Vec<_> = std::fs::read_dir(&self.0)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".ts") && !name.ends_with(".d.ts"))
            .collect();
        files.sort();
        let output = Command::new("node")
            .current_dir(&self.0)
            .arg("node_modules/typescript/bin/tsc")
            .args(["--noEmit", "--strict", "--pretty", "false", "--module", "esnext"])
            .args(["--moduleResolution", "bundler", "--skipLibCheck"])
            .args(files)
            .output()
            .context("node")?;
        ensure!(output.stderr.is_empty(), "tsc: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
