//! Names of labels, and patterns that match texts.

/// The longest name of a label that is made of a key, in bytes.
pub const MAX_NAME: usize = 128;

/// Whether Prometheus takes `name` for a label of ours: it keeps those that begin with `__` for itself.
pub fn is_label_name(name: &str) -> bool {
    let good = |(at, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit());
    !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with("__") && name.char_indices().all(good)
}

/// A label's name made of any key as Prometheus' service discovery makes them: what a name may not have becomes `_`.
/// Of several `_` at the beginning one stays.
pub fn mend(key: &str) -> String {
    let mut name = String::with_capacity(key.len().min(MAX_NAME));
    for c in key.chars() {
        let stays = c.is_ascii_alphabetic() || (c.is_ascii_digit() && !name.is_empty());
        let c = if stays { c } else { '_' };
        if name.len() < MAX_NAME && !(c == '_' && name == "_") {
            name.push(c);
        }
    }
    if name.is_empty() { "_".to_owned() } else { name }
}

/// A text in which each `*` stands for any text, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern as it was written.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether all of `text` is as the pattern says.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(first) else { return false };
        // The last part must be at the end; each before it at the first place there is, which leaves most.
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            let Some(at) = text.find(part) else { return false };
            text = &text[at + part.len()..];
        }
        text.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "_", "_a", "A9_", "team", &"x".repeat(128)] {
            assert!(is_label_name(good), "{good}");
        }
        for bad in ["", "9a", "a-b", "a.b", "__a", "é", "a b", &"x".repeat(129)] {
            assert!(!is_label_name(bad), "{bad}");
        }
    }

    #[test]
    fn any_key_becomes_a_name() {
        let table = [
            ("app", "app"),
            ("app-env", "app_env"),
            ("app.kubernetes.io/name", "app_kubernetes_io_name"),
            ("9lives", "_lives"),
            ("__meta", "_meta"),
            ("-.-x", "_x"),
            ("é", "_"),
            ("", "_"),
            ("a__b", "a__b"),
        ];
        for (key, name) in table {
            assert_eq!(mend(key), name, "{key}");
        }
        assert_eq!(mend(&"k".repeat(200)), "k".repeat(128));
    }

    #[test]
    fn patterns() {
        let table = [
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "any", true),
            ("team-*", "team-a", true),
            ("team-*", "team", false),
            ("*-prod", "shop-prod", true),
            ("*-prod", "shop-prod-2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*b", "ab", true),
            ("ab*ba", "aba", false),
            ("**", "x", true),
            ("*é*", "caféteria", true),
        ];
        for (pattern, text, wanted) in table {
            assert_eq!(Pattern::new(pattern).matches(text), wanted, "{pattern} {text}");
        }
    }
}
