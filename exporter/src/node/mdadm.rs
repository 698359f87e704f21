//! Software RAID: disks of each array, and how far it is in sync.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "mdadm",
    summary: "disks and state of the host's software RAID",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &["device"], source: "/proc/mdstat", bound: "one for each array" };
const STATE: Of = Of { labels: &["device", "state"], source: "/proc/mdstat", bound: "3 or 5 for each array" };

static FAMILIES: [Family; 5] = [
    STATE.gauge("node_md_disks", "Number of active/failed/spare disks of device.", "disks"),
    OF.gauge("node_md_disks_required", "Total number of disks of device.", "disks"),
    STATE.gauge("node_md_state", "Indicates the state of md-device.", "0 or 1"),
    OF.gauge("node_md_blocks", "Total number of blocks on device.", "blocks"),
    OF.gauge("node_md_blocks_synced", "Number of blocks synced on device.", "blocks"),
];

const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

#[derive(Debug, PartialEq)]
struct Array {
    device: String,
    state: &'static str,
    active: u64,
    failed: u64,
    spare: u64,
    required: u64,
    blocks: u64,
    synced: u64,
}

fn parse(text: &str) -> Result<Vec<Array>, NodeError> {
    let mut arrays = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        // An array begins at the first column; what belongs to it is indented.
        let general = ["Personalities", "unused", " ", "\t"].iter().any(|start| line.starts_with(start));
        if general || line.is_empty() {
            continue;
        }
        let (device, rest) = line.split_once(" : ").ok_or_else(|| NodeError::parse("/proc/mdstat", line))?;
        let mut of_array = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            of_array.push(line);
        }
        arrays.push(array(device, rest, &of_array).ok_or_else(|| NodeError::parse("/proc/mdstat", line))?);
    }
    Ok(arrays)
}

fn array(device: &str, rest: &str, lines: &[&str]) -> Option<Array> {
    let status = lines.first()?;
    let blocks = status.split_whitespace().next()?.parse().ok()?;
    let state = rest.split(' ').next()?;
    let members = rest.matches('[').count() as u64;
    let inactive = state == "inactive";
    // What has no redundancy has no [2/2] either.
    let (required, active) = match counts(status) {
        Some(counts) => counts,
        None if inactive => (0, 0),
        None => (members, members),
    };
    let mut array = Array {
        device: device.trim_end().to_owned(),
        state: if inactive { "inactive" } else { "active" },
        active,
        failed: rest.matches("(F)").count() as u64,
        spare: rest.matches("(S)").count() as u64,
        required,
        blocks,
        synced: blocks,
    };
    const ACTIONS: [(&str, &str); 4] =
        [("recovery", "recovering"), ("reshape", "recovering"), ("check", "check"), ("resync", "resync")];
    let action = |line: &&&str| line.contains('=') && ACTIONS.iter().any(|(word, _)| line.contains(word));
    if let Some(line) = lines[1..].iter().find(action) {
        array.state = ACTIONS.iter().find(|(word, _)| line.contains(word))?.1;
        // (17/34) of what is under way; nothing yet where it waits for another array, as resync=DELAYED.
        let done = line.split_once('(').and_then(|(_, rest)| rest.split_once('/')?.0.parse().ok());
        array.synced = done.unwrap_or_default();
    }
    Some(array)
}

