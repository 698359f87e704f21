use super::*;
use crate::processes::Elapsed;

fn process(command: &str) -> Process {
    Process {
        state: "Ss".to_owned(),
        uid: 33,
        pid: 42,
        parent: 7,
        sizes: [2000, 1200],
        cpu: 7.5,
        elapsed: Elapsed(61),
        command: command.to_owned(),
        args: "prog -x".to_owned(),
        ..Process::default()
    }
}

fn config(args: &[&str]) -> Result<Config, Stop> {
    configure(&mut Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect()))
}

fn line(args: &[&str], processes: &[Process]) -> String {
    let config = config(args).expect("a command line");
    print(&config, &judge(&config, processes)).render()
}

#[test]
fn each_filter_takes_what_it_asks_for() {
    let mut contained = process("a b");
    contained.container = Some("f00d".repeat(16));
    let takes = |args: &[&str]| config(args).expect("a command line").filters.take(&contained);
    for args in [
        ["-s", "S"],
        ["-s", "Ss"],
        ["-p", "7"],
        ["-u", "33"],
        ["-z", "2000"],
        ["-r", "1200"],
        ["-P", "7.5"],
        ["--elapsed", "61"],
        ["-a", "g -"],
        ["--ereg-argument-array", "^p.*x$"],
        ["-C", "a b"],
        ["-C", "a"],
        ["-X", "b,c"],
        ["--container", "f00d"],
        ["-k", "5"],
    ] {
        assert!(takes(&args), "{args:?}");
    }
    for args in [
        ["-s", "sS"],
        ["-p", "42"],
        ["-u", "0"],
        ["-z", "2001"],
        ["-r", "1201"],
        ["-P", "7.6"],
        ["--elapsed", "62"],
        ["-a", "y"],
        ["--ereg-argument-array", "^x"],
        ["-C", "b"],
        ["-X", "b,a"],
        ["--container", "00d"],
        ["--no-containers", "5"],
    ] {
        assert!(!takes(&args), "{args:?}");
    }
    let kernel = Process { kernel: true, ..process("kthreadd") };
    assert!(!config(&["-k"]).expect("a command line").filters.take(&kernel));
    assert!(!config(&["--no-kthreads"]).expect("a command line").filters.take(&kernel));
}

#[test]
fn all_that_is_asked_has_to_hold_and_is_told() {
    let two = config(&["-C", "a", "-r", "1", "-r", "5000", "-C", "b"]).expect("a command line");
    assert_eq!(two.filters.words(), " with command name 'a', RSS >= 1, RSS >= 5000");
    assert!(!two.filters.take(&process("a")));
    assert!(config(&["-C", "a", "-r", "5"]).expect("a command line").filters.take(&process("a")));
}

#[test]
fn only_what_is_asked_for_is_read() {
    let wants = |args: &[&str]| config(args).expect("a command line").filters.wants();
    assert_eq!(wants(&["-C", "x", "-u", "0"]), Wants::default());
    assert_eq!(wants(&["-a", "x"]), Wants { args: true, ..Wants::default() });
    assert_eq!(wants(&["-s", "x"]), Wants { locked: true, ..Wants::default() });
    assert_eq!(wants(&["--no-containers"]), Wants { container: true, ..Wants::default() });
}

#[test]
fn names_are_those_of_2x() {
    for (command, word) in [
        ("tmux: server", "tmux:"),
        ("kworker/0:1", "0:1"),
        ("kworker/0:0H-events_highpri", "0:0H-ev"),
        ("x/", "x"),
        ("", ""),
        ("/", "/"),
    ] {
        assert_eq!(filter::first_word(command), word, "{command}");
    }
}

#[test]
fn the_number_of_processes_is_judged() {
    let two = [process("a"), process("b")];
    assert_eq!(line(&[], &two), "PROCS OK: 2 processes |procs=2;;;0;\n");
    assert_eq!(line(&["-w", "1", "-c", "0:5"], &two), "PROCS WARNING: 2 processes |procs=2;1;5;0;\n");
    assert_eq!(line(&["3", "1:1", "Z"], &two[..1]), "PROCS OK: 1 process with STATE = Z |procs=1;3;1:1;0;\n");
    assert_eq!(
        line(&["-c", "1:", "-C", "a|b", "-v"], &[]),
        "PROCS CRITICAL: 0 processes with command name 'a¦b' |procs=0;;1:;0;\n"
    );
}

#[test]
fn what_each_uses_is_judged() {
    let two = [process("a"), Process { sizes: [5000, 1], ..process("b c") }];
    assert_eq!(
        line(&["-m", "VSZ", "-w", "1000", "-c", "4000", "-v"], &two),
        "VSZ CRITICAL: 1 crit, 1 warn out of 2 processes [a, b] |procs=2;;;0; procs_warn=1;;;0; procs_crit=1;;;0;\n"
    );
    assert_eq!(
        line(&["-m", "RSS", "-w", "1000"], &two),
        "RSS WARNING: 1 warn out of 2 processes |procs=2;;;0; procs_warn=1;;;0; procs_crit=0;;;0;\n"
    );
    assert_eq!(
        line(&["-m", "CPU", "-w", "7.5", "-u", "0"], &two),
        "CPU OK: 2 processes with UID = 0 (root) |procs=2;;;0; procs_warn=0;;;0; procs_crit=0;;;0;\n"
    );
    assert_eq!(
        line(&["-m", "ELAPSED", "-c", "60"], &two),
        "ELAPSED CRITICAL: 2 crit, 0 warn out of 2 processes |procs=2;;;0; procs_warn=0;;;0; procs_crit=2;;;0;\n"
    );
}

#[test]
fn misuse_is_told_in_the_words_of_2x() {
    for (args, words) in [
        (["-m", "x"], "Metric must be one of PROCS, VSZ, RSS, CPU, ELAPSED!"),
        (["-p", "1x"], "Parent Process ID must be an integer!"),
        (["-z", "-1"], "VSZ must be an integer!"),
        (["-P", "x"], "PCPU must be a float!"),
        (["-u", "no such user"], "User name was not found - no such user"),
        (["-t", "x"], "Timeout interval must be a positive integer - x"),
    ] {
        assert_eq!(config(&args).map(|_| ()), Err(Stop::usage(format!("check_procs: {words}"))));
    }
    let wrong = config(&["--ereg-argument-array", "("]).map(|_| ());
    let words = "PROCS UNKNOWN: Could not compile regular expression - Unmatched ( or \\(";
    assert_eq!(wrong, Err(Stop::unknown(words)));
}
