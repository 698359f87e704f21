//! Rules whose minutes are seconds, so that nobody has to wait for them.

/// How much faster time runs.
pub(super) const FASTER: u64 = 20;

/// What a time follows in a file of rules.
const LEADS: [&str; 3] = ["[", "for: ", "offset "];

/// The rules with all their times that much shorter.
pub(super) fn faster(rules: &str) -> String {
    let (mut out, mut rest) = (String::new(), rules);
    while let Some(at) = LEADS.iter().filter_map(|lead| Some(rest.find(lead)? + lead.len())).min() {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        rest = tail;
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = match tail[digits..].chars().next() {
            Some('m') => 60,
            Some('h') => 3600,
            _ => continue,
        };
        if let Ok(number) = tail[..digits].parse::<u64>() {
            out.push_str(&format!("{}s", number * unit / FASTER));
            rest = &tail[digits + 1..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shorter_and_all_else_is_as_it_was() {
        let rules = "expr: rate(a{b=\"[5x]\"}[5m]) and c offset 30m > predict_linear(d[1h], 4 * 3600)\nfor: 15m # for: ever";
        let wanted = "expr: rate(a{b=\"[5x]\"}[15s]) and c offset 90s > predict_linear(d[180s], 4 * 3600)\nfor: 45s # for: ever";
        assert_eq!(faster(rules), wanted);
    }
}
