//! Threads by command and by state, from the processes' files.

use super::per_row::gauge;
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::host::TaskState;
use crate::names;

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "tasks",
    summary: "threads by command and by state",
    source: Source::Process,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 2] = [
    Family {
        kind: Kind::Gauge,
        labels: &["command"],
        bound: "10 commands, those with the most threads; the threads of all others are command=\"other\"",
        ..gauge(
            "container_threads_by_command",
            "Threads of the processes with this command: in a container with those in nested cgroups, elsewhere those \
             in the cgroup itself. Threads of the kernel's own are [kernel].",
            "threads",
            "/proc/<pid>/stat: comm, num_threads; absent with more than 1,024 processes. Zombies are in other, so that the \
             sum is container_threads",
        )
    },
    Family {
        labels: &["state"],
        bound: "5",
        ..gauge(
            "container_tasks_state",
            "Threads by state: running, sleeping, stopped, uninterruptible, zombie.",
            "threads",
            "/proc/<pid>/task/<tid>/stat; zombies are what pids.current has beside those, so while much starts and ends one \
             may be seen that is none, and a process' first thread that ended before the others is one. cAdvisor's \
             iowaiting is in uninterruptible. Absent with more than 1,024 threads or processes, or when a scrape has \
             looked at 8,192 threads",
        )
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let tasks =
        || rows.iter().filter_map(Row::host_series).filter_map(|(s, stats)| Some((s, stats.tasks.as_ref()?)));
    encoder.family(&FAMILIES[0]);
    for (series, tasks) in tasks() {
        for (command, threads) in &tasks.commands {
            encoder.gauge(series, &[("command", command)], Value::Int(*threads));
        }
        if tasks.other > 0 {
            encoder.gauge(series, &[("command", names::OTHER)], Value::Int(tasks.other));
        }
    }
    encoder.family(&FAMILIES[1]);
    for (series, tasks) in tasks() {
        let Some(states) = &tasks.states else { continue };
        for (state, threads) in TaskState::ALL.iter().zip(states) {
            encoder.gauge(series, &[("state", state.name())], Value::Int(*threads));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::{HostStats, TaskStats};
    use crate::signals::per_row::lines;

    #[test]
    fn by_command_and_by_state() {
        let tasks = TaskStats {
            commands: vec![("ja\"va".into(), 90), ("sh".into(), 1)],
            other: 4,
            states: Some([1, 90, 0, 3, 1]),
        };
        let stats = |tasks| HostStats { tasks: Some(Arc::new(tasks)), ..HostStats::default() };
        let by_command = [
            r#"container_threads_by_command{id="/a",command="ja\"va"} 90"#,
            r#"container_threads_by_command{id="/a",command="sh"} 1"#,
            r#"container_threads_by_command{id="/a",command="other"} 4"#,
        ];
        let by_state = [
            r#"container_tasks_state{id="/a",state="running"} 1"#,
            r#"container_tasks_state{id="/a",state="sleeping"} 90"#,
            r#"container_tasks_state{id="/a",state="stopped"} 0"#,
            r#"container_tasks_state{id="/a",state="uninterruptible"} 3"#,
            r#"container_tasks_state{id="/a",state="zombie"} 1"#,
        ];
        assert_eq!(lines(&SIGNAL, &stats(tasks.clone())), [&by_command[..], &by_state].concat());
        assert_eq!(lines(&SIGNAL, &stats(TaskStats { states: None, ..tasks })), by_command);
        assert_eq!(lines(&SIGNAL, &HostStats::default()), [""; 0]);
    }
}
