use super::*;

const PAGE: Page =
    Page { active: 3, accepted: 20, handled: 20, requests: 50, reading: 0, writing: 1, waiting: 2 };

fn config(args: &[&str]) -> Result<Config, Stop> {
    let args = [&["-H", "h"], args].concat();
    Config::read(&mut Call::new(&CHECK, "check_nginx_status", args.iter().map(Into::into).collect()))
}

fn said(args: &[&str], rates: Option<Rates>) -> (State, String) {
    let output = judge(&config(args).unwrap(), &PAGE, rates, 0.5);
    (output.state(), output.render())
}

#[test]
fn texts_and_perfdata_are_the_plugins() {
    let rates = Some(Rates { requests: 12.5, connections: 2.0 });
    assert_eq!(
        said(&["-w", "10,20,30", "-c", "20,-1,"], rates),
        (
            State::Ok,
            "NGINX OK -  0.500 sec. response time, Active: 3 (Writing: 1 Reading: 0 Waiting: 2) ReqPerSec: 12.500 \
             ConnPerSec: 2.000 ReqPerConn: 2.500|Writing=1;;;; Reading=0;;;; Waiting=2;;;; Active=3;10;20;; \
             ReqPerSec=12.500000;20;;; ConnPerSec=2.000000;30;;; ReqPerConn=2.500000;;;;\n"
                .to_owned()
        )
    );
    for (args, state, words) in [
        (["-w", "3,1,1", "-c", "4,12.5,2"], State::Critical, "Request per second ratios is critically high"),
        (["-w", "1,1,1", "-c", "3,12,2"], State::Critical, "Active Connections are critically high"),
        (
            ["-w", "-1,1,1", "-c", "-1,-1,2"],
            State::Critical,
            "Connection per second ratio is critically high",
        ),
        (["-w", "3,1,1", "-c", "4,13,3"], State::Warning, "Active Connections are high"),
        (["-w", "4,12,1", "-c", "5,13,3"], State::Warning, "Requests per second ratio is high"),
        (["-w", "4,13,2", "-c", "5,14,3"], State::Warning, "Connection per second ratio is high"),
    ] {
        let (found, text) = said(&args, rates);
        assert_eq!(found, state);
        assert!(text.starts_with(&format!("NGINX {state} - {words}  0.500 sec.")), "{text}");
    }
}

#[test]
fn without_a_run_before_there_are_no_rates() {
    let (state, text) = said(&["-c", "9,0,0"], None);
    assert!(state == State::Ok && !text.contains("PerSec"), "{text}");
    let before = json!({ "at": 100.0, "accepted": 10, "requests": 30 });
    assert_eq!(rates(&before, &PAGE, 110.0), Some(Rates { requests: 2.0, connections: 1.0 }));
    for (before, now) in [
        (json!({ "at": 100.0, "accepted": 10, "requests": 30 }), 100.0),
        (json!({ "at": 100.0, "accepted": 10, "requests": 30 }), 1900.0),
        (json!({ "at": 100.0, "accepted": 21, "requests": 30 }), 110.0),
        (json!({ "at": 100.0 }), 110.0),
        (json!([]), 110.0),
    ] {
        assert_eq!(rates(&before, &PAGE, now), None, "{before} {now}");
    }
}

#[test]
fn the_command_line_is_the_plugins() {
    let probe = |args: &[&str]| config(args).unwrap().client.probe;
    assert_eq!(probe(&[]).place.shown(), "http://h:80/nginx_status");
    let named = probe(&["-S", "-s", "v.example", "-p", "8443", "-u", "status", "-U", "u", "-P", "p"]);
    assert_eq!(
        (named.place.shown().as_str(), named.place.address.as_str()),
        ("https://v.example:8443/status", "h")
    );
    assert_eq!(named.authorization.as_deref(), Some("u:p"));
    assert!(named.tls.verify.is_some() && probe(&["--disable-sslverifyhostname"]).tls.verify.is_none());
    let text = |args: &[&str]| match config(args) {
        Err(Stop::Done(output)) => output.render(),
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        text(&["-w", "5", "-c", "5"]),
        "NGINX UNKNOWN - Check warning and critical values for Active Process (1st part of thresold), warning level \
         must be < crit level!\n"
    );
    assert_eq!(text(&["-w", "x"]), "check_nginx_status: Invalid threshold - x");
}
