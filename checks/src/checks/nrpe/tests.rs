use super::*;
use crate::tls::Versions;

fn config(args: &[&str]) -> Result<(Config, u32, State), Stop> {
    let mut call = Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect());
    let config = Config::read(&mut call)?;
    Ok((config, call.timeout(), call.timeout_state()))
}

#[test]
fn all_words_after_a_are_arguments() {
    let query = |args: &[&str]| config(args).unwrap().0.query;
    assert_eq!(query(&["-H", "h"]), "_NRPE_CHECK");
    assert_eq!(query(&["-H", "h", "-c", "x"]), "x");
    assert_eq!(query(&["-H", "h", "-c", "x", "-a", "1", "-c", "2 3", "--", "y"]), "x!1!-c!2 3!--!y");
    assert_eq!(query(&["-H", "h", "--args=1", "2", "-t", "x"]), "_NRPE_CHECK!1!2!-t!x");
    assert_eq!(query(&["-H", "h", "-c", &"ä".repeat(3000)]).len(), 2046);
}

#[test]
fn the_end_of_the_time_has_a_state() {
    let times = |args: &[&str]| config(args).map(|(_, seconds, state)| (seconds, state)).unwrap();
    assert_eq!(times(&["-H", "h"]), (10, State::Critical));
    assert_eq!(times(&["-H", "h", "-u"]), (10, State::Unknown));
    assert_eq!(times(&["-H", "h", "-t", "5"]), (5, State::Critical));
    assert_eq!(times(&["-H", "h", "-t", "5:warning"]), (5, State::Warning));
    assert_eq!(times(&["-H", "h", "-t", ":0"]), (10, State::Ok));
    assert_eq!(times(&["-H", "h", "-t", "5", "-u"]), (5, State::Unknown));
    assert!(config(&["-H", "h", "-t", "x"]).is_err());
}

#[test]
fn certificates_are_for_who_asks_for_them() {
    let tls = |args: &[&str]| config(&[&["-H", "h"], args].concat()).unwrap().0.tls;
    assert!(matches!(tls(&[]), Tls::Either(_)));
    assert!(matches!(tls(&["-d", "1", "-S", "TLSv1+"]), Tls::Either(_)));
    assert_eq!(tls(&["-n"]), Tls::None);
    assert_eq!(tls(&["-d", "2", "-S", "TLSv1.2"]), Tls::Anonymous);
    let Tls::Either(wanted) = tls(&["-d", "2"]) else { panic!("not both") };
    assert_eq!(Some(wanted.versions), Versions::parse("1.3"));
    for args in [
        &["-d", "0"][..],
        &["-A", "x"],
        &["-C", "x", "-K", "y"],
        &["-S", "TLSv1.3"],
        &["-d", "2", "-S", "TLSv1.3"],
    ] {
        assert!(matches!(tls(args), Tls::Certificates(_)), "{args:?}");
    }
}

#[test]
fn what_does_not_fit_together_is_told() {
    for args in [
        &[][..],
        &["-H", "h", "-C", "x"],
        &["-H", "h", "-P", "2048"],
        &["-H", "h", "-2", "-3"],
        &["-H", "h", "-p", "0"],
        &["-H", "h", "-d", "3"],
        &["-H", "h", "-S", "TLS1"],
        &["-H", "h", "-b", "x"],
        &["-H", "h", "-f", "/no/such/file"],
    ] {
        assert!(matches!(config(args), Err(Stop::Usage(_))), "{args:?}");
    }
    let version = |args: &[&str]| config(&[&["-H", "h"], args].concat()).unwrap().0.version;
    assert_eq!(version(&[]), Version::Four);
    assert_eq!(version(&["-3"]), Version::Three);
    assert_eq!(version(&["-2"]), Version::Two(1024));
    assert_eq!(version(&["-2", "-P", "2048"]), Version::Two(2048));
}

#[test]
fn a_file_says_what_the_command_line_does_not() {
    let file = std::env::temp_dir().join(format!("plimsoll-nrpe-{}.cfg", std::process::id()));
    let name = file.display().to_string();
    std::fs::write(&file, "-p 77\n--host=a\t-2\n-t 3:1").unwrap();
    let (found, seconds, state) = config(&["-f", &name, "-H", "b", "-t", "4"]).unwrap();
    assert_eq!((found.host.name.as_str(), found.host.port), ("b", 77));
    assert_eq!((found.version, seconds, state), (Version::Two(1024), 4, State::Critical));
    for text in ["-c x", "-a x", "-f x", &"-n ".repeat(49)] {
        std::fs::write(&file, text).unwrap();
        assert!(matches!(config(&["-f", &name, "-H", "b"]), Err(Stop::Usage(_))), "{text}");
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn what_the_other_check_said_is_said() {
    let said = |code, text: &str| {
        let output = said(&Response { code, text: text.as_bytes().to_vec() });
        (output.state(), output.render())
    };
    assert_eq!(said(1, "WARN|x=1;2\nmore|y=2\n"), (State::Warning, "WARN|x=1;2\nmore|y=2\n".to_owned()));
    assert_eq!(said(7, "x").0, State::Unknown);
    assert_eq!(said(0, ""), (State::Ok, "CHECK_NRPE: No output returned from daemon.\n".to_owned()));
}
