use std::fs;

use super::*;

/// A log and its mark in a directory of their own.
struct Log {
    directory: PathBuf,
}

impl Log {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("plimsoll-log-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn append(&self, text: &str) {
        let mut there = fs::read(self.path("log")).expect("a log");
        there.extend(text.as_bytes());
        // The same inode: it is written to, not made anew.
        fs::write(self.path("log"), there).expect("a log");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("a name");
    }

    /// What a call says, after the state.
    fn look(&self, more: &[&str]) -> (State, String) {
        let (log, old) = (self.path("log"), self.path("old"));
        let mut args: Vec<std::ffi::OsString> = vec!["-F".into(), log.into(), "-O".into(), old.into()];
        args.extend(["-q", "bad"].map(Into::into));
        args.extend(more.iter().map(Into::into));
        said(&args)
    }

    fn said(&self) -> String {
        self.look(&[]).1
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn said(args: &[std::ffi::OsString]) -> (State, String) {
    match run(&mut Call::new(&CHECK, CHECK.name, args.to_vec())) {
        Ok(output) => (output.state(), output.render()),
        Err(Stop::Done(output)) => (output.state(), output.render()),
        Err(stop) => (State::Unknown, format!("{stop:?}")),
    }
}

const NONE: &str = "Log check ok - 0 pattern matches found\n";

#[test]
fn a_line_is_told_once() {
    let log = Log::new("once");
    log.write("log", "bad 1\nfine\n");
    assert_eq!(log.look(&[]), (State::Ok, "Log check data initialized...\n".to_owned()));
    assert_eq!(log.look(&[]), (State::Ok, NONE.to_owned()));
    log.append("bad 2\nfine\nbad 3\n");
    assert_eq!(log.look(&[]), (State::Critical, "(2) < bad 3\n".to_owned()));
    assert_eq!(log.said(), NONE);
    log.append("bad 4");
    assert_eq!(log.said(), NONE, "the line has no end yet");
    log.append(" and more\n");
    assert_eq!(log.said(), "(1) < bad 4 and more\n");
}

#[test]
fn what_was_written_before_a_rotation_is_not_missed() {
    let log = Log::new("rotated");
    log.write("log", "first\n");
    log.look(&[]);
    log.append("bad 1\n");
    log.rename("log", "log.1");
    log.write("log", "bad 2\n");
    assert_eq!(log.said(), "(2) < bad 2\n");
    assert_eq!(log.said(), NONE);
    // Twice between two calls.
    log.append("bad 3\n");
    log.rename("log", "log.1");
    log.rename("log.1", "log.2");
    log.write("log.1", "bad 4, whose end was never written");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    fs::File::open(log.path("log.1")).and_then(|file| file.set_modified(later)).expect("a time");
    log.write("log", "fine\nbad 5\n");
    let said = log.look(&["-a"]).1;
    assert_eq!(said, "(3) < bad 3\n< bad 4, whose end was never written\n< bad 5\n");
}

#[test]
fn a_log_that_is_copied_and_emptied_is_followed() {
    let log = Log::new("copied");
    log.write("log", "first\n");
    log.look(&[]);
    log.append("bad 1\n");
    fs::copy(log.path("log"), log.path("log-20260101")).expect("a copy");
    log.write("log", "bad 2\n");
    assert_eq!(log.look(&["--all"]).1, "(2) < bad 1\n< bad 2\n");
}

#[test]
fn what_is_lost_is_told() {
    let log = Log::new("lost");
    log.write("log", "first line of the log\n");
    log.look(&[]);
    log.write("log", "bad\n");
    let told = format!(
        "what was written to {} before it was rotated is not there any more\n",
        log.path("log").display()
    );
    assert_eq!(log.said(), format!("(1) < bad\n{told}"));
    // It begins otherwise, though it is as long and has the same inode.
    log.write("log", "baf\n");
    assert_eq!(log.said(), format!("{NONE}{told}"));
}

#[test]
fn a_copy_of_2x_is_taken_over() {
    let log = Log::new("taken");
    log.write("log", "bad 1\n");
    log.write("old", "bad 1\n");
    log.append("bad 2\n");
    assert_eq!(log.said(), "(1) < bad 2\n");
    assert_eq!(log.said(), NONE);
    log.write("old", "");
    assert_eq!(log.said(), "(2) < bad 2\n", "as of 2.x, an empty one means all of the log");
}

#[test]
fn a_damaged_mark_is_told_and_nothing_missed() {
    let log = Log::new("damaged");
    log.write("log", "bad 1\n");
    log.write("old", "plimsoll check_log 1\ndevice 5\n");
    let told = format!("{} was damaged: all of the log was read\n", log.path("old").display());
    assert_eq!(log.said(), format!("(1) < bad 1\n{told}"));
    assert_eq!(log.said(), NONE);
}

#[test]
fn expressions_and_states_are_those_asked_for() {
    let log = Log::new("asked");
    log.write("log", "a+b\naab\nxyz 5\n");
    let look = |more: &[&str]| {
        let log = log.path("log").into_os_string();
        let mut args = vec!["-F".into(), log, "-O".into(), "/dev/null".into()];
        args.extend(more.iter().map(Into::into));
        said(&args)
    };
    let critical = |text: &str| (State::Critical, format!("{text}\n"));
    assert_eq!(look(&["-q", "a+b"]), critical("(1) < a+b"));
    assert_eq!(look(&["-q", "a+b", "-e"]), critical("(1) < aab"));
    assert_eq!(look(&["-q", r"\d$", "-p"]), critical("(1) < xyz 5"));
    assert_eq!(look(&["-q", "^a", "--exclude", "aa"]), critical("(1) < a+b"));
    assert_eq!(look(&[]), critical("(3) < xyz 5"));
    assert_eq!(look(&["-q", "xyz", "-x", "warning"]), (State::Warning, "(1) < xyz 5\n".to_owned()));
    let unknown = |text: &str| (State::Unknown, format!("{text}\n"));
    assert_eq!(look(&["-e", "-p"]), unknown("Can not use extended and perl regex at the same time"));
    assert_eq!(look(&["-e", "-q", "("]), unknown("Log check error: '(': Unmatched ( or \\("));
    assert_eq!(look(&["-O", ""]), unknown("Oldlog parameter is needed"));
    assert_eq!(look(&["-F", "/no/log"]), unknown("Log check error: Log file /no/log does not exist!"));
    assert_eq!(look(&["-F", "/"]), unknown("Log check error: Log file / is not readable!"));
    let nowhere = "Log check error: /no/such/place: No such file or directory";
    assert_eq!(look(&["-O", "/no/such/place"]), unknown(nowhere));
}

#[test]
fn a_mark_comes_back_as_it_went() {
    let mark = Mark { device: 1, inode: 2, offset: 5000, head: mark::Head { length: 1024, hash: u64::MAX } };
    assert_eq!(Mark::parse(&mark.render()), Some(mark));
    for cut in 0..mark.render().len() {
        assert_eq!(Mark::parse(&mark.render()[..cut]), None, "{cut}");
    }
    assert_eq!(Mark::parse(&mark.render().replace("5000", "5")), None);
    assert_eq!(Mark::parse(&mark.render().replace("offset", "x")), None);
}
