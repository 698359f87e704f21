use proptest::prelude::*;

use super::*;

const KNOWN: &[Opt] = &[
    common::HELP,
    common::VERSION,
    common::HOSTNAME,
    common::VERBOSE,
    common::WARNING,
    Opt::new("W", "warning-codes", Arg::Value("LIST"), ""),
    Opt::new("S", "ssl", Arg::Maybe("VERSION"), ""),
    Opt::new("sni", "sni", Arg::Value("NAME"), ""),
    Opt::new("r", "refuse", Arg::Value("STATE"), ""),
    Opt::new("r", "refused", Arg::Value("STATE"), ""),
    Opt::new("n", "", Arg::No, ""),
];

fn parse_in(order: Order, args: &[&str]) -> Result<(Vec<String>, Vec<String>), Stop> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let mut options = Options::new("./check_x", KNOWN, order, &args);
    let mut found = Vec::new();
    while let Some(option) = options.next()? {
        let text = option.text();
        found.push(if option.has_value() { format!("{}={text}", option.key) } else { option.key.to_owned() });
    }
    let words = options.words();
    Ok((found, words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect()))
}

fn parse(args: &str) -> Result<(Vec<String>, Vec<String>), Stop> {
    parse_in(Order::Any, &args.split_whitespace().collect::<Vec<_>>())
}

fn is(args: &str, options: &[&str], words: &[&str]) {
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(parse(args), Ok((strings(options), strings(words))), "{args}");
}

#[test]
fn values_are_attached_or_the_next_word() {
    is("-Hhost -w 5 -w5 -w-5 -w -5", &["H=host", "w=5", "w=5", "w=-5", "w=-5"], &[]);
    is("--hostname=host --hostname host --hostname=", &["H=host", "H=host", "H="], &[]);
    is("--sni a", &["sni=a"], &[]);
    is("-H --help", &["H=--help"], &[]);
    is("-w --", &["w=--"], &[]);
    is("--hostname=a=b", &["H=a=b"], &[]);
}

#[test]
fn a_value_that_may_be_missing_is_attached() {
    is("-S -S1.2+ -S 1.2 --ssl --ssl=1.2 --ssl 1", &["S", "S=1.2+", "S", "S", "S=1.2", "S"], &["1.2", "1"]);
}

#[test]
fn short_options_come_in_bundles() {
    is("-vvn -vw5 -vSx", &["v", "v", "n", "v", "w=5", "v", "S=x"], &[]);
    is("-vw 5", &["v", "w=5"], &[]);
}

#[test]
fn a_long_name_may_be_cut_while_it_is_the_only_one() {
    is("--hostn x --verb --sn y", &["H=x", "v", "sni=y"], &[]);
    // A whole name is itself, though it begins another; two names of one option are no doubt.
    is("--warning 1 --warning-codes 2 --ref ok", &["w=1", "W=2", "r=ok"], &[]);
}

#[test]
fn words_stand_anywhere_and_two_dashes_end_the_options() {
    is("a -v b -w 5 - c", &["v", "w=5"], &["a", "b", "-", "c"]);
    is("a -v -- -v --help", &["v"], &["a", "-v", "--help"]);
    let found = parse_in(Order::WordsLast, &["-v", "cmd", "-v", "--", "x"]);
    assert_eq!(found, Ok((vec!["v".into()], ["cmd", "-v", "--", "x"].map(String::from).to_vec())));
}

#[test]
fn what_is_wrong_is_said_as_getopt_says_it() {
    let usage = |args| match parse(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{args}: {other:?}"),
    };
    assert_eq!(usage("--foo=x"), "./check_x: unrecognized option '--foo=x'");
    assert_eq!(usage("-vx"), "./check_x: invalid option -- 'x'");
    assert_eq!(usage("-:"), "./check_x: invalid option -- ':'");
    assert_eq!(usage("-w"), "./check_x: option requires an argument -- 'w'");
    assert_eq!(usage("--hostn"), "./check_x: option '--hostname' requires an argument");
    assert_eq!(usage("--verb=1"), "./check_x: option '--verbose' doesn't allow an argument");
    assert_eq!(usage("--h"), "./check_x: option '--h' is ambiguous; possibilities: '--help' '--hostname'");
    assert_eq!(
        usage("--w=1"),
        "./check_x: option '--w=1' is ambiguous; possibilities: '--warning' '--warning-codes'"
    );
}

#[test]
fn help_and_version_stop_at_once() {
    assert_eq!(parse("-vh --foo"), Err(Stop::Help));
    assert_eq!(parse("--hel"), Err(Stop::Help));
    assert_eq!(parse("-V -h"), Err(Stop::Version));
    assert_eq!(parse("--vers"), Err(Stop::Version));
}

proptest! {
    #[test]
    fn options_and_words_are_the_same_in_any_order(words in prop::collection::vec("[a-z0-9]{1,3}", 0..4),
        options in prop::collection::vec(prop::sample::select(vec!["-v", "-n", "-w5", "--sni=x", "-S"]), 0..5),
        seed in any::<u64>())
    {
        let mut mixed = Vec::new();
        let (mut left, mut right, mut bits) = (words.iter(), options.iter(), seed);
        loop {
            let next = if bits & 1 == 0 { left.next().map(String::as_str).or_else(|| right.next().copied()) }
                else { right.next().copied().or_else(|| left.next().map(String::as_str)) };
            bits >>= 1;
            match next { Some(next) => mixed.push(next), None => break }
        }
        let apart: Vec<&str> = options.iter().copied().chain(words.iter().map(String::as_str)).collect();
        prop_assert_eq!(parse_in(Order::Any, &mixed), parse_in(Order::Any, &apart));
        prop_assert_eq!(parse_in(Order::Any, &mixed).unwrap().1, words);
    }
}
