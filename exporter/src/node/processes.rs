//! Processes and threads of the host by state. Off by default: it reads a file for each thread.

use std::collections::BTreeMap;

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "processes",
    summary: "processes and threads of the host by state, and their limits",
    default: false,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/proc/*/stat", bound: "1" };
const LIMIT: Of = Of { labels: &[], source: "/proc/sys/kernel", bound: "1" };
const STATE: Of = Of { labels: &["state"], source: "/proc/*/stat", bound: "one for each state there is" };
const THREAD: Of =
    Of { labels: &["thread_state"], source: "/proc/*/task/*/stat", bound: "one for each state there is" };

static FAMILIES: [Family; 6] = [
    OF.gauge("node_processes_threads", "Allocated threads in system.", "threads"),
    LIMIT.gauge("node_processes_max_threads", "Limit of threads in the system.", "threads"),
    STATE.gauge("node_processes_state", "Number of processes in each state.", "processes"),
    THREAD.gauge("node_processes_threads_state", "Number of threads in each state.", "threads"),
    OF.gauge("node_processes_pids", "Number of PIDs.", "processes"),
    LIMIT.gauge("node_processes_max_processes", "Number of max PIDs limit.", "processes"),
];

/// The most processes, and threads in all, that are looked at: their list is bounded as all are.
const MAX_THREADS: usize = 32_768;

/// The state in a `stat`: behind the command, which may hold anything but ends with the last parenthesis.
fn state(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ")?.1.split(' ').next()
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let procfs = host.paths.procfs.clone();
    let (mut processes, mut threads) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    let (mut pids, mut tasks) = (0u64, 0usize);
    for pid in host.list(&procfs)?.into_iter().filter(|name| name.parse::<u32>().is_ok()) {
        let at = procfs.join(&pid);
        // It may have ended meanwhile.
        let Some(stat) = host.text(at.join("stat")) else { continue };
        let Some(of_process) = state(&stat) else { continue };
        *processes.entry(of_process.to_owned()).or_default() += 1;
        pids += 1;
        for task in host.list(&at.join("task")).unwrap_or_default() {
            if tasks == MAX_THREADS {
                break;
            }
            let Some(stat) = host.text(at.join("task").join(task).join("stat")) else { continue };
            let Some(of_thread) = state(&stat) else { continue };
            *threads.entry(of_thread.to_owned()).or_default() += 1;
            tasks += 1;
        }
    }
    let limit = |host: &mut Host, name| host.proc(name).ok().and_then(|text| text.trim().parse::<u64>().ok());
    page.one(&FAMILIES[0], Some(tasks as u64));
    page.one(&FAMILIES[1], limit(host, "sys/kernel/threads-max"));
    page.family(&FAMILIES[2]);
    for (state, count) in &processes {
        page.put(&[("state", state)], *count);
    }
    page.family(&FAMILIES[3]);
    for (state, count) in &threads {
        page.put(&[("thread_state", state)], *count);
    }
    page.one(&FAMILIES[4], Some(pids));
    page.one(&FAMILIES[5], limit(host, "sys/kernel/pid_max"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn states_of_processes_and_threads() {
        let files = [
            ("proc/7/stat", "7 (a) b) S 1 7\n"),
            ("proc/7/task/7/stat", "7 (a) b) S 1 7\n"),
            ("proc/7/task/8/stat", "8 (a) R 1 7\n"),
            ("proc/self/stat", "7 (a) S 1\n"),
            ("proc/sys/kernel/threads-max", "7801\n"),
            ("proc/sys/kernel/pid_max", "123\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                "node_processes_threads 2",
                "node_processes_max_threads 7801",
                r#"node_processes_state{state="S"} 1"#,
                r#"node_processes_threads_state{thread_state="R"} 1"#,
                r#"node_processes_threads_state{thread_state="S"} 1"#,
                "node_processes_pids 1",
                "node_processes_max_processes 123",
            ]
        );
    }
}
