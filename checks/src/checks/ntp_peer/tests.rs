use super::*;

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_ntp_peer", args.iter().map(Into::into).collect()))
}

fn line(args: &[&str], measured: Measured) -> String {
    let config = config(args).unwrap();
    print(&config, judge(&config, &measured), &measured).render()
}

const GOOD: Measured = Measured {
    synchronised: true,
    alarm: false,
    truechimers: 3,
    source: Source { offset: Some(-0.5), jitter: Some(0.25), stratum: Some(2.0) },
};

#[test]
fn the_line_is_that_of_2x() {
    assert_eq!(line(&["-Hh"], GOOD), "NTP OK: Offset -0.5 secs|offset=-0.500000s;60.000000;120.000000;\n");
    assert_eq!(
        line(&["-Hh", "-W1", "-j", "1", "-k", "2", "-m", "@1:5"], GOOD),
        "NTP WARNING: Offset -0.5 secs, jitter=0.250000, stratum=2 (WARNING), truechimers=3 (WARNING)\
         |offset=-0.500000s;60.000000;120.000000; jitter=0.250000;1.000000;2.000000;0.000000 \
         stratum=2;1;16;0;16 truechimers=3;@1:5;0:;0;\n"
    );
    assert_eq!(
        line(&["-Hh", "-c", "0.1"], GOOD),
        "NTP CRITICAL: Offset -0.5 secs (CRITICAL)|offset=-0.500000s;60.000000;0.100000;\n"
    );
}

#[test]
fn a_server_without_a_source_is_a_warning_and_without_an_offset_critical() {
    let offset = "offset=-0.500000s;60.000000;120.000000;\n";
    let without = Measured { synchronised: false, ..GOOD };
    assert_eq!(
        line(&["-Hh"], without),
        format!("NTP WARNING: Server not synchronized, Offset -0.5 secs (WARNING)|{offset}")
    );
    assert_eq!(
        line(&["-Hh", "-q"], without),
        format!("NTP UNKNOWN: Server not synchronized, Offset -0.5 secs|{offset}")
    );
    assert_eq!(
        line(&["-Hh"], Measured { alarm: true, ..GOOD }),
        format!("NTP WARNING: Server has the LI_ALARM bit set, Offset -0.5 secs (WARNING)|{offset}")
    );
    let nothing = Measured::default();
    assert_eq!(line(&["-Hh"], nothing), "NTP CRITICAL: Server not synchronized, Offset unknown\n");
    assert_eq!(line(&["-Hh", "-q"], nothing), "NTP UNKNOWN: Server not synchronized, Offset unknown\n");
    assert_eq!(
        line(&["-Hh", "-q", "-j", "5", "-C", "9", "-m", "1:"], nothing),
        "NTP CRITICAL: Server not synchronized, Offset unknown, jitter=-1.000000 (WARNING), stratum=-1 (CRITICAL), \
         truechimers=0 (WARNING)|truechimers=0;1:;0:;0;\n"
    );
}
