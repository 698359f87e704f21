//! Command lines: every word becomes an option, a value or a word, or there is an error; nothing is lost or made up.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::checks::ALL;
use plimsoll_checks::options::{Options, Order, value};
use plimsoll_checks::output::Stop;

fuzz_target!(|input: (u8, bool, Vec<Vec<u8>>)| {
    let (check, any, args) = input;
    let check = ALL[usize::from(check) % ALL.len()];
    let args: Vec<OsString> = args.into_iter().map(OsString::from_vec).collect();
    let order = if any { Order::Any } else { Order::WordsLast };
    let mut options = Options::new(check.name, check.options, order, &args);
    let mut count = 0;
    loop {
        match options.next() {
            Ok(Some(found)) => {
                count += 1;
                assert!(check.options.iter().any(|opt| opt.key == found.key));
                assert!(args.iter().any(|arg| arg.as_bytes().ends_with(found.bytes())), "a value is the end of a word");
                let _ = value::timeout(&found.text());
            }
            Ok(None) => break,
            Err(Stop::Usage(text)) => {
                assert!(text.starts_with(check.name));
                return;
            }
            Err(Stop::Help | Stop::Version) => return,
            Err(other) => panic!("{other:?}"),
        }
    }
    let length: usize = args.iter().map(|arg| arg.as_bytes().len()).sum();
    assert!(count <= length, "an option has a letter at least");
    for word in options.words() {
        assert!(args.contains(&word));
    }
});
