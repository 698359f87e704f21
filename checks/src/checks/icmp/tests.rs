use super::*;

fn config(args: &[&str]) -> Result<Config, Stop> {
    let mut call = Call::new(&CHECK, "check_icmp", args.iter().map(Into::into).collect());
    Config::read(&mut call)
}

fn echoes(sent: u32, ms: &[u64]) -> Echoes {
    let times = ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
    Echoes { sent, times, ..Echoes::default() }
}

fn shown(args: &[&str], all: &[Echoes]) -> String {
    let config = config(args).unwrap();
    print(&config, judge(&config, all), all).render()
}

#[test]
fn one_host_has_bare_labels_and_several_have_their_names_before() {
    assert_eq!(
        shown(&["-H", "a"], &[echoes(4, &[1, 2, 3])]),
        "OK - a: rta 2.000ms, lost 25%|rta=2.000ms;200.000;500.000;0; pl=25%;40;80;; rtmax=3.000ms;;;; rtmin=1.000ms;;;;\n"
    );
    let lost = Echoes { unreachable: Some((Unreachable::Host, "10.0.0.1".parse().ok())), ..echoes(1, &[]) };
    assert_eq!(
        shown(&["a", "b"], &[echoes(1, &[200]), lost]),
        "CRITICAL - a: rta 200.000ms, lost 0% :: b: Host unreachable @ 10.0.0.1. rta nan, lost 100%\
         |arta=200.000ms;200.000;500.000;0; apl=0%;40;80;; artmax=200.000ms;;;; artmin=200.000ms;;;; \
         brta=0.000ms;200.000;500.000;0; bpl=100%;40;80;; brtmax=0.000ms;;;; brtmin=0.000ms;;;;\n"
    );
}

#[test]
fn so_many_hosts_may_be_enough() {
    let state = |args: &[&str], all: &[Echoes]| judge(&config(args).unwrap(), all);
    let all = [echoes(1, &[1]), echoes(1, &[300]), echoes(1, &[])];
    assert_eq!(state(&["a", "b", "c"], &all), State::Critical);
    assert_eq!(state(&["a", "b", "c", "-m", "1"], &all), State::Ok);
    assert_eq!(state(&["a", "b", "c", "-m2"], &all), State::Warning);
    assert_eq!(state(&["a", "b", "c", "-m3"], &all), State::Critical);
}

#[test]
fn limits_have_units_and_a_warning_stays_below_critical() {
    let read = |args: &[&str]| config(args).map(|config| (config.warning, config.critical));
    let limits = |ms, loss| Limits { ms, loss };
    assert_eq!(read(&["a", "-w", "1.5s,10%", "-c5s,20"]), Ok((limits(1500.0, 10), limits(5000.0, 20))));
    assert_eq!(read(&["a", "-w", "100us,10%"]).unwrap().0, limits(0.1, 10));
    assert_eq!(read(&["a", "-w", "500,80%", "-c", "200,40%"]).unwrap().0, limits(200.0, 40));
    for wrong in
        [["-w", "x"], ["-w", "1,x"], ["-w", "1,101%"], ["-n", "21"], ["-n", "0"], ["-b", "5"], ["-l", "256"]]
    {
        assert!(matches!(config(&["a", wrong[0], wrong[1]]), Err(Stop::Done(_))), "{wrong:?}");
    }
}
