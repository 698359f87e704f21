//! Ini files of extra options, and the words that name them.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::extra_opts::{ini, split};

fuzz_target!(|input: (Vec<Vec<u8>>, &[u8], &[u8])| {
    let (args, name, text) = input;
    let args: Vec<OsString> = args.into_iter().map(OsString::from_vec).collect();
    let (locators, rest) = split(args.clone());
    assert!(locators.len() + rest.len() <= args.len());
    assert!(rest.iter().all(|arg| args.contains(arg) && arg != "--extra-opts"));
    if let Ok(Some(options)) = ini::section(text, name) {
        assert!(!options.is_empty());
        for option in options {
            assert!(option.starts_with(b"-") && option.len() > 1);
            assert!(!option.contains(&0) && !option.contains(&b'\n'));
        }
    }
});
