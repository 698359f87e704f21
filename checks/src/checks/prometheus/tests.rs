use super::*;

const VECTOR: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"job":"a"},"value":[1,"1"]},{"metric":{"job":"b"},"value":[1,"0.5"]},
    {"metric":{"job":"c"},"value":[1,"NaN"]}]}}"#;
const ONE: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}"#;
const NONE: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;

fn config(args: &[&str]) -> Result<Config, Stop> {
    let args = [&["-q", "x"], args].concat();
    Config::read(&mut Call::new(&CHECK, "check_prometheus", args.iter().map(Into::into).collect()))
}

fn said(args: &[&str], body: &str, oldest: Option<f64>) -> (State, String) {
    let answered = Answered::parse(body.as_bytes()).unwrap();
    let output = judge(&config(args).unwrap(), 0.5, &answered, oldest);
    (
        output.state(),
        output.render().replace(" in 0.500 seconds", "").replace(" time=0.500000s;;;0.000000\n", ""),
    )
}

#[test]
fn each_series_is_judged_and_the_worst_stands_first() {
    assert_eq!(
        said(&["-w", "0.9:", "-c", "0.2:", "--no-data", "critical", "-l", "job {job}"], VECTOR, None),
        (
            State::Critical,
            "PROMETHEUS CRITICAL - job c is NaN (CRITICAL), job b is 0.5 (WARNING)\
             |'job a'=1;0.9:;0.2:;; 'job b'=0.5;0.9:;0.2:;; series=3;;;;"
                .to_owned()
        )
    );
    assert_eq!(
        said(&["-c", "2", "--unit", "s"], ONE, None),
        (State::Critical, "PROMETHEUS CRITICAL - value is 3s|value=3s;;2;; series=1;;;;".to_owned())
    );
    assert_eq!(said(&[], ONE, None).1, "PROMETHEUS OK - value is 3|value=3;;;; series=1;;;;");
}

#[test]
fn no_data_and_stale_data_have_states_of_their_own() {
    let text = "no data|series=0;;;;";
    assert_eq!(said(&[], NONE, None), (State::Unknown, format!("PROMETHEUS UNKNOWN - {text}")));
    assert_eq!(said(&["--no-data", "ok"], NONE, None), (State::Ok, format!("PROMETHEUS OK - {text}")));
    assert_eq!(said(&["--no-data", "2"], NONE, None).0, State::Critical);
    assert_eq!(
        said(&["--no-data", "ok", "--critical-series", "1:"], NONE, None).1,
        "PROMETHEUS CRITICAL - 0 series, no data|series=0;;1:;;"
    );
    let stale = &["--max-age", "60", "--stale", "warning"];
    assert_eq!(
        said(stale, ONE, Some(61.0)),
        (
            State::Warning,
            "PROMETHEUS WARNING - stale: the last sample is 61 seconds old, more than 60, value is 3\
             |value=3;;;; series=1;;;;"
                .to_owned()
        )
    );
    assert_eq!(said(stale, ONE, Some(60.0)).0, State::Ok);
    assert_eq!(said(&["--max-age", "60"], ONE, Some(61.0)).0, State::Unknown);
}

#[test]
fn many_series_are_counted_and_not_all_named() {
    let one = |at: usize| format!(r#"{{"metric":{{"i":"{at:04}"}},"value":[1,"{at}"]}}"#);
    let all: Vec<String> = (0..200).map(one).collect();
    let body =
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, all.join(","));
    let (state, text) = said(&["-w", "100"], &body, None);
    assert_eq!(state, State::Warning);
    assert!(text.starts_with("PROMETHEUS WARNING - 0101 is 101 (WARNING), 0102"), "{text}");
    assert!(text.contains(" and 89 more|0000=0;100;;; "), "{text}");
    assert!(text.ends_with(" 0099=99;100;;; series=200;;;;"), "{text}");
    assert!(said(&[], &body, None).1.starts_with("PROMETHEUS OK - 200 series are fine|"));
}

#[test]
fn a_query_is_needed_and_the_rest_has_to_be_right() {
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&["-q", ""]), "check_prometheus: You must specify a query");
    assert_eq!(wrong(&["--no-data", "fine"]), "check_prometheus: Invalid state - fine");
    assert_eq!(wrong(&["--max-age", "0"]), "check_prometheus: Invalid age - 0");
    assert_eq!(config(&["--age-query", "y"]).unwrap().age_query(), "time() - timestamp(y)");
    assert_eq!(config(&[]).unwrap().age_query(), "time() - timestamp(x)");
    let place = |args: &[&str]| config(args).unwrap().client.probe.place.shown();
    assert_eq!(place(&["-H", "prom", "-S"]), "https://prom:9090/");
    assert_eq!(place(&["-H", "prom:80"]), "http://prom:80/");
    assert_eq!(place(&[]), "http://127.0.0.1:9090/");
}
