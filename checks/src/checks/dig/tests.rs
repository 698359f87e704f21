use super::*;
use crate::net::dns::Data;

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_dig", args.iter().map(Into::into).collect()))
}

fn record(name: &str, of: u16, data: Data) -> Record {
    Record { name: name.to_owned(), kind: of, ttl: 3600, data }
}

fn line(args: &[&str], records: Result<Vec<Record>, String>) -> (State, String) {
    let (config, measured) = (config(args).unwrap(), Measured { seconds: 0.5, records });
    let output = print(&config, judge(&config, &measured), &measured);
    (output.state(), output.render())
}

#[test]
fn a_record_is_written_as_dig_writes_it() {
    let address = || Data::Address("192.0.2.1".parse().unwrap());
    assert_eq!(line::of(&record("www.example.test", 1, address())), "www.example.test. 3600 IN A 192.0.2.1");
    let soa = record("example.test", 6, Data::Text("x".to_owned()));
    assert_eq!(line::of(&soa), "example.test.  3600 IN SOA x");
    let long = record("a-long-name.of-a-host.example.test", 1, address());
    assert_eq!(line::of(&long), "a-long-name.of-a-host.example.test. 3600 IN A 192.0.2.1");
}

#[test]
fn the_state_is_of_the_answer_unless_the_time_decides() {
    let a = || Ok(vec![record("a.b", 1, Data::Address("192.0.2.1".parse().unwrap()))]);
    let (state, text) = line(&["-l", "A.b", "-w1"], a());
    let start = "DNS OK - 0.500 seconds response time (a.b.   3600 IN A 192.0.2.1)";
    assert_eq!((state, text), (State::Ok, format!("{start}|time=0.500000s;1.000000;;0.000000\n")));
    let (state, text) = line(&["-l", "a.b", "-a", "10.0.0.1"], a());
    assert_eq!(state, State::Warning);
    assert!(text.contains("(Server not found in ANSWER SECTION)"), "{text}");
    assert_eq!(line(&["-l", "a.b", "-c0.1"], a()).0, State::Critical);
    assert_eq!(line(&["-l", "a.b", "-c0"], a()).0, State::Ok);
    let (state, text) = line(&["-l", "a.b"], Ok(Vec::new()));
    assert_eq!(state, State::Critical);
    assert!(text.contains("(No ANSWER SECTION found)"), "{text}");
    assert_eq!(line(&["-l", "a.b", "-w0.1"], Ok(Vec::new())).0, State::Warning);
    assert!(line(&["-l", "a.b"], Err("refused".to_owned())).1.starts_with("DNS WARNING - 0.500 seconds"));
}

#[test]
fn what_dig_would_be_told_changes_the_question() {
    let read = config(&["-l", "a", "-A", "+tcp +norec +dnssec +noall +answer +time=3 +retry=1"]).unwrap();
    assert_eq!((read.plan.tcp, read.plan.tries, read.plan.wait), (true, 2, Some(Duration::from_secs(3))));
    assert!(!read.question.recurse && read.question.signatures && read.question.extended);
    assert!(!config(&["-l", "a", "-A", "+noedns"]).unwrap().question.extended);
    for wrong in ["-x 1.2.3.4", "+short", "+time=x", "+tries=0"] {
        assert!(matches!(config(&["-l", "a", "-A", wrong]), Err(Stop::Usage(_))), "{wrong}");
    }
}

#[test]
fn the_command_line_is_read_as_2x_reads_it() {
    let host = |args: &[&str]| config(args).map(|config| config.host.name);
    assert_eq!(host(&["-l", "a"]), Ok("127.0.0.1".to_owned()));
    assert_eq!(host(&["-6", "-l", "a"]), Ok("::1".to_owned()));
    assert_eq!(host(&["-l", "a", "s"]), Ok("s".to_owned()));
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&["-H", "s"]), "check_dig: Could not parse arguments");
    assert_eq!(wrong(&["-w", "x"]), "check_dig: Warning interval must be a positive integer - x");
    assert_eq!(wrong(&["-T", "x"]), "check_dig: No such type of record - x");
    assert!(config(&["-l", "a", "-T", "any"]).unwrap().plan.tcp);
}
