use std::collections::BTreeSet;

use super::*;
use crate::options::Arg;

#[test]
fn names_are_unique_and_the_table_is_sorted() {
    let names: Vec<&str> = ALL.iter().map(|check| check.name).collect();
    // In their order; what is no check of a thing comes last.
    let ranks: Vec<_> = names.iter().map(|name| (!name.starts_with("check_"), name)).collect();
    assert!(ranks.is_sorted(), "{names:?}");
    let mut seen = BTreeSet::new();
    for name in ALL.iter().flat_map(|check| check.aliases.iter().chain([&check.name])) {
        assert!(seen.insert(name), "{name} twice");
        assert!(find(name).is_some());
    }
    assert!(find("check_nothing").is_none());
}

#[test]
fn no_option_hides_another_and_each_is_explained() {
    for check in ALL {
        assert!(!check.summary.is_empty() && !check.usage.is_empty(), "{}", check.name);
        let (mut shorts, mut longs) = (BTreeSet::new(), BTreeSet::new());
        for opt in check.options {
            assert!(opt.short == '\0' || shorts.insert(opt.short), "{}: -{} twice", check.name, opt.short);
            assert!(opt.long.is_empty() || longs.insert(opt.long), "{}: --{} twice", check.name, opt.long);
            // A second name of an option has the key of the first.
            let second = check.options.iter().any(|other| other.short != '\0' && other.key == opt.key);
            let key = opt.short != '\0' || opt.key == opt.long || second;
            assert!(key, "{}: key of --{}", check.name, opt.long);
        }
        // Icinga would take what follows for perfdata.
        let texts = check.options.iter().flat_map(|opt| [opt.help, value_name(opt.arg)]);
        assert!(
            texts.chain([check.usage, check.summary]).all(|text| !text.contains('|')),
            "{}: a |",
            check.name
        );
        let has = |arg| check.options.iter().any(|opt| opt.arg == arg);
        assert!(
            check.options.is_empty() || (has(Arg::Help) && has(Arg::Version)),
            "{}: -h and -V",
            check.name
        );
    }
}

fn value_name(arg: Arg) -> &'static str {
    match arg {
        Arg::Value(name) | Arg::Maybe(name) => name,
        Arg::No | Arg::Help | Arg::Version => "",
    }
}
