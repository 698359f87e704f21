//! The CheckCommands, made of Icinga's library and the checks' own tables of options. `make docs` writes them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use plimsoll_checks::checks::ALL;
use plimsoll_checks::frame::Check;
use plimsoll_checks::options::{Arg, Opt};
use plimsoll_tests::icinga;
use plimsoll_tests::tools::workspace;
use serde_json::Value;

use crate::write::{key, written};

/// A command of Icinga's library.
#[derive(Debug)]
struct Known {
    /// The program it runs, without `.pl`.
    program: String,
    /// What follows the program whatever the variables say.
    words: Vec<String>,
    /// What it hands over, by name: `-H`.
    keys: BTreeSet<String>,
    /// All that it says, for names of variables.
    text: String,
}

/// One of ours.
#[derive(Debug)]
pub(crate) struct Command {
    /// What it imports.
    pub(crate) import: Option<String>,
    pub(crate) program: String,
    pub(crate) words: Vec<String>,
    pub(crate) check: &'static Check,
    /// What its variables begin with.
    pub(crate) prefix: String,
    /// The options it adds to those it imports, each with its other names.
    pub(crate) options: Vec<&'static Opt>,
}

/// Commands of Icinga's library for programs that only share the name of ours: other options, other meanings.
const OTHERS: [&str; 3] = ["memcached", "systemd", "uptime"];

#[test]
fn the_commands_are_those_of_the_tables() -> Result<()> {
    let known = known()?;
    let path = workspace().join("deploy/icinga2/commands.conf");
    let wanted = written(&commands(&known)?);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted)?;
    }
    let there = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    assert!(there == wanted, "{} is not what the tables say: run `make docs`", path.display());
    Ok(())
}

#[test]
fn every_option_of_every_check_is_reached_by_its_command() -> Result<()> {
    let bundle = format!("include \"{}/deploy/icinga2/commands.conf\"", workspace().display());
    let mut missing = Vec::new();
    let mut reached = BTreeSet::new();
    for object in icinga::objects(&bundle, "CheckCommand")? {
        let (name, command) = command_of(&object)?;
        if !name.starts_with("plimsoll_") {
            continue;
        }
        let check =
            plimsoll_checks::checks::find(&command.program).with_context(|| command.program.clone())?;
        reached.insert(command.program.clone());
        let wanted = check.options.iter().filter(|opt| shown(opt));
        missing.extend(
            wanted.filter(|opt| !command.reaches(check, opt)).map(|opt| format!("{name}: {}", key(opt))),
        );
    }
    missing.extend(
        names().filter(|(name, _)| !reached.contains(*name)).map(|(name, _)| format!("{name}: no command")),
    );
    assert_eq!(missing, Vec::<String>::new());
    Ok(())
}

