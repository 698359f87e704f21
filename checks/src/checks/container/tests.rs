use super::*;

const PAGE: &str = "container_threads{id=\"/a\",name=\"web\"} 9\ncontainer_threads_limit{id=\"/a\",name=\"web\"} 10\n\
    container_memory_working_set_bytes{id=\"/a\",name=\"web\"} 1048576\n\
    container_spec_memory_limit_bytes{id=\"/a\",name=\"web\"} 4194304\n";
const UNLIMITED: &str = "container_threads{id=\"/a\",name=\"web\"} 9\n";

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_container", args.iter().map(Into::into).collect()))
}

fn said(args: &[&str], page: &str, grown: Option<&Grown>) -> (State, String) {
    let config = config(&[&["--name", "web"], args].concat()).unwrap();
    let output = judge(&config, &Rows::read(page, &config.selector), grown);
    (output.state(), output.render())
}

#[test]
fn what_is_there_is_judged_by_its_limits() {
    assert_eq!(
        said(&["--warning-memory", "20", "--critical-threads", "80"], PAGE, None),
        (
            State::Critical,
            "CONTAINER CRITICAL - 9 threads, 90.0% of the limit (CRITICAL), memory 1.0 MiB, 25.0% of the limit \
             (WARNING), web, seen for the first time|memory_of_limit=25%;20;;; memory=1048576B;;;; \
             threads_of_limit=90%;;80;; threads=9;;;;\n"
                .to_owned()
        )
    );
    assert_eq!(
        said(&["--critical-threads", "80", "--warning-memory", "20"], UNLIMITED, None),
        (
            State::Unknown,
            "CONTAINER UNKNOWN - no memory is told (UNKNOWN), web, 9 threads without a limit, seen for the first \
             time|threads=9;;;;\n"
                .to_owned()
        )
    );
}

#[test]
fn what_grew_is_judged_by_how_much() {
    let grown = Grown { seconds: 60.0, cpu: Some(90.0), oom: Some(1.0), connects: None, restarts: 2.0 };
    assert_eq!(
        said(&["--critical-oom", "0", "--warning-cpu", "100", "--warning-restarts", "2"], "", Some(&grown)),
        (
            State::Critical,
            "CONTAINER CRITICAL - no container with name web (CRITICAL), 1 killed for lack of memory in 60 s \
             (CRITICAL), CPU 150.0% (WARNING), 2 restarts in 60 s|cpu=150%;100;;; oom=1;;0;; restarts=2;2;;;\n"
                .to_owned()
        )
    );
}

#[test]
fn one_that_is_not_there_has_a_state_of_its_own() {
    let (state, text) = said(&["--absent", "ok"], "", None);
    assert_eq!((state, text.as_str()), (State::Ok, "CONTAINER OK - no container with name web\n"));
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&[]), "check_container: You must specify a container, a pod or a cgroup");
    assert_eq!(wrong(&["--id", "/", "--window", "0"]), "check_container: Invalid window - 0");
    assert_eq!(wrong(&["--id", "/", "--absent", "5"]), "check_container: Invalid state - 5");
}
