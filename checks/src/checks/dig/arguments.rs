//! What users tell `dig` besides: those words that change the question. Pure.

use std::time::Duration;

use crate::net::ask::Plan;
use crate::net::dns::Question;

/// Words that change only what `dig` prints, with or without `no` before them.
const SHOWN: &[&str] = &[
    "all",
    "answer",
    "additional",
    "authority",
    "cmd",
    "comments",
    "question",
    "stats",
    "ttlid",
    "class",
    "crypto",
    "rrcomments",
    "multiline",
    "qr",
    "search",
    "identify",
    "cookie",
    "nsid",
    "keepopen",
    "fail",
    "besteffort",
    "ignore",
];

/// Takes them one by one; the first that cannot be followed is the error.
pub(super) fn take(text: &str, question: &mut Question, plan: &mut Plan) -> Result<(), String> {
    for word in text.split_whitespace() {
        let wrong = || word.to_owned();
        let name = word.strip_prefix('+').ok_or_else(wrong)?;
        let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
        let number =
            || value.and_then(|value| value.parse::<u32>().ok()).filter(|n| *n > 0).ok_or_else(wrong);
        match name {
            "tries" => plan.tries = number()?,
            "retry" | "retries" => plan.tries = number()?.saturating_add(1),
            "time" | "timeout" => plan.wait = Some(Duration::from_secs(number()?.into())),
            "bufsize" => question.extended = true,
            _ => switch(name, question, plan).ok_or_else(wrong)?,
        }
    }
    Ok(())
}

fn switch(name: &str, question: &mut Question, plan: &mut Plan) -> Option<()> {
    let (on, name) = name.strip_prefix("no").map_or((true, name), |name| (false, name));
    match name {
        "tcp" | "vc" => plan.tcp = on,
        "rec" | "recurse" => question.recurse = on,
        "dnssec" | "do" => question.signatures = on,
        "cd" | "cdflag" => question.unchecked = on,
        "edns" => question.extended = on,
        name if SHOWN.contains(&name) => {}
        _ => return None,
    }
    Some(())
}
