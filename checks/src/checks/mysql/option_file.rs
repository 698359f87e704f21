//! Option files of MySQL's clients, `my.cnf`: groups of `name = value`, and other files they name.

use std::path::{Path, PathBuf};

use crate::output::Stop;

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// An option of a group that is asked for, with dashes in its name; empty if it has no value.
    Option(String, String),
    /// Another file to read here.
    Include(String),
    /// Files of a directory to read here.
    Directory(String),
}

/// A longer one is no file of options.
const LARGEST: u64 = 1 << 20;
/// How far files may name others, and how many may be read.
const DEEPEST: usize = 8;
const MOST: usize = 256;
/// The groups that every client reads.
const GROUPS: [&str; 3] = ["client", "client-server", "client-mariadb"];

/// What the lines of a file say to these groups.
pub fn lines(text: &str, groups: &[&str]) -> Vec<Line> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix("!includedir ") {
            found.push(Line::Directory(rest.trim().to_owned()));
        } else if let Some(rest) = line.strip_prefix("!include ") {
            found.push(Line::Include(rest.trim().to_owned()));
        } else if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default().trim();
            inside = groups.contains(&name);
        } else if inside {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            found.push(Line::Option(name.trim().replace('_', "-"), unquoted(value.trim())));
        }
    }
    found
}

/// The options of this file, or of those that every client reads, in their order: later ones count.
pub(super) fn read(file: Option<&str>, group: Option<&str>) -> Result<Vec<(String, String)>, Stop> {
    let groups: Vec<&str> = GROUPS.into_iter().chain(group).collect();
    let (mut options, mut left) = (Vec::new(), MOST);
    match file {
        Some(file) => {
            let text = text(Path::new(file)).map_err(|error| {
                Stop::unknown(format!("Can't read the option file '{file}': {}", crate::words(&error)))
            })?;
            take(&text, &groups, DEEPEST, &mut left, &mut options);
        }
        None => {
            for file in standard() {
                take(&text(&file).unwrap_or_default(), &groups, DEEPEST, &mut left, &mut options);
            }
        }
    }
    Ok(options)
}

fn standard() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ["/etc/my.cnf", "/etc/mysql/my.cnf"].map(PathBuf::from).to_vec();
    let place = std::env::var_os("MARIADB_HOME").or_else(|| std::env::var_os("MYSQL_HOME"));
    files.extend(place.map(|place| Path::new(&place).join("my.cnf")));
    files.extend(std::env::var_os("HOME").map(|home| Path::new(&home).join(".my.cnf")));
    files
}

fn text(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn take(text: &str, groups: &[&str], deep: usize, left: &mut usize, options: &mut Vec<(String, String)>) {
    for line in lines(text, groups) {
        let files = match line {
            Line::Option(name, value) => {
                options.push((name, value));
                continue;
            }
            Line::Include(file) => vec![PathBuf::from(file)],
            Line::Directory(directory) => listed(Path::new(&directory)),
        };
        for file in files {
            if deep > 0 && *left > 0 {
                *left -= 1;
                take(&self::text(&file).unwrap_or_default(), groups, deep - 1, left, options);
            }
        }
    }
}

/// The files of options in a directory, by their names.
fn listed(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "cnf"));
    files.sort();
    files
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix(['\'', '"']).map(|rest| rest.strip_suffix(['\'', '"']).unwrap_or(rest));
    let mut out = String::new();
    let mut chars = inner.unwrap_or(value).chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('b') => out.push('\u{8}'),
                Some('s') => out.push(' '),
                Some(c @ ('\\' | '\'' | '"')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_the_groups_that_are_asked_for() {
        let text = "x=0\n# c\n[client]\nuser = a\nssl\nssl_ca='/a b'\n; c\n!include /x\n[mysqld]\nport=1\n\
                    !includedir /y/\n[ mine ]\npassword = \"a\\sb\\\\\"\n[mine2]\nuser=b\n";
        let option = |name: &str, value: &str| Line::Option(name.to_owned(), value.to_owned());
        let wanted = [
            option("user", "a"),
            option("ssl", ""),
            option("ssl-ca", "/a b"),
            Line::Include("/x".to_owned()),
            Line::Directory("/y/".to_owned()),
            option("password", "a b\\"),
        ];
        assert_eq!(lines(text, &["client", "mine"]), wanted);
        assert_eq!(lines("[client\nuser=a", &["client"]), [option("user", "a")]);
        assert_eq!(lines("[]\n=\n[", &[""]), [option("", "")]);
    }

    #[test]
    fn a_file_that_names_itself_is_read_a_few_times() {
        let file = std::env::temp_dir().join(format!("plimsoll-my-{}.cnf", std::process::id()));
        let text = format!("[mine]\nuser=a\n!include {0}\n!include {0}\n", file.display());
        std::fs::write(&file, text).unwrap();
        let options = read(Some(&file.display().to_string()), Some("mine")).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(options.len(), MOST + 1);
        let gone = read(Some("/no/such/file"), None);
        let wanted = "Can't read the option file '/no/such/file': No such file or directory";
        assert_eq!(gone, Err(Stop::unknown(wanted)));
    }
}
