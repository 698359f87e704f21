use super::*;

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect()))
}

fn words(args: &[&str]) -> String {
    let words = config(args).unwrap().words;
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join("·")
}

fn finished(code: i32, stdout: &str, stderr: &str) -> Finished {
    Finished { code: Some(code), stdout: stdout.into(), stderr: stderr.into() }
}

fn shown(args: &[&str], finished: &Finished) -> (State, String) {
    let config = config(&[&["-H", "h", "-C", "cmd"], args].concat()).unwrap();
    let output = judge(&config, finished).map_or_else(|output| output, |_| said(&config, finished));
    (output.state(), output.render())
}

#[test]
fn what_is_ssh_s_is_handed_on_in_its_order() {
    let args = ["-H", "h", "-p", "22", "-l", "me", "-i", "key", "-o", "A=b", "-4", "-q", "-C", "x y"];
    assert_eq!(words(&args), "-p·22·-l·me·-i·key·-o·A=b·-4·-q·h·x y");
    assert_eq!(words(&["--host=h", "-u", "me", "-12f", "x", "y"]), "-l·me·-1·-2·-f·h·x y");
    assert_eq!(words(&["-H", "h", "-C", "a", "-C", "b"]), "h·a;echo STATUS CODE: $?;b;echo STATUS CODE: $?;");
    assert_eq!(words(&["-H", "h", "-to", "5", "ab"]), "h·ab");
    for args in
        [&[][..], &["-C", "x"], &["-H", "h"], &["-H", "h", "-C", "x"], &["-H", "h", "-C", "xy", "-p", "x"]]
    {
        assert!(config(args).is_err(), "{args:?}");
    }
    for args in [&["-s", "a"][..], &["-n", "h"], &["-s", "a:b", "-n", "h"]] {
        assert!(config(&[&["-H", "h", "-C", "xy", "-O", "f"], args].concat()).is_err(), "{args:?}");
    }
}

#[test]
fn what_the_other_host_says_is_said() {
    assert_eq!(
        shown(&[], &finished(1, "WARN|x=1\nmore\n", "")),
        (State::Warning, "WARN|x=1\nmore\n".to_owned())
    );
    assert_eq!(shown(&["-S1"], &finished(0, "banner\nfine\n", "")).1, "fine\n");
    let none = "CRITICAL - check_by_ssh: Remote command 'cmd' returned status 2\n";
    assert_eq!(shown(&["-S"], &finished(2, "x\n", "")), (State::Critical, none.to_owned()));
    assert_eq!(shown(&[], &finished(127, "", "")).0, State::Unknown);
}

#[test]
fn what_is_said_on_standard_error_is_a_fault() {
    let failed = "Remote command execution failed: no\n".to_owned();
    let complaint = |code| finished(code, "fine\n", "no\nmore\n");
    assert_eq!(shown(&[], &complaint(0)), (State::Unknown, failed.clone()));
    assert_eq!(shown(&[], &complaint(2)), (State::Critical, failed.clone()));
    assert_eq!(shown(&[], &complaint(255)), (State::Unknown, failed.clone()));
    assert_eq!(shown(&["-W"], &complaint(0)), (State::Warning, failed));
    assert_eq!(shown(&["-E"], &complaint(0)), (State::Ok, "fine\n".to_owned()));
    assert_eq!(shown(&["-E1"], &complaint(0)).1, "Remote command execution failed: more\n");
    assert_eq!(shown(&["-U"], &complaint(255)), (State::Unknown, "SSH connection failed: no\n".to_owned()));
}

#[test]
fn passive_results_are_pairs_of_lines() {
    let lines = |text: &str| lines(text.as_bytes());
    let found = results(&lines("fine|x=1\nSTATUS CODE: 0\nbad\nSTATUS CODE: 2\n")).unwrap();
    let result = |code, text: &str| Answered { code, text: text.to_owned() };
    assert_eq!(found, [result(0, "fine|x=1"), result(2, "bad")]);
    for text in ["fine\n", "fine\nmore\nSTATUS CODE: 0\n", "fine\nSTATUS CODE: x\n"] {
        assert_eq!(results(&lines(text)), None, "{text}");
    }
}
