use super::*;

fn rows(columns: &[&str], values: &[&[&str]]) -> Rows {
    let value = |text: &&str| (*text != "NULL").then(|| text.as_bytes().to_vec());
    Rows {
        columns: Some(columns.iter().map(|name| (*name).to_owned()).collect()),
        kept: values.iter().map(|row| row.iter().map(value).collect()).collect(),
    }
}

fn said(args: &[&str], replica: Option<Replica>) -> (State, String) {
    let args = args.iter().map(Into::into).collect();
    let (_, config) = read(&mut Call::new(&CHECK, CHECK.name, args)).unwrap();
    let status =
        rows(&["a", "b"], &[&["Threads_running", "2"], &["Aborted_clients", "1"], &["Uptime", "77"]]);
    let text = "Uptime: 77  Threads: 2".to_owned();
    let output = judge(&config, Measured { text, status: counted(&status), replica: replica.map(Ok) });
    (output.state(), output.render())
}

fn replica(io: &str, sql: &str, behind: &str) -> Option<Replica> {
    let names = ["Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"];
    Some(Replica::of(&rows(&names, &[&[io, sql, behind]]), names))
}

#[test]
fn the_lines_are_those_of_2x() {
    let alone = "Uptime: 77  Threads: 2|Threads_running=2;;;; Uptime=77c;;;;\n";
    assert_eq!(said(&[], None), (State::Ok, alone.to_owned()));
    assert_eq!(
        said(&["-S", "-w", "60", "-c", "120"], replica("Yes", "Yes", "5")),
        (
            State::Ok,
            "Uptime: 77  Threads: 2 Slave IO: Yes Slave SQL: Yes Seconds Behind Master: 5|Threads_running=2;;;; \
             Uptime=77c;;;; 'seconds behind master'=5.000000s;60.000000;120.000000;\n"
                .to_owned()
        )
    );
    let slow = |seconds| said(&["-S", "-w", "60", "-c", "120"], replica("Yes", "Yes", seconds));
    let (state, text) = slow("61");
    assert_eq!(state, State::Warning);
    let wanted =
        "SLOW_SLAVE WARNING: Slave IO: Yes Slave SQL: Yes Seconds Behind Master: 61|Threads_running=2;;;; ";
    assert!(text.starts_with(wanted), "{text}");
    assert_eq!(slow("121").0, State::Critical);
    assert_eq!(slow("NULL").0, State::Ok);
}

#[test]
fn a_replica_that_does_not_run_is_critical() {
    for (io, sql) in [("No", "Yes"), ("Yes", "No"), ("Connecting", "Yes")] {
        let text = format!("Slave IO: {io} Slave SQL: {sql} Seconds Behind Master: NULL\n");
        assert_eq!(said(&["-S"], replica(io, sql, "NULL")), (State::Critical, text));
    }
    assert_eq!(said(&["-S"], Some(Replica::None)), (State::Warning, "No slaves defined\n".to_owned()));
    let other = Replica::of(&rows(&["a"], &[&["b"]]), ["x", "y", "z"]);
    assert_eq!(said(&["-S"], Some(other)), (State::Critical, "Slave status unavailable\n".to_owned()));
}

#[test]
fn a_server_of_another_protocol_is_a_warning() {
    assert_eq!(Fault::Protocol(9).state(), State::Warning);
    assert_eq!(Fault::NoTls.state(), State::Critical);
}
