//! What is printed of any label, number and text: one line of perfdata that can be read back, and no other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::output::Output;
use plimsoll_checks::perfdata::{Form, Number, Perfdata};
use plimsoll_checks::range::Range;
use plimsoll_checks::state::State;

fuzz_target!(|input: (&str, &str, f64, Option<i64>, &str, u8)| {
    let (text, label, value, min, range, form) = input;
    let range = Range::parse(range).ok();
    let form = [Form::Short, Form::Padded, Form::Trimmed][usize::from(form % 3)];
    let mut datum = Perfdata::new(label.to_owned(), Number::float(value)).unit("s").warn(range.as_ref()).form(form);
    if let Some(min) = min {
        datum = datum.min(Number::Integer(min));
    }
    let readable = datum.is_readable();
    assert_eq!(readable, value.is_finite());
    let printed = datum.to_string();
    let output = Output::new(State::Ok, text).line(text).perf(datum).render();
    assert_eq!(output.matches('|').count(), usize::from(readable), "{output:?}");
    assert!(output.ends_with('\n'));
    assert!(output.chars().all(|c| !c.is_control() || "\n\r\t".contains(c)), "{output:?}");
    if readable {
        let (label, rest) = printed.split_once('=').expect("a value");
        assert!(!rest.contains('=') && !printed.contains('\n'));
        assert_eq!(label.contains(' '), label.starts_with('\'') && label.ends_with('\''));
        let number = rest.split(['s', ';']).next().expect("a number");
        assert!(number.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte)), "{printed}");
        assert!(rest.matches(';').count() <= 4);
    }
});
