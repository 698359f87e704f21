//! How numbers leave: metric families as the signals declare them, and the encoder that writes them.
//!
//! Nothing here knows containers, the kernel or HTTP. A signal calls [`Encoder::family`] once and then one
//! sample function a row; the encoder writes the text format 0.0.4 or OpenMetrics 1.0.0 into one buffer.

mod births;
mod encoder;
mod family;
mod own;

pub use births::Births;
pub use encoder::{Encoder, Format, Series, Value};
pub use family::{Family, Kind};
pub use own::{encode_gauge, encode_own};

/// Appends `value` with the escapes of a label value: backslash, double quote and line feed.
pub fn escape_label_value(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// Renders `name="value"` pairs, comma-separated, as they stand between the braces of a sample.
pub fn render_labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        escape_label_value(&mut out, value);
        out.push('"');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(render_labels([("id", "/a\"b\\c\nd"), ("name", "")]), r#"id="/a\"b\\c\nd",name="""#);
    }
}
