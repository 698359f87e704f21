use super::*;

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_dns", args.iter().map(Into::into).collect()))
}

fn line(args: &[&str], found: &[&str], authoritative: bool) -> (State, String) {
    let found = found.iter().map(ToString::to_string).collect();
    let measured = Measured { seconds: 0.5, found, authoritative };
    let output = report(&config(args).unwrap(), &measured);
    (output.state(), output.render())
}

#[test]
fn an_address_has_its_names_under_a_name() {
    assert_eq!(reverse("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa.");
    let v6 = reverse("2001:db8::1".parse().unwrap());
    assert_eq!(v6, format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa.", "0.".repeat(23)));
}

#[test]
fn what_is_found_is_the_line_with_the_time() {
    let (state, text) = line(&["-H", "a", "-w1"], &["1.1.1.1", "2.2.2.2"], false);
    let start = "DNS OK: 0.500 seconds response time. a returns 1.1.1.1,2.2.2.2";
    assert_eq!((state, text), (State::Ok, format!("{start}|time=0.500000s;1.000000;;0.000000\n")));
    let (state, text) = line(&["-H", "a", "-c", "0.1", "-w", "5:"], &["1.1.1.1"], true);
    let start = "DNS CRITICAL: 0.500 seconds response time. a returns 1.1.1.1";
    assert_eq!((state, text), (State::Critical, format!("{start}|time=0.500000s;5:;0.100000;0.000000\n")));
}

#[test]
fn what_is_not_as_expected_is_critical_and_says_so() {
    let critical = |args: &[&str], found: &[&str]| {
        let (state, text) = line(args, found, false);
        assert_eq!(state, State::Critical);
        text
    };
    assert_eq!(critical(&["-H", "a"], &[]), "Domain 'a' was not found by the server\n");
    assert_eq!(
        critical(&["-H", "a", "-a", "x,y", "-a", "z"], &["1.1.1.1", "b."]),
        "DNS CRITICAL - expected 'x; y; z' but got '1.1.1.1,b.'\n"
    );
    assert_eq!(
        critical(&["-H", "a", "-n"], &["1.1.1.1"]),
        "DNS CRITICAL - Domain 'a' was found by the server: '1.1.1.1'\n"
    );
    assert_eq!(
        critical(&["a", "s", "-A"], &["1.1.1.1"]),
        "DNS CRITICAL - server s is not authoritative for a\n"
    );
    assert!(
        line(&["-H", "a", "-n"], &[], true)
            .1
            .starts_with("DNS OK: 0.500 seconds response time. a returns NX")
    );
}

#[test]
fn the_command_line_is_read_as_2x_reads_it() {
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&[]), "check_dns: Could not parse arguments");
    assert_eq!(wrong(&["-s", "x"]), "missing --host argument\ncheck_dns: Could not parse arguments");
    assert!(wrong(&["-H", "x", "-n", "-a", "y"]).starts_with("--expected-address and --expect-nxdomain"));
    assert!(config(&["-H", "x", "-w", "abc"]).is_err());
    assert_eq!(config(&["a", "b"]).unwrap().server.as_deref(), Some("b"));
}
