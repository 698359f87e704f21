//! A label value reads back as it was, whatever is in it, and never breaks its line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::exposition::render_labels;
use plimsoll::names::socket_path;

fuzz_target!(|values: (String, String)| {
    let block = render_labels([("a", values.0.as_str()), ("b", values.1.as_str())]);
    assert!(!block.contains('\n'));
    let (first, rest) = unquote(block.strip_prefix("a=").unwrap());
    let (second, rest) = unquote(rest.strip_prefix(",b=").unwrap());
    // A path that a container chose is a label too: it cannot steer a terminal, and two of a kind are never one.
    let path = socket_path(values.0.as_bytes());
    assert!(!path.chars().any(char::is_control), "{path:?}");
    if values.0 != values.1 && values.0.starts_with('\0') == values.1.starts_with('\0') {
        assert_ne!(path, socket_path(values.1.as_bytes()));
    }
    assert_eq!((first, second, rest), (values.0, values.1, ""));
});

/// Reads one quoted value as Prometheus' text format says, and gives what follows it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"').unwrap().chars();
    loop {
        match chars.next().unwrap() {
            '"' => return (value, chars.as_str()),
            '\\' => value.push(match chars.next().unwrap() {
                'n' => '\n',
                plain @ ('\\' | '"') => plain,
                other => panic!("\\{other}"),
            }),
            plain => value.push(plain),
        }
    }
}
