//! Our checks beside Debian's monitoring-plugins on the same command lines, their perfdata in Icinga's own parser, and
//! what holds of every check: time is kept, and standard error stays empty.

#[path = "checks/bridges.rs"]
mod bridges;
#[path = "checks/cases.rs"]
mod cases;
#[path = "checks/compare.rs"]
mod compare;
#[path = "checks/engines.rs"]
mod engines;
#[path = "checks/host.rs"]
mod host;
#[path = "checks/hostile.rs"]
mod hostile;
#[path = "checks/kept.rs"]
mod kept;
#[path = "checks/kube.rs"]
mod kube;
#[path = "checks/names.rs"]
mod names;
#[path = "checks/own.rs"]
mod own;
#[path = "checks/peers.rs"]
mod peers;
#[path = "checks/pod.rs"]
mod pod;
#[path = "checks/rights.rs"]
mod rights;
#[path = "checks/status.rs"]
mod status;
#[path = "checks/units.rs"]
mod units;

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use compare::{Difference, Part};
use plimsoll_tests::plugins::{self, Datum, Ran};
use plimsoll_tests::servers::Servers;
use plimsoll_tests::{icinga, tools};

/// A command line by its name, as the table of differences calls it.
pub(crate) type Case = (&'static str, &'static str);

#[test]
fn side_by_side() -> Result<()> {
    let (servers, _nginx, _services, _host) = cases::servers()?;
    let all: Vec<Case> = cases::ALL.iter().flat_map(|cases| cases.iter().copied()).collect();
    let listed =
        compare::listed(&std::fs::read_to_string(tools::workspace().join("docs/checks-differences.md"))?)?;
    let seen = Mutex::new(BTreeMap::new());
    let data = Mutex::new(Vec::new());
    let next = Mutex::new(all.iter());
    let failures = Mutex::new(Vec::new());
    // Most of the time is waiting for timeouts.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((name, line)) = { next.lock().unwrap().next() } {
                    let wanted = listed.get(*name).cloned().unwrap_or_default();
                    match both(&servers, line, &wanted) {
                        Ok((difference, ours, theirs)) => {
                            data.lock().unwrap().extend(ours.perfdata().unwrap_or_default());
                            seen.lock().unwrap().insert(*name, (difference, *line, ours, theirs));
                        }
                        Err(error) => failures.lock().unwrap().push(format!("{name}: {error:#}")),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    let seen = seen.into_inner().unwrap();
    ensure!(seen.len() + failures.len() == all.len(), "two cases of one name");
    for (name, (difference, line, ours, theirs)) in &seen {
        let wanted = listed.get(*name).cloned().unwrap_or_default();
        if *difference != wanted {
            failures.push(format!(
                "{name}: {line}\n  differ in {difference:?}, listed {wanted:?}\n  ours   {}\n  theirs {}",
                shown(ours),
                shown(theirs)
            ));
        }
    }
    failures.extend(
        listed
            .keys()
            .filter(|name| !seen.contains_key(name.as_str()))
            .map(|name| format!("{name}: listed, and no case")),
    );
    let data = data.into_inner().unwrap();
    failures.extend(through_icinga(&data)?);
    println!("{} values of perfdata through Icinga's parser", data.len());
    println!("{} command lines side by side, {} of them with a listed difference", seen.len(), listed.len());
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// What differs, and both answers. Ours has to be right at once. Theirs waver: a limit that is no number is whatever was in
/// memory, two timeouts of a second run against each other; so they may answer a few times.
fn both(servers: &Servers, line: &str, wanted: &Difference) -> Result<(Difference, Ran, Ran)> {
    const TIMES: usize = 4;
    let words = servers.words(line)?;
    let (check, args) = words.split_first().context("an empty line")?;
    let mut ours = plugins::our_command(check)?;
    ours.args(args);
    let ours = plugins::run_ours(ours)?;
    let ask = || -> Result<(Difference, Ran)> {
        let mut theirs = plugins::their_command(check)?;
        theirs.args(args);
        let theirs = plugins::run_theirs(theirs)?;
        Ok((compare::difference(&ours, &theirs), theirs))
    };
    let mut answer = ask()?;
    for _ in 1..TIMES {
        if answer.0 == *wanted {
            break;
        }
        answer = ask()?;
    }
    let (difference, theirs) = answer;
    Ok((difference, ours, theirs))
}

/// The beginning says which of the two is wrong.
fn shown(ran: &Ran) -> String {
    format!("{} {:?}", ran.code, ran.output.chars().take(300).collect::<String>())
}

/// What does not come back from Icinga as it went in.
pub(crate) fn through_icinga(data: &[Datum]) -> Result<Vec<String>> {
    ensure!(!data.is_empty(), "no perfdata was seen");
    let texts: Vec<String> = data.iter().map(compare::text_of).collect();
    let mut failures = Vec::new();
    for ((datum, text), parsed) in data.iter().zip(&texts).zip(icinga::parse(&texts)?) {
        let expected = icinga::expected(datum)?;
        if !parsed.as_ref().is_some_and(|parsed| icinga::same(parsed, &expected)) {
            failures.push(format!("{text}: Icinga reads {parsed:?}, not {expected:?}"));
        }
    }
    Ok(failures)
}

#[test]
fn icinga_rejects_what_no_check_may_print() -> Result<()> {
    let texts = ["a=U", "a=1,5", "a=0x10", "a=", "a", "a=inf"].map(str::to_owned);
    assert_eq!(icinga::parse(&texts)?.iter().filter(|parsed| parsed.is_some()).count(), 0);
    Ok(())
}

#[test]
fn the_list_of_differences_is_read_as_it_is_written() -> Result<()> {
    let listed =
        compare::listed("x\n\n| cases | differ in | why |\n|---|---|---|\n| `a`, `b` | exit, line | y |\n")?;
    let both = Difference::from([Part::Exit, Part::Line]);
    assert_eq!(listed, BTreeMap::from([("a".to_owned(), both.clone()), ("b".to_owned(), both)]));
    assert!(compare::listed("| `a` | nothing | y |\n").is_err());
    assert!(compare::listed("| `a` | line |  |\n").is_err());
    Ok(())
}
