use super::*;
use crate::http::Response;
use crate::output::Stop;

const JSON: &str = r#"{"up":true,"load":1.5,"count":42,"text":"7","name":"a|b","list":[1,2],"none":null,
    "big":18446744073709551615,"small":1e-12}"#;

fn config(args: &[&str]) -> Result<Config, Stop> {
    let mut call = Call::new(&CHECK, "check_rest", args.iter().map(Into::into).collect());
    Config::read(&mut call)
}

fn said(args: &[&str], answer: &str) -> (State, String) {
    let config = config(&[&["-u", "http://h/"], args].concat()).unwrap();
    let mut response = Response::new(false, 1 << 20);
    response.push(answer.as_bytes());
    response.finish();
    let output = judge(&config, 0.5, &response);
    (output.state(), output.render())
}

fn values(args: &[&str]) -> (State, String) {
    let (state, text) = said(args, &format!("HTTP/1.1 200 OK\r\n\r\n{JSON}"));
    let text =
        text.strip_suffix(" time=0.500000s;;;0.000000\n").unwrap_or(&text).replace(" in 0.500 seconds", "");
    (state, text)
}

#[test]
fn values_are_judged_each_by_its_own_ranges() {
    assert_eq!(
        values(&["-q", "load", "-w", "1", "-c", "2", "-q", "/count", "-l", "n", "--unit", "c", "-w", "40:"]),
        (State::Warning, "REST WARNING - load is 1.5, n is 42c|load=1.5;1;2;; n=42c;40:;;;".to_owned())
    );
    assert_eq!(
        values(&["-q", "up", "-c", "1:", "-q", "text", "-q", "list"]),
        (
            State::Ok,
            "REST OK - up is true, text is 7, list is a list of 2|up=1;;1:;; text=7;;;; list=2;;;;"
                .to_owned()
        )
    );
    assert_eq!(
        values(&["-q", "big", "-q", "small"]).1,
        "REST OK - big is 18446744073709551615, small is 1e-12|big=18446744073709551616;;;; small=0.000000000;;;;"
    );
}

#[test]
fn texts_have_to_be_the_expected_ones() {
    let time = "|time=0.500000s;;;0.000000\n";
    assert_eq!(
        values(&["-q", "name", "-e", "a"]),
        (State::Critical, format!("REST CRITICAL - name is a¦b, not a{time}"))
    );
    assert_eq!(values(&["-q", "name", "-e", "a|b"]).0, State::Ok);
    assert_eq!(
        values(&["-q", "name", "-w", "1"]),
        (State::Unknown, format!("REST UNKNOWN - name is a¦b, which is no number{time}"))
    );
    for path in ["none", "nothing", "list[2]"] {
        let text = format!("REST UNKNOWN - {path} is not there{time}");
        assert_eq!(values(&["-q", path, "-c", "1"]), (State::Unknown, text));
    }
}

#[test]
fn an_answer_that_is_none_is_critical() {
    let (state, text) = said(&["-q", "x"], "HTTP/1.1 503 Busy\r\n\r\n{}");
    assert_eq!(
        (state, text.as_str()),
        (State::Critical, "REST CRITICAL - HTTP/1.1 503 Busy|time=0.500000s;;;0.000000\n")
    );
    let (state, text) = said(&["-q", "x"], "HTTP/1.1 200 OK\r\n\r\n<html>");
    assert!(
        state == State::Critical && text.starts_with("REST CRITICAL - the answer is no JSON: "),
        "{text}"
    );
    let deep = format!("HTTP/1.1 200 OK\r\n\r\n{}", "[".repeat(100_000));
    assert_eq!(said(&["-q", "x"], &deep).0, State::Critical);
}

#[test]
fn a_url_or_a_host_says_where() {
    let place = |args: &[&str]| config(args).unwrap().client.probe.place;
    let there = place(&["-u", "https://a/b?c"]);
    assert_eq!((there.shown().as_str(), there.address.as_str()), ("https://a:443/b?c", "a"));
    let there = place(&["-u", "http://a:99/b", "-H", "::1", "-p", "98"]);
    assert_eq!((there.shown().as_str(), there.address.as_str()), ("http://a:98/b", "::1"));
    assert_eq!(place(&["-H", "a:99", "-u", "/b", "-S"]).shown(), "https://a:99/b");
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&[]), "check_rest: You must specify a server address or host name");
    assert_eq!(wrong(&["-u", "x"]), "check_rest: Invalid URL - x");
    assert_eq!(wrong(&["-w", "1"]), "check_rest: -q has to come before what is said of its value");
    assert_eq!(wrong(&["-q", "a..b"]), "check_rest: Invalid path - a..b");
    assert_eq!(wrong(&["-q", "a", "--unit", "x"]), "check_rest: Invalid unit - x");
}
