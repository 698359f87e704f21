//! Unix sockets by path, against what the workers did.

use std::os::unix::net::UnixListener;

use anyhow::Result;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::Config;

use crate::{container, counts, id, moved, together};

const ON: &str = "--collector.unix";
const CONNECTS: &str = "container_unix_connects_total";
const SENT: &str = "container_unix_sent_bytes_total";
const RECEIVED: &str = "container_unix_received_bytes_total";

/// Abstract names are of the network's namespace, which these two share: so they need names of their own.
fn name(what: &str) -> String {
    format!("@plimsoll-{}-{what}", std::process::id())
}

#[test]
fn connects_and_bytes_are_exact_by_path_and_a_neighbour_does_not_move() -> Result<()> {
    let exporter = Exporter::start(&[ON])?;
    let mut pair = [container(&Config::default())?, container(&Config::default())?];
    let neighbour = container(&Config::default())?;
    let before = exporter.scrape()?;
    let (stream, datagrams) = (name("stream"), name("datagrams"));
    pair[1].run(&format!("unix-listen {stream}"))?;
    together(&mut pair, &[&format!("unix-connect {stream} 20 100 3000"), "unix-serve 20 100 3000"])?;
    pair[1].run(&format!("unix-bind {datagrams}"))?;
    together(&mut pair, &[&format!("unix-send {datagrams} 30 64"), "unix-receive 30 64"])?;
    pair[0].run("unix-failing /nowhere.sock 6 2")?;
    pair[0].run(&format!("unix-failing {} 4 111", name("nobody")))?;
    // A file that nobody listens at any more, under the longest name there is.
    let long = format!("/{}", "l".repeat(106));
    pair[0].run(&format!("unix-listen {long}"))?;
    pair[0].run("unix-listen /other.sock")?;
    pair[0].run(&format!("unix-failing {long} 3 111"))?;
    // What others chose for a name.
    pair[0].run("unix-failing /%ff%0a%5c%22.sock 2 2")?;
    // As whoever bound it names it, which is not the container's name for it.
    let outside = pair[0].container().bundle().join("rootfs/out.sock");
    let listener = UnixListener::bind(&outside)?;
    pair[0].run("unix-connect /out.sock 5 10 0")?;
    let outside = outside.display().to_string();
    drop(listener);

    let after = exporter.scrape()?;
    let of =
        |family: &str, at: usize, labels: &[&str]| moved((&before, &after), family, &id(&pair[at]), labels);
    let of_connects = |path: &str, result: &str| format!("{path} {result}");
    let wanted = [
        (of_connects(&stream, "ok"), 20),
        (of_connects(&datagrams, "ok"), 1),
        (of_connects("/nowhere.sock", "not_found"), 6),
        (of_connects(&name("nobody"), "refused"), 4),
        (of_connects(&long, "refused"), 3),
        (of_connects(r#"/\xff\x0a\x5c".sock"#, "not_found"), 2),
        (of_connects(&outside, "ok"), 5),
    ];
    assert_eq!(of(CONNECTS, 0, &["path", "result"]), wanted.into());
    assert_eq!(of(CONNECTS, 1, &["path", "result"]), counts([]));
    assert_eq!(of(SENT, 0, &["path"]), counts([(&stream, 2000), (&datagrams, 30 * 64), (&outside, 50)]));
    assert_eq!(of(RECEIVED, 0, &["path"]), counts([(&stream, 60_000)]));
    assert_eq!(of(SENT, 1, &["path"]), counts([(&stream, 60_000)]));
    assert_eq!(of(RECEIVED, 1, &["path"]), counts([(&stream, 2000), (&datagrams, 30 * 64)]));
    assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

/// A container has 64 paths by name; the total stays exact.
#[test]
fn paths_beyond_the_bound_are_others() -> Result<()> {
    const PATHS: u64 = 80;
    let exporter = Exporter::start(&[ON])?;
    let mut container = container(&Config::default())?;
    let before = exporter.scrape()?;
    for path in 0..PATHS {
        container.run(&format!("unix-failing /nowhere-{path} 3 2"))?;
    }
    let after = exporter.scrape()?;
    let of = moved((&before, &after), CONNECTS, &id(&container), &["path", "result"]);
    assert_eq!(of.len(), 64 + 1, "and other");
    assert_eq!(of["/nowhere-0 not_found"], 3);
    assert_eq!(of["other not_found"], 3 * (PATHS - 64));
    assert_eq!(of.values().sum::<u64>(), 3 * PATHS);
    Ok(())
}
