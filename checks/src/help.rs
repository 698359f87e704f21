//! The texts of `-h` and `-V`, from the tables.

use std::fmt::Write as _;

use crate::checks::ALL;
use crate::frame::Call;
use crate::options::{Arg, Opt};

/// What `-V` prints.
pub fn version(call: &Call) -> String {
    format!("{}\n", version_line(&call.name))
}

/// The one line of it, in the form that tools read the version from.
pub fn version_line(name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("{name} v{version} (plimsoll {version})")
}

/// What a check calls itself to a server.
pub fn version_words(name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("{name}/v{version} (plimsoll {version})")
}

/// What follows a fault of the command line.
pub fn usage(call: &Call) -> String {
    let mut text = "Usage:\n".to_owned();
    for (number, line) in call.check.usage.lines().enumerate() {
        let name = if number == 0 { call.name.as_str() } else { " " };
        let _ = writeln!(text, " {name} {line}");
    }
    text
}

/// What `-h` prints.
pub fn help(call: &Call) -> String {
    let check = call.check;
    let mut text =
        format!("{}\n\n{}\n\n{}\nOptions:\n", version_line(&call.name), check.summary, usage(call));
    for opt in check.options.iter().filter(|opt| !opt.help.is_empty()) {
        let _ = writeln!(text, " {}", names(opt));
        for line in opt.help.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    if check.extra_opts {
        text.push_str(" --extra-opts=[SECTION][@FILE]\n    Read more options from an ini file\n");
    }
    text
}

/// What the program says that is called by no check's name; to `--names` every name on a line, for links to be made by.
pub fn list(name: &str) -> String {
    if name == "--names" {
        return ALL
            .iter()
            .flat_map(|check| [&[check.name], check.aliases].concat())
            .map(|name| format!("{name}\n"))
            .collect();
    }
    let mut text = match name {
        "" | "-h" | "--help" => "one of these is the first argument, or a link to this program:\n".to_owned(),
        name => {
            let name: String = name.chars().filter(|c| !c.is_control() && *c != '|').take(64).collect();
            format!("no check called '{name}'; there are:\n")
        }
    };
    for check in ALL {
        let _ = writeln!(text, " {:<20} {}", check.name, check.summary);
        for alias in check.aliases {
            let _ = writeln!(text, " {alias}");
        }
    }
    text
}

fn names(opt: &Opt) -> String {
    let short = (opt.short != '\0').then(|| format!("-{}", opt.short));
    let long = (!opt.long.is_empty()).then(|| format!("--{}", opt.long));
    let value = match (opt.arg, long.is_some()) {
        (Arg::Value(name), true) => format!("={name}"),
        (Arg::Value(name), false) => format!(" {name}"),
        (Arg::Maybe(name), true) => format!("[={name}]"),
        (Arg::Maybe(name), false) => format!("[{name}]"),
        (Arg::No | Arg::Help | Arg::Version, _) => String::new(),
    };
    let both = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    both + &value
}
