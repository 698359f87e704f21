use super::*;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86400;

fn config(args: &[&str]) -> Result<Config, String> {
    let mut call = Call::new(&CHECK, "check_ssl_cert", args.iter().map(Into::into).collect());
    Config::read(&mut call).map_err(|stop| match stop {
        Stop::Done(output) => output.render().trim_end().to_owned(),
        other => panic!("{other:?}"),
    })
}

fn certificate(name: &str, days: i64) -> Certificate {
    Certificate {
        common_name: Some(name.to_owned()),
        subject: format!("O=Org, CN={name}"),
        issuer: "CN=An issuer, O=Other".to_owned(),
        issuer_name: Some("An issuer".to_owned()),
        serial: "0AFF".to_owned(),
        not_before: NOW - DAY,
        not_after: NOW + days * DAY,
        names: vec![name.to_owned()],
        addresses: Vec::new(),
        emails: vec!["admin@a.example".to_owned()],
    }
}

fn said(args: &[&str], chain: &[Certificate]) -> String {
    let found = Found { chain: chain.to_vec(), unknown: None, fingerprint: Some("AB:CD".to_owned()) };
    judge(&config(args).unwrap(), &found, NOW).render()
}

#[test]
fn days_are_judged_for_each_of_the_chain() {
    let chain = [certificate("a.example", 40), certificate("b", 30)];
    assert_eq!(
        said(&["-H", "a.example"], &chain),
        "SSL_CERT OK - a.example:443, https, x509 certificate 'a.example' from 'An issuer' valid until \
         Feb 24 08:00:00 2027 GMT (expires in 40 days)|days_chain_elem1=40;20;15;; days_chain_elem2=30;20;15;;\n"
    );
    assert_eq!(
        said(&["-H", "a.example", "-w", "35", "-c", "5"], &chain),
        "SSL_CERT WARN a.example: x509 certificate element 2 (b) will expire in 30 day(s) on \
         Feb 14 08:00:00 2027 GMT|days_chain_elem1=40;35;5;; days_chain_elem2=30;35;5;;\n"
    );
    let first = ["-H", "a.example", "-w", "50.5", "-c", "45.25", "--first-element-only"];
    assert_eq!(
        said(&first, &chain),
        "SSL_CERT CRITICAL a.example: x509 certificate element 1 (a.example) will expire in 40.00 day(s) on \
         Feb 24 08:00:00 2027 GMT|days_chain_elem1=40.00;50.5;45.25;;\n"
    );
    let gone = said(&["-H", "a.example"], &[certificate("a.example", -2)]);
    assert!(
        gone.starts_with(
            "SSL_CERT CRITICAL a.example: x509 certificate element 1 (a.example) is expired (was"
        )
    );
    assert!(gone.ends_with("|days_chain_elem1=-2;20;15;;\n"), "{gone}");
    assert!(
        said(&["-H", "a.example", "--ignore-exp"], &[certificate("a.example", -2)])
            .starts_with("SSL_CERT OK")
    );
}

#[test]
fn names_and_issuers_have_to_match() {
    let chain = [certificate("a.example", 40)];
    let said = |args: &[&str]| said(args, &chain).split('|').next().unwrap_or_default().to_owned();
    assert_eq!(
        said(&["-H", "b.example"]),
        "SSL_CERT CRITICAL a.example: 'b.example' does not match the CN nor an alternative name"
    );
    for args in [
        &["-H", "127.0.0.1"][..],
        &["-H", "b.example", "--ignore-host-cn"],
        &["-H", "b.example", "--sni", "a.example"],
        &["-H", "b.example", "-m", "a.example"],
        &["-H", "a.example", "-i", "an iss", "-o", "^org$", "--serial", "aff"],
        &["-f", "x"],
    ] {
        assert!(said(args).starts_with("SSL_CERT OK"), "{args:?}: {}", said(args));
    }
    assert_eq!(
        said(&["-H", "a.example", "-i", "x", "-o", "y", "--serial", "z"]),
        "SSL_CERT CRITICAL a.example: invalid CA ('x' does not match 'An issuer'), invalid organization ('y' does \
         not match 'Org'), invalid serial number ('z' does not match '0AFF')"
    );
}

#[test]
fn wrong_command_lines_are_told_in_the_plugins_words() {
    let told = |args: &[&str]| config(args).unwrap_err();
    assert_eq!(told(&[]), "SSL_CERT UNKNOWN: No host specified");
    assert_eq!(
        told(&["-H", "x", "-w", "10"]),
        "SSL_CERT UNKNOWN: --warning (10) is less than or equal to --critical (15)"
    );
    assert_eq!(told(&["-P", "x"]), "SSL_CERT UNKNOWN: Error: unsupported protocol x");
    assert_eq!(
        told(&["-c", "x"]),
        "SSL_CERT UNKNOWN: --critical: the number of days should be an integer or a float"
    );
    let from = |args: &[&str]| config(args).unwrap().from;
    let host = |port| From::Host { name: "x".to_owned(), address: "y".to_owned(), port };
    assert_eq!(from(&["-H", "x", "--resolve", "y", "-P", "smtp"]), host(25));
    assert_eq!(from(&["-H", "x", "--resolve", "y", "-p", "99"]), host(99));
}

#[test]
fn more_may_be_asked_of_a_certificate() {
    let chain = [certificate("a.example", 40), certificate("b", 30)];
    let ok = |args: &[&str]| said(&[&["-H", "a.example"], args].concat(), &chain).starts_with("SSL_CERT OK");
    let fault = |args: &[&str]| {
        let text = said(&[&["-H", "a.example"], args].concat(), &chain);
        text.strip_prefix("SSL_CERT CRITICAL a.example: ").unwrap().split('|').next().unwrap().to_owned()
    };
    assert!(ok(&["-e", "^admin@", "--not-issued-by", "nobody", "--fingerprint", "abcd"]));
    assert!(ok(&["--maximum-validity", "41", "--not-valid-longer-than", "40"]));
    assert_eq!(fault(&["-e", "x@"]), "invalid email ('x@' does not match 'admin@a.example')");
    assert_eq!(fault(&["--not-issued-by", "an issuer"]), "invalid CA ('an issuer' matches 'An issuer')");
    assert_eq!(
        fault(&["--fingerprint", "12:34", "--fingerprint-alg", "sha256"]),
        "invalid SHA256 Fingerprint ('12:34' does not match 'AB:CD')"
    );
    assert_eq!(fault(&["--maximum-validity", "40.5"]), "it is valid for 41 days in all, more than 40.5");
    assert_eq!(fault(&["--not-valid-longer-than", "39"]), "it is valid for 40 days from now, more than 39");
    assert!(config(&["-H", "a", "--fingerprint-alg", "md5"]).is_err());
}

#[test]
fn perfdata_may_be_of_some_elements_or_of_none() {
    let chain = [certificate("a.example", 40), certificate("b", 5)];
    let data = |args: &[&str]| {
        let text = said(&[&["-H", "a.example"], args].concat(), &chain);
        text.trim_end().split_once('|').map(|(_, data)| data.to_owned())
    };
    assert_eq!(data(&["--skip-element", "2"]).as_deref(), Some("days_chain_elem1=40;20;15;;"));
    assert_eq!(
        data(&["--skip-element", "2", "--precision", "1"]).as_deref(),
        Some("days_chain_elem1=40.0;20;15;;")
    );
    assert_eq!(data(&["--no-perf"]), None);
    assert!(said(&["-H", "a.example", "--skip-element", "2"], &chain).starts_with("SSL_CERT OK"));
}
