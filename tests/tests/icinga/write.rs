//! CheckCommands as Icinga reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_checks::options::{Arg, Opt};

use crate::commands::Command;

/// New ones that are asked of the host itself unless told otherwise.
const OF_THE_HOST: [&str; 4] = ["check_grpc_health", "check_memcached", "check_plimsoll", "check_rest"];

/// The name that its argument goes by.
pub(crate) fn key(opt: &Opt) -> String {
    if opt.short == '\0' { format!("--{}", opt.long) } else { format!("-{}", opt.short) }
}

impl Command {
    /// What an option is given by.
    pub(crate) fn variable(&self, opt: &Opt) -> String {
        let name =
            if opt.long.is_empty() { opt.short.to_string() } else { opt.long.replace(['-', '.'], "_") };
        format!("{}_{name}", self.prefix)
    }

    fn write(&self, name: &str, out: &mut String) {
        let of_the_host = self.import.is_none() && OF_THE_HOST.contains(&self.check.name);
        let _ = writeln!(out, "\n/* {} */\nobject CheckCommand \"{name}\" {{", self.check.summary);
        if let Some(import) = &self.import {
            let _ = writeln!(out, "  import \"{import}\"\n");
        } else if of_the_host {
            let _ = writeln!(out, "  import \"ipv4-or-ipv6\"\n");
        }
        let words: String = self.words.iter().map(|word| format!(", {}", quoted(word))).collect();
        let _ = writeln!(out, "  command = [ PlimsollPluginDir + \"/{}\"{words} ]", self.program);
        if !self.options.is_empty() || self.check.extra_opts {
            let assign = if self.import.is_some() { "+=" } else { "=" };
            let _ = writeln!(out, "\n  arguments {assign} {{");
            for opt in &self.options {
                self.write_argument(opt, out);
            }
            if self.check.name == "check_rest" {
                out.push_str(QUERIES);
            }
            if self.check.extra_opts {
                let help = "Read more options from an ini file: SECTION, @FILE or both";
                maybe(out, "--extra-opts", "--extra-opts=", &format!("{}_extra_opts", self.prefix), help);
            }
            let _ = writeln!(out, "  }}");
        }
        if of_the_host {
            let _ = writeln!(out, "\n  vars.{}_hostname = \"$check_address$\"", self.prefix);
        }
        if self.check.name == "check_dummy" {
            let _ = writeln!(out, "\n  vars.plimsoll_dummy_state = 0\n  vars.plimsoll_dummy_text = \"fine\"");
        }
        let _ = writeln!(out, "}}");
    }

    fn write_argument(&self, opt: &Opt, out: &mut String) {
        let (key, variable) = (key(opt), self.variable(opt));
        let kind = match opt.arg {
            Arg::Maybe(_) => {
                let attached = if opt.short == '\0' { format!("{key}=") } else { key.clone() };
                return maybe(out, &key, &attached, &variable, opt.help);
            }
            Arg::Value(_) => "value",
            Arg::No | Arg::Help | Arg::Version => "set_if",
        };
        let description = quoted(&opt.help.replace('\n', " "));
        let _ = writeln!(
            out,
            "    \"{key}\" = {{\n      {kind} = \"${variable}$\"\n      description = {description}"
        );
        if self.check.name == "check_rest" && matches!(opt.key, "l" | "unit" | "w" | "c" | "e") {
            let _ = writeln!(out, "      order = 2");
        } else if self.check.name == "check_rest" && opt.key == "q" {
            let _ = writeln!(out, "      order = 1");
        }
        let _ = writeln!(out, "    }}");
    }
}

/// More than one value of a document, each with what is said of it, in its order.
const QUERIES: &str = r#"    "queries" = {
      value = {{
        var words = []
        for (query in macro("$plimsoll_rest_queries$")) {
          words.add("--query")
          words.add(query.query)
          for (name in [ "label", "unit", "warning", "critical", "expect" ]) {
            if (query.contains(name)) {
              words.add("--" + name)
              words.add(string(query.get(name)))
            }
          }
        }
        return words
      }}
      set_if = {{ bool(macro("$plimsoll_rest_queries$")) }}
      skip_key = true
      order = 3
      description = "A list of dictionaries with query, label, unit, warning, critical and expect"
    }
"#;

/// An option that may have a value: true is one without.
fn maybe(out: &mut String, key: &str, attached: &str, variable: &str, help: &str) {
    let description = quoted(&help.replace('\n', " "));
    let _ = write!(
        out,
        "    \"{key}\" = {{\n      value = {{{{\n        var given = macro(\"${variable}$\")\n        \
         if (given == true) {{ return \"{key}\" }}\n        return \"{attached}\" + given\n      }}}}\n      \
         set_if = {{{{ bool(macro(\"${variable}$\")) }}}}\n      skip_key = true\n      description = {description}\n    }}\n"
    );
}

/// As Icinga writes text.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The whole file.
pub(crate) fn written(commands: &BTreeMap<String, Command>) -> String {
    let mut out = HEADER.to_owned();
    for (name, command) in commands {
        command.write(name, &mut out);
    }
    out
}

const HEADER: &str = r#"/*
 * The checks as commands of Icinga 2. Written by `make docs` from Icinga's library and the checks' own tables.
 *
 * What Icinga has a command for is imported, with all its arguments and variables: only the program is another, and what it can do
 * beyond that has variables of the same prefix. What it has none for has variables that begin with the command's name.
 */

if (!globals.contains("PlimsollPluginDir")) {
  const PlimsollPluginDir = "/usr/lib/plimsoll/plugins"
}
"#;
