//! The example of `deploy/alertmanager`: its own tool takes it and says who is told what, and a real Alertmanager with it tells
//! a mail server, Slack and pagers, which are local ones, and keeps still where it should.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::alertmanager::{self, Alertmanager, Told, amtool};

#[test]
fn the_example_is_valid_and_routes_as_it_says() -> Result<()> {
    let path = alertmanager::example().display().to_string();
    let said = amtool(&["check-config", &path])?;
    ensure!(said.contains("SUCCESS") && said.contains("4 receivers"), "{said}");
    let route = |labels: &[&str]| -> Result<String> {
        let config = format!("--config.file={path}");
        Ok(amtool(&[&["config", "routes", "test", &config], labels].concat())?.trim().to_owned())
    };
    assert_eq!(route(&["alertname=PlimsollDown", "severity=critical"])?, "pager,pager-second,slack,mail");
    assert_eq!(route(&["alertname=ContainerOomKilled", "severity=warning"])?, "slack,mail");
    assert_eq!(route(&["alertname=ContainerCpuPressure", "severity=info"])?, "mail");
    assert_eq!(route(&["alertname=SomebodyElses"])?, "mail");
    Ok(())
}

#[test]
fn who_is_told_and_who_is_not() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("plimsoll-alertmanager-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let result = told_in(&directory);
    std::fs::remove_dir_all(&directory).context("the directory")?;
    result
}

fn told_in(directory: &Path) -> Result<()> {
    let told = Told::default();
    let (mail, web) = (told.mail()?, told.web()?);
    let manager =
        Alertmanager::start(&alertmanager::local(directory, mail.port(), web)?, &directory.join("data"))?;
    let alert = |name: &str, severity: &str, instance: &str| {
        let labels = [
            name.to_owned(),
            format!("severity={severity}"),
            format!("instance={instance}"),
            "id=/c/a".into(),
        ];
        let notes = [
            "--annotation=summary=What it is.".to_owned(),
            format!("--annotation=description={name} on {instance}."),
            format!("--annotation=runbook_url=docs/runbooks.md#{}", name.to_lowercase()),
        ];
        let args: Vec<_> =
            ["alert", "add"].into_iter().chain(labels.iter().chain(&notes).map(|s| &**s)).collect();
        manager.amtool(&args)
    };
    // A host that somebody looks after already: silenced as soon as the pager has rung.
    alert("PlimsollDown", "critical", "node-3")?;
    told.until("/pager", "node-3")?;
    manager.amtool(&[
        "silence",
        "add",
        "alertname=PlimsollDown",
        "instance=node-3",
        "--comment=mine",
        "--author=me",
    ])?;

    // A host that is dead, with what is left to say of its containers; and another with trouble of its own.
    alert("PlimsollDown", "critical", "node-1")?;
    told.until("/pager", "node-1")?;
    alert("ContainerThreadsNearLimit", "warning", "node-1")?;
    alert("ContainerThreadsNearLimit", "warning", "node-2")?;

    let pager = told.until("/pager", "node-1")?.text;
    ensure!(pager.contains("\"routing_key\":\"first\""), "{pager}");
    ensure!(pager.contains("[FIRING:1] PlimsollDown on node-1"), "{pager}");
    let slack = told.until("/slack", "ContainerThreadsNearLimit on node-2")?.text;
    ensure!(slack.contains("[FIRING:1] ContainerThreadsNearLimit on node-2"), "{slack}");
    ensure!(slack.contains("docs/runbooks.md#containerthreadsnearlimit"), "{slack}");
    let letter = told.until("mail", "ContainerThreadsNearLimit on node-2")?.text;
    ensure!(letter.starts_with("To: operations@example.com\n"), "{letter}");
    // Nobody acknowledged it.
    let second = told.until("/pager", "Nobody has acknowledged")?.text;
    ensure!(
        second.contains("\"routing_key\":\"second\"") && second.contains("PlimsollDown on node-1"),
        "{second}"
    );

    // The one that was silenced was older, and its time is over, too; the dead host's containers were never spoken of.
    for message in told.all() {
        let text = message.text;
        ensure!(!text.contains("ContainerThreadsNearLimit on node-1"), "{text}");
        ensure!(!(text.contains("Nobody has acknowledged") && text.contains("node-3")), "{text}");
        ensure!(message.to != "/pager" || !text.contains("node-2"), "{text}");
    }
    Ok(())
}