#[test]
fn what_icingas_commands_hand_over_ours_take() -> Result<()> {
    let table = std::fs::read_to_string(workspace().join("docs/icinga.md"))?;
    let mut unknown = BTreeSet::new();
    for (name, known) in known()? {
        let Some(check) =
            plimsoll_checks::checks::find(&known.program).filter(|_| !OTHERS.contains(&name.as_str()))
        else {
            continue;
        };
        // With a long name, or a letter and perhaps what is attached to it.
        let is = |key: &str, opt: &Opt| match key.strip_prefix("--") {
            Some(long) => long == opt.long,
            None => key[1..].starts_with(opt.short) && (key.len() == 2 || opt.arg != Arg::No),
        };
        for key in &known.keys {
            if !check.options.iter().any(|opt| is(key, opt)) {
                unknown.insert(format!("{name} {key}"));
            }
        }
    }
    let listed = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    // The other table is of notifications.
    let listed = listed.filter(|(name, _)| !name.starts_with("plimsoll-"));
    let listed: BTreeSet<String> = listed
        .flat_map(|(name, rest)| {
            rest.split('`').skip(1).step_by(2).map(move |key| format!("{name} {key}")).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(unknown, listed, "what only theirs takes, and what docs/icinga.md lists of it");
    Ok(())
}

/// The commands of Icinga's library by their names.
fn known() -> Result<BTreeMap<String, Known>> {
    icinga::objects("", "CheckCommand")?.iter().map(command_of).collect()
}

fn command_of(object: &Value) -> Result<(String, Known)> {
    let properties = &object["properties"];
    let words = properties["command"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut words = words.map(str::to_owned).collect::<Vec<_>>().into_iter();
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    let mut keys = BTreeSet::new();
    for (key, argument) in properties["arguments"].as_object().into_iter().flatten() {
        let key = argument["key"].as_str().unwrap_or(key);
        // Other names are of words that stand alone, as this one is.
        if key.starts_with('-') && key != "--wrapped-plugin" {
            keys.insert(key.to_owned());
        }
    }
    let known = Known {
        program: program.strip_suffix(".pl").unwrap_or(program).to_owned(),
        words: words.collect(),
        keys,
        text: properties.to_string(),
    };
    Ok((object["name"].as_str().context("no name")?.to_owned(), known))
}

impl Known {
    /// By one of its names; a second name of an option has its key.
    fn reaches(&self, check: &Check, opt: &Opt) -> bool {
        let names = check.options.iter().filter(|other| other.key == opt.key).flat_map(|opt| {
            [(opt.short != '\0').then(|| format!("-{}", opt.short)), Some(format!("--{}", opt.long))]
        });
        names.flatten().any(|name| self.keys.contains(&name) || self.words.contains(&name))
    }
}

/// Whether `--help` has it, and it does something.
fn shown(opt: &Opt) -> bool {
    !opt.help.is_empty() && !matches!(opt.arg, Arg::Help | Arg::Version)
}

/// All names of all checks; that of a file in Perl is none of ours.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static Check)> {
    let all = ALL.iter().flat_map(|check| {
        std::iter::once(check.name).chain(check.aliases.iter().copied()).map(|name| (name, *check))
    });
    all.filter(|(name, _)| !name.ends_with(".pl"))
}

fn commands(known: &BTreeMap<String, Known>) -> Result<BTreeMap<String, Command>> {
    let mut commands = BTreeMap::new();
    let theirs = |program: &str| {
        let program = program.to_owned();
        known.iter().filter(move |(name, known)| known.program == program && !OTHERS.contains(&name.as_str()))
    };
    for (program, check) in names() {
        let mut imports: Vec<(String, &str)> =
            theirs(program).map(|(name, _)| (format!("plimsoll_{name}"), name.as_str())).collect();
        let short = program.strip_prefix("check_").unwrap_or(program);
        if imports.is_empty() && program != check.name {
            // Another name of a check that Icinga knows.
            let first = check.name.strip_prefix("check_").unwrap_or(check.name);
            imports = theirs(check.name)
                .filter(|(name, _)| *name == first)
                .map(|(name, _)| (format!("plimsoll_{short}"), name.as_str()))
                .collect();
        }
        for (name, import) in &imports {
            let their = known.get(*import).context("not known")?;
            let prefix =
                if import.starts_with("ping") || import.starts_with("hostalive") { "ping" } else { import };
            let options = options(check).filter(|opt| !their.reaches(check, opt)).collect();
            let command = Command {
                import: Some((*import).to_owned()),
                program: program.to_owned(),
                words: their.words.clone(),
                check,
                prefix: prefix.to_owned(),
                options,
            };
            for opt in &command.options {
                let variable = command.variable(opt);
                anyhow::ensure!(
                    !their.text.contains(&format!("${variable}$")),
                    "{import} has a {variable} already"
                );
            }
            commands.entry(name.clone()).or_insert(command);
        }
        if imports.is_empty() {
            let name = format!("plimsoll_{short}");
            let (program, words) = (program.to_owned(), positional(program));
            let options = options(check).collect();
            let prefix = name.clone();
            commands.insert(name, Command { import: None, program, words, check, prefix, options });
        }
    }
    Ok(commands)
}

/// The options that `--help` shows, one for each key.
fn options(check: &'static Check) -> impl Iterator<Item = &'static Opt> {
    let mut seen = BTreeSet::new();
    check.options.iter().filter(|opt| shown(opt)).filter(move |opt| seen.insert(opt.key))
}

/// What a check takes without an option.
fn positional(program: &str) -> Vec<String> {
    let words: &[&str] = match program {
        "check_dummy" => &["$plimsoll_dummy_state$", "$plimsoll_dummy_text$"],
        _ => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}
