use super::*;
use crate::range::Thresholds;

const MOUNTS: &str = "proc /proc proc rw 0 0\n\
    /dev/sda1 / ext4 rw 0 0\n\
    tmpfs /data tmpfs rw 0 0\n\
    tmpfs /data/deep tmpfs rw 0 0\n\
    /dev/sda1 /bind ext4 rw 0 0\n\
    srv:/x /mnt/nfs nfs4 rw 0 0\n\
    tmpfs /data tmpfs rw 0 0\n\
    /dev/sr0 /cd iso9660 ro 0 0\n";

fn config(args: &[&str]) -> Result<Config, Stop> {
    config::configure(&mut Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect()))
}

/// The directories that a command line means, each with its group.
fn chosen(args: &[&str]) -> Result<Vec<String>, Stop> {
    let (config, mounts) = (config(args)?, mounts::parse(MOUNTS.as_bytes()));
    let (targets, _) = select::select(&config, &mounts)?;
    let group = |target: &Target| target.group.as_ref().map_or(String::new(), |group| format!("{group}:"));
    Ok(targets.iter().map(|target| group(target) + &mounts[target.mount].directory).collect())
}

fn chosen_of(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    chosen(&words).expect("targets").join(" ")
}

#[test]
fn without_a_path_everything_is_meant_once() {
    assert_eq!(chosen_of("-w 1"), "/proc / /data /data/deep /bind /mnt/nfs");
    assert_eq!(chosen_of("-w 1 -l"), "/proc / /data /data/deep /bind");
    assert_eq!(chosen_of("-w 1 -L"), "/proc / /data /data/deep /bind /mnt/nfs");
    assert_eq!(chosen_of("-w 1 -x /data -x /dev/sda1 -x srv:/x"), "/proc /data/deep");
    assert_eq!(chosen_of("-w 1 -X tmp.* -X proc"), "/ /bind /mnt/nfs");
    assert_eq!(chosen_of("-w 1 -N ext4 -N iso9660"), "/ /bind");
    assert_eq!(chosen_of("-w 1 -N mpf"), "");
}

#[test]
fn a_path_is_on_the_deepest_mount_above_it() {
    assert_eq!(chosen_of("-w 1 -p /data/deep/x"), "/data/deep");
    assert_eq!(chosen_of("-w 1 -p /data/x -p /database -p relative"), "/data /");
    assert_eq!(chosen_of("-w 1 -p /dev/sda1"), "/bind");
    assert_eq!(chosen_of("-w 1 -E -p /data"), "/data");
    let missing = Stop::with(State::Critical, "DISK CRITICAL: /data/x not found");
    assert_eq!(chosen(&["-w", "1", "-E", "-p", "/data/x"]), Err(missing));
    assert_eq!(chosen_of("-w 1 -n -E -p /data/x -p /data"), "/data");
}

#[test]
fn expressions_choose_and_leave_out() {
    assert_eq!(chosen_of("-w 1 -r ^/data"), "/data /data/deep");
    assert_eq!(chosen_of("-w 1 -R ^/DATA$"), "/data");
    assert_eq!(chosen_of("-w 1 -A -i ^/data -I NFS -i /proc"), "/ /bind");
    assert_eq!(chosen_of("-w 1 -r ^srv"), "/mnt/nfs");
    let words = "DISK UNKNOWN: Regular expression did not match any path or disk - nosuch";
    assert_eq!(chosen(&["-w", "1", "-r", "nosuch"]), Err(Stop::unknown(words)));
    assert_eq!(chosen_of("-w 1 -n -r nosuch"), "");
}

#[test]
fn limits_and_groups_are_of_what_follows_them() {
    assert_eq!(chosen_of("-w 1 -g both -p / -p /data -C -w 2 -p /data/deep"), "both:/ both:/data /data/deep");
    let limits = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let (config, mounts) = (config(&words).expect("a command line"), mounts::parse(MOUNTS.as_bytes()));
        let targets = select::select(&config, &mounts).expect("targets").0;
        let of =
            |target: &Target| target.limits.free.warning.as_ref().map_or("-".to_owned(), ToString::to_string);
        targets.iter().map(of).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(limits("-w 1 -p / -C -w 2 -p /data"), "@1 @2");
    assert_eq!(limits("-w 1 -C -w 2 -p /data -N ext4 -N tmpfs"), "@1 @2 @1 @1");
    assert_eq!(limits("-w 1 -p / -w 2 -p /"), "@2");
    assert_eq!(limits("-w 1 -N ext4"), "@1 @1");
}

