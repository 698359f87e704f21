use super::*;

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_pgsql", args.iter().map(Into::into).collect()))
}

fn said(args: &[&str], seconds: f64, rows: Rows) -> (State, String) {
    let config = config(args).unwrap();
    let output = judge(&config, "select 5", time(&config, seconds), Ok(rows));
    (output.state(), output.render())
}

fn row(text: &str) -> Rows {
    Rows { columns: Some(1), count: 1, first: Some(text.as_bytes().to_vec()) }
}

#[test]
fn the_lines_are_those_of_2x() {
    assert_eq!(
        said(&["-W", "3", "-C", "10"], 0.5, row("5")),
        (
            State::Warning,
            " WARNING - database template1 (0.500000 sec.)|time=0.500000s;2.000000;8.000000;0.000000 \
             query=5.000000;3;10;;\nQUERY WARNING - 'select 5' returned 5.000000\n"
                .replace(" WARNING - database", " OK - database")
        )
    );
    assert_eq!(said(&["-c", "0.1"], 0.5, row("5")).0, State::Critical);
    assert_eq!(said(&["-w", "0.1"], 0.5, row("5")).0, State::Warning);
    for (rows, state, text) in [
        (
            Rows { columns: Some(1), count: 0, first: None },
            State::Warning,
            "QUERY WARNING - No rows returned.",
        ),
        (
            Rows { columns: Some(0), count: 1, first: None },
            State::Warning,
            "QUERY WARNING - No columns returned.",
        ),
        (
            Rows { columns: Some(1), count: 1, first: None },
            State::Critical,
            "QUERY CRITICAL - Is not a numeric: ",
        ),
        (row("abc"), State::Critical, "QUERY CRITICAL - Is not a numeric: abc"),
        (Rows::default(), State::Critical, "QUERY CRITICAL - Error with query: ."),
    ] {
        let (found, output) = said(&[], 0.5, rows);
        assert_eq!((found, output.lines().nth(1)), (state, Some(text)));
    }
}

#[test]
fn a_number_may_have_something_after_it() {
    for (text, value) in
        [("5abc", Some(5.0)), (" -1.5e1x", Some(-15.0)), ("5e", Some(5.0)), ("", None), ("x5", None)]
    {
        assert_eq!(leading_number(text), value, "{text}");
    }
}
