use super::config::limits;
use super::*;

fn config(args: &[&str]) -> Result<Config, Stop> {
    let mut call = Call::new(&CHECK, "check_ping", args.iter().map(Into::into).collect());
    Config::read(&mut call)
}

fn echoes(sent: u32, ms: &[u64]) -> Echoes {
    let times = ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
    Echoes { sent, times, ..Echoes::default() }
}

fn shown(echoes: &Echoes) -> (State, String) {
    let config = config(&["-H", "h", "-w", "10,20%", "-c", "30,50%"]).unwrap();
    let output = print(&config, "h", judge(&config, echoes), echoes);
    (output.state(), output.render())
}

#[test]
fn the_mean_time_and_the_loss_are_judged_and_a_limit_is_reached_at_itself() {
    let line = |state: State, loss: u32, time: &str, float: &str| {
        let perfdata = format!("rta={float}ms;10.000000;30.000000;0.000000 pl={loss}%;20;50;0;");
        (state, format!("PING {state} - Packet loss = {loss}%, RTA = {time} ms|{perfdata}\n"))
    };
    assert_eq!(shown(&echoes(2, &[1, 2])), line(State::Ok, 0, "1.50", "1.500000"));
    assert_eq!(shown(&echoes(1, &[10])), line(State::Warning, 0, "10.00", "10.000000"));
    assert_eq!(shown(&echoes(5, &[1, 1, 1, 1])), line(State::Warning, 20, "1.00", "1.000000"));
    assert_eq!(shown(&echoes(1, &[30])), line(State::Critical, 0, "30.00", "30.000000"));
    assert_eq!(shown(&echoes(2, &[1])), line(State::Critical, 50, "1.00", "1.000000"));
}

#[test]
fn no_echo_at_all_is_critical_and_has_no_time() {
    let none = (State::Critical, "PING CRITICAL - Packet loss = 100%|pl=100%;20;50;0;\n".to_owned());
    assert_eq!(shown(&echoes(5, &[])), none);
    let unreachable = Echoes { unreachable: Some((Unreachable::Host, None)), ..echoes(5, &[]) };
    assert_eq!(shown(&unreachable), (State::Critical, "CRITICAL - Host Unreachable (h)\n".to_owned()));
}

#[test]
fn limits_are_a_time_a_percentage_or_both() {
    assert_eq!(limits("1.5,20%"), Some(Limits { time: Some(1.5), loss: Some(20) }));
    assert_eq!(limits("20%"), Some(Limits { time: None, loss: Some(20) }));
    assert_eq!(limits("5"), Some(Limits { time: Some(5.0), loss: None }));
    for text in ["", "x,5%", "1,x%", "-1,5%", "%"] {
        assert_eq!(limits(text), None, "{text}");
    }
}

#[test]
fn the_old_words_come_in_their_order() {
    let config = config(&["h", "10", "20", "30", "40.5", "3"]).unwrap();
    assert_eq!(config.warning, Limits { time: Some(30.0), loss: Some(10) });
    assert_eq!(config.critical, Limits { time: Some(40.5), loss: Some(20) });
    assert_eq!((config.hosts, config.packets), (vec!["h".to_owned()], 3));
}