#[test]
fn misuse_is_told_in_the_words_of_2x() {
    for (line, words) in [
        ("-p /", "DISK UNKNOWN: Must set a threshold value before using -p"),
        ("-A", "DISK UNKNOWN: Must set a threshold value before using -r/-R"),
        ("-w 1 -p / -E", "DISK UNKNOWN: Must set -E before selecting paths"),
        ("-w 1 -p / -g x", "DISK UNKNOWN: Must set group value before selecting paths"),
        ("-w 1 -r (", "DISK UNKNOWN: Could not compile regular expression - Unmatched ( or \\("),
        ("-w 1 -X (", "DISK UNKNOWN: Could not compile regular expression - Unmatched ( or \\("),
        ("-w 1 -u x", "unit type x not known"),
        ("-w x", "Argument for --warning invalid or missing: x"),
        ("-K 5:1%", "Argument for --icritical invalid or missing: 5:1%"),
        (
            "-w 1 -i /",
            "DISK UNKNOWN: Paths need to be selected before using -i/-I. Use -A to select all paths explicitly",
        ),
    ] {
        let words = Err(Stop::unknown(words));
        assert_eq!(config(&line.split(' ').collect::<Vec<_>>()).map(|_| ()), words, "{line}");
    }
    assert_eq!(config(&[]).map(|_| ()), Err(Stop::usage("check_disk: Could not parse arguments")));
}

/// 1000 MiB, of which root alone may use 50, 600 are used; and 200 of 1000 inodes.
const USAGE: Usage =
    Usage { block: 1 << 20, blocks: 1000, free: 400, available: 350, inodes: 1000, free_inodes: 800 };

fn line(args: &str, found: &[Found]) -> String {
    let config = config(&args.split(' ').collect::<Vec<_>>()).expect("a command line");
    let limits = match config.steps.first() {
        Some(Step::Path { limits, .. } | Step::All { limits, .. }) => limits.clone(),
        _ => config::Limits::default(),
    };
    let measured = |(found, name): (&Found, &&str)| Measured {
        name: (*name).to_owned(),
        limits: limits.clone(),
        found: found.clone(),
    };
    let measured: Vec<_> = found.iter().zip(&["/", "/data"]).map(measured).collect();
    print::print(&config, &measured, &[], State::Critical).render()
}

#[test]
fn the_line_is_that_of_2x() {
    let one = [Found::Usage(USAGE)];
    assert_eq!(
        line("-w 36% -c 5%", &one),
        "DISK WARNING - free space: / 350MiB (36% inode=80%);|/=629145600B;671088640;996147200;0;1048576000\n"
    );
    assert_eq!(
        line("-w 35% -W 81 -K 80% -P -v", &one),
        "DISK CRITICAL - free space: CRITICAL [ / 350MiB (36% inode=80%)];|/=629145600B;681574400;;0;1048576000 \
         '/ (inodes)'=200;189;199;0;1000\n"
    );
    assert_eq!(line("-c 349 -e", &one), "DISK OK|/=629145600B;;682622976;0;1048576000\n");
    assert_eq!(
        line("-c 349 -f -k", &one),
        "DISK OK - free space: / 358400kiB (36% inode=80%);|/=629145600B;;995789824;0;996147200\n"
    );
    assert_eq!(
        line("60 80", &one),
        "DISK WARNING - free space: / 350MiB (36% inode=80%);|/=629145600B;;;0;1048576000\n"
    );
    assert_eq!(line("-w 1", &[]), "DISK UNKNOWN - No disks were found for provided parameters\n");
}

#[test]
fn one_that_does_not_answer_is_told_beside_those_that_do() {
    assert_eq!(
        line("-w 1", &[Found::Usage(USAGE), Found::Silent]),
        "DISK CRITICAL - free space: / 350MiB (36% inode=80%); /data does not answer;\
         |/=629145600B;1047527424;;0;1048576000\n"
    );
    let mut group =
        Measured { name: "g".to_owned(), limits: config::Limits::default(), found: Found::Usage(USAGE) };
    group.add(Found::Silent);
    group.add(Found::Usage(USAGE));
    assert_eq!(group.found, Found::Silent);
}

#[test]
fn percents_are_those_of_df() {
    let unit = config(&["-w", "1"]).expect("a command line").unit;
    let percent = |used: u64, available: u64| {
        let usage = Usage { blocks: used + available + 7, free: available + 7, available, ..USAGE };
        let limits = |free: u64| config::Limits {
            free_percent: Thresholds::parse(Some(&format!("{free}:{free}")), None).expect("a range"),
            ..config::Limits::default()
        };
        let shown = print::Shown::of(&usage, unit, false);
        (0..=100).find(|free| shown.judge(&limits(*free)) == State::Ok)
    };
    assert_eq!(percent(1, 999_999), Some(99));
    assert_eq!(percent(500, 500), Some(50));
    assert_eq!(percent(501, 500), Some(49));
    assert_eq!(percent(10, 0), Some(0));
    assert_eq!(percent(0, 10), Some(100));
}
