//! A fault of a check itself is one clean line and UNKNOWN. A program of its own, since it changes what panics do.

use plimsoll_checks::frame::{self, Call, Check};
use plimsoll_checks::output::Outcome;
use plimsoll_checks::state::State;

static FAULTY: Check = Check {
    name: "check_faulty",
    aliases: &[],
    summary: "",
    usage: "",
    options: &[],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

#[expect(clippy::panic, reason = "it is what is tested")]
fn run(_: &mut Call) -> Outcome {
    panic!("out of\nluck|a=1")
}

#[test]
fn a_panic_is_one_line_and_unknown() {
    let (state, text) = frame::outcome(&mut Call::new(&FAULTY, "/x/check_faulty", Vec::new()));
    assert_eq!(state, State::Unknown);
    let (line, place) = text.split_once(" (").unwrap_or_default();
    assert_eq!(line, "check_faulty UNKNOWN - a fault of the check itself: out of luck¦a=1");
    assert!(place.starts_with("checks/tests/panic.rs:") && place.ends_with(")\n"), "{place}");
    assert_eq!(text.lines().count(), 1);
}