/// `[3/2]`: how many disks there should be, and are.
fn counts(status: &str) -> Option<(u64, u64)> {
    status.split('[').skip(1).find_map(|part| {
        let (required, active) = part.split_once(']')?.0.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    })
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    // A kernel without software RAID has none.
    let text = host.proc("mdstat")?;
    let arrays = parse(&text)?;
    page.family(&FAMILIES[0]);
    for array in &arrays {
        for (state, count) in [("active", array.active), ("failed", array.failed), ("spare", array.spare)] {
            page.put(&[("device", &array.device), ("state", state)], count);
        }
    }
    page.family(&FAMILIES[1]);
    for array in &arrays {
        page.put(&[("device", &array.device)], array.required);
    }
    page.family(&FAMILIES[2]);
    for array in &arrays {
        for state in STATES {
            page.put(&[("device", &array.device), ("state", state)], array.state == state);
        }
    }
    const READS: [fn(&Array) -> u64; 2] = [|array| array.blocks, |array| array.synced];
    for (family, read) in FAMILIES[3..].iter().zip(READS) {
        page.family(family);
        for array in &arrays {
            page.put(&[("device", &array.device)], read(array));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, samples};
    use super::*;

    #[test]
    fn arrays_of_every_state() {
        let text = "Personalities : [raid1] [raid6] [raid0]\n\
            md3 : active raid6 sda1[8] sdh1[7] sdg1[6] sdf1[5] sde1[11] sdd1[3] sdc1[10] sdb1[9](S) sdi1[12](F)\n      \
            5853468288 blocks super 1.2 level 6, 64k chunk, algorithm 2 [8/8] [UUUUUUUU]\n\n\
            md127 : active raid1 sdi2[0] sdj2[1](F)\n      312319552 blocks [2/1] [U_]\n      \
            [==>..]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec\n\n\
            md0 : active raid0 sdg1[1] sdf1[0]\n      1953260544 blocks super 1.2 512k chunks\n\n\
            md4 : inactive raid1 sda3[0](F) sdb3[1](S)\n      4883648 blocks\n\n\
            md8 : active raid1 sdb1[1] sda1[0]\n      195310144 blocks [2/2] [UU]\n      bitmap: 0/1 pages [0KB], 65536KB chunk\n      \tresync=DELAYED\n\n\
            unused devices: <none>\n";
        let of = |device: &str, state, [active, failed, spare, required]: [u64; 4], blocks, synced| Array {
            device: device.to_owned(),
            state,
            active,
            failed,
            spare,
            required,
            blocks,
            synced,
        };
        assert_eq!(
            parse(text).expect("good lines"),
            [
                of("md3", "active", [8, 1, 1, 8], 5_853_468_288, 5_853_468_288),
                of("md127", "recovering", [1, 1, 0, 2], 312_319_552, 16_775_552),
                of("md0", "active", [2, 0, 0, 2], 1_953_260_544, 1_953_260_544),
                of("md4", "inactive", [0, 1, 1, 0], 4_883_648, 4_883_648),
                of("md8", "resync", [2, 0, 0, 2], 195_310_144, 0),
            ]
        );
        assert!(parse("md3 : active raid1 sda[0]\n\n").is_err());
        assert_eq!(parse("Personalities :\nunused devices: <none>\n").expect("no arrays"), []);
    }

    #[test]
    fn a_degraded_array() {
        let text = "md127 : active raid1 sdi2[0] sdj2[1](F)\n      312319552 blocks [2/1] [U_]\n";
        assert_eq!(
            samples(&COLLECTOR, &[("proc/mdstat", text)]),
            [
                r#"node_md_disks{device="md127",state="active"} 1"#,
                r#"node_md_disks{device="md127",state="failed"} 1"#,
                r#"node_md_disks{device="md127",state="spare"} 0"#,
                r#"node_md_disks_required{device="md127"} 2"#,
                r#"node_md_state{device="md127",state="active"} 1"#,
                r#"node_md_state{device="md127",state="inactive"} 0"#,
                r#"node_md_state{device="md127",state="recovering"} 0"#,
                r#"node_md_state{device="md127",state="resync"} 0"#,
                r#"node_md_state{device="md127",state="check"} 0"#,
                r#"node_md_blocks{device="md127"} 312319552"#,
                r#"node_md_blocks_synced{device="md127"} 312319552"#,
            ]
        );
        assert!(matches!(Fixture::new(&[]).text(&COLLECTOR).1, Err(NodeError::Nothing(_))));
    }
}
