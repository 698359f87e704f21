//! Who is told of what a running Icinga sees: at once, after a while without acknowledgement, at the end; and who is not.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use plimsoll_tests::alertmanager::{Message, Told};
use plimsoll_tests::icinga::{self, Icinga};
use serde_json::{Value, json};

const OK: u64 = 0;
const CRITICAL: u64 = 2;

/// A host whose states the test says, with these services, and more of its own.
fn host(name: &str, services: &[&str], more: &str) -> String {
    let quiet = "check_command = \"dummy\"\n enable_active_checks = false\n max_check_attempts = 1\n";
    let mut text = format!(
        "object Host \"{name}\" {{\n {quiet} address = \"192.0.2.1\"\n vars.plimsoll = {{ any = {{ check = \"dummy\" }} }}\n{more} }}\n"
    );
    for service in services {
        text.push_str(&format!("object Service \"{service}\" {{\n {quiet} host_name = \"{name}\"\n }}\n"));
    }
    text
}

fn says(icinga: &Icinga, object: &str, state: u64, text: &str) -> Result<()> {
    let kind = if object.contains('!') { "service" } else { "host" };
    let body = json!({ kind: object, "exit_status": state, "plugin_output": text });
    icinga.post("/v1/actions/process-check-result", &body)?;
    Ok(())
}

#[test]
fn who_is_told_and_who_is_not() -> Result<()> {
    let told = Told::default();
    let (mail, web) = (told.mail()?, told.web()?);
    let hosts = host("box", &["taken", "left"], "") + &host("dead", &["lost"], "");
    let icinga = Icinga::start(&(icinga::notified(mail.port(), web, 2)? + &hosts))?;
    for object in ["box", "dead", "box!taken", "box!left", "dead!lost"] {
        says(&icinga, object, OK, "fine")?;
    }

    // Somebody takes one of two troubles.
    says(&icinga, "box!taken", CRITICAL, "a \"quoted\"; one\nmore")?;
    let page = told.until("/pager", "box, taken is CRITICAL")?.text;
    let page: Value = serde_json::from_str(&page)?;
    ensure!(page["routing_key"] == "first" && page["event_action"] == "trigger", "{page}");
    ensure!(page["payload"]["custom_details"]["text"] == "192.0.2.1\na \"quoted\"; one\nmore", "{page}");
    let mine = json!({
        "type": "Service", "filter": "service.name==\"taken\"", "author": "me", "comment": "mine", "notify": true,
    });
    icinga.post("/v1/actions/acknowledge-problem", &mine)?;
    told.until("/pager", "\"acknowledge\"")?;
    told.until("/slack", "me: mine")?;

    // A host dies, and what is asked of it fails.
    says(&icinga, "dead", 1, "no answer")?;
    told.until("/pager", "dead is DOWN")?;
    says(&icinga, "dead!lost", CRITICAL, "nothing")?;

    // Nobody takes the other.
    says(&icinga, "box!left", CRITICAL, "bad")?;
    told.until("/slack", "box, left is CRITICAL")?;
    let letter = told.until("mail", "PROBLEM: box, left is CRITICAL")?.text;
    ensure!(letter.starts_with("To: operations@example.com\n"), "{letter}");
    ensure!(letter.contains("\r\n\r\n192.0.2.1\r\nbad\r\n"), "{letter}");
    for object in ["dead is DOWN", "box, left is CRITICAL"] {
        let second = told.until("/pager", &format!("Nobody has acknowledged: PROBLEM: {object}"))?.text;
        ensure!(second.contains("\"routing_key\":\"second\""), "{second}");
    }

    // What is over is over for all who were told.
    says(&icinga, "box!left", OK, "fine")?;
    told.until("mail", "RECOVERY: box, left is OK")?;
    until("both pagers", || {
        let over = |message: &&Message| {
            message.to == "/pager"
                && message.text.contains("\"resolve\"")
                && message.text.contains("box!left")
        };
        Ok(told.all().iter().filter(over).count() == 2)
    })?;
    for message in told.all() {
        let text = &message.text;
        ensure!(!text.contains("lost is CRITICAL") && !text.contains("lost is OK"), "{text}");
        ensure!(!(text.contains("Nobody has acknowledged") && text.contains("taken")), "{text}");
    }
    Ok(())
}

/// Icinga looks once a minute which times have begun.
#[test]
fn work_that_was_announced_is_quiet() -> Result<()> {
    let told = Told::default();
    let (mail, web) = (told.mail()?, told.web()?);
    let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let always = weekdays.map(|day| format!("{day} = \"00:00-24:00\", ")).concat();
    let always = format!("vars.plimsoll_maintenance = {{ {always} }}\n");
    let hosts = host("worked-on", &["stopped"], &always) + &host("box", &["left"], "");
    let icinga = Icinga::start(&(icinga::notified(mail.port(), web, 2)? + &hosts))?;
    until("the downtimes", || {
        let downtimes = icinga.get("/v1/objects/downtimes")?;
        Ok(downtimes["results"].as_array().is_some_and(|all| all.len() == 3))
    })?;
    told.until("mail", "DOWNTIMESTART: worked-on")?;
    for object in ["worked-on!stopped", "worked-on", "box!left"] {
        says(&icinga, object, if object.contains('!') { CRITICAL } else { 1 }, "no answer")?;
    }
    // What came last has been told to all, so what came first would have been.
    told.until("/pager", "Nobody has acknowledged: PROBLEM: box, left is CRITICAL")?;
    for message in told.all() {
        ensure!(!message.text.contains("PROBLEM: worked-on"), "{}", message.text);
    }
    Ok(())
}

fn until(what: &str, mut there: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(150);
    while !there()? {
        ensure!(Instant::now() < end, "not there: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
