//! Files of the kernel, and those that a check keeps for its next call: any bytes are taken, or are not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::checks::disk::{Usage, parse_mounts};
use plimsoll_checks::checks::log::mark::Mark;
use plimsoll_checks::checks::mem::Memory;
use plimsoll_checks::checks::pressure::Pressure;
use plimsoll_checks::checks::procs::filter;
use plimsoll_checks::passwd;
use plimsoll_checks::processes::{Process, Units, container};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for units in [Units { ticks: 100, page_kib: 4, uptime: 100_000 }, Units { ticks: 0, page_kib: 64, uptime: 0 }] {
        if let Some(process) = Process::parse(&text, true, units) {
            assert!(process.cpu >= 0.0 && !process.state.is_empty());
            assert!(process.with_args(bytes).line().len() > bytes.len() / 64);
        }
    }
    if let Some(name) = container::of(&text) {
        assert!(!name.is_empty() && !name.contains('/') && text.contains(name));
    }
    assert!(parse_mounts(bytes).len() <= bytes.len() / 2 + 1);
    if let Some(usage) = Usage::parse(&text) {
        let _ = usage.and(&usage).and(&Usage::default());
    }
    if let Some(mark) = Mark::parse(&text) {
        assert_eq!(Mark::parse(&mark.render()), Some(mark));
    }
    let _ = (Memory::parse(&text), passwd::find(&text, "root"));
    if let Some(pressure) = Pressure::parse(&text) {
        assert!(pressure.some.into_iter().chain(pressure.full).flatten().all(|percent| percent >= 0.0));
    }
    assert!(filter::first_word(&text).chars().count() <= 15);
});
