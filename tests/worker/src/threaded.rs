//! Processes with several threads, and the ways they can end; and threads of the worker itself that stay.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use crate::processes::{execute, in_child};
use crate::{Answer, time};

/// N children with THREADS beside the first, all alive when `how` begins to end them. Answers with what `wait` said
/// of them, as `STATUS:CHILDREN ...`: where the threads end one by one, kernels differ in whose code it is.
pub(crate) fn children_threaded(n: u64, threads: u32, how: &str, code: u8) -> Answer {
    let work: fn(u32, i32) -> i32 = match how {
        "group" => group,
        "group-other" => group_other,
        "leader-first" => leader_first,
        "leader-last" => leader_last,
        "race" => race,
        "killed" => killed,
        "exec-other" => exec_other,
        _ => return Err(format!("{how}: no such end")),
    };
    let mut statuses = BTreeMap::new();
    for _ in 0..n {
        *statuses.entry(in_child(|| work(threads, i32::from(code)))?).or_insert(0) += 1;
    }
    let words: Vec<String> = statuses.iter().map(|(status, count)| format!("{status}:{count}")).collect();
    Ok(words.join(" "))
}

/// Threads of the worker's own, at this rate, until the kernel refuses one.
pub(crate) fn leak(rate: u32) -> Answer {
    let pause = Duration::from_secs(1) / rate.max(1);
    for made in 0_u64.. {
        // A small stack: it is threads that are to run out, not memory.
        let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(|| forever(0));
        if let Err(error) = thread {
            return Ok(format!("{made} {}", error.raw_os_error().unwrap_or_default()));
        }
        std::thread::sleep(pause);
    }
    Ok(String::new())
}

/// Of this process: each child has its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Starts N threads, each of which runs `work` with its number once all of them do.
fn start(threads: u32, work: fn(u32)) {
    for number in 0..threads {
        let body = move || {
            STARTED.fetch_add(1, Ordering::AcqRel);
            all_started(threads);
            work(number);
        };
        // What the parent sees of a child that cannot is another status than it expects.
        if std::thread::Builder::new().spawn(body).is_err() {
            exit_group(120);
        }
    }
    all_started(threads);
}

fn all_started(threads: u32) {
    while STARTED.load(Ordering::Acquire) < threads {
        std::thread::yield_now();
    }
}

fn forever(_: u32) {
    loop {
        std::thread::park();
    }
}

/// What follows in the child is `_exit`: exit_group.
fn group(threads: u32, code: i32) -> i32 {
    start(threads, forever);
    code
}

/// Another thread than the first calls exit_group.
fn group_other(threads: u32, code: i32) -> i32 {
    static CODE: AtomicU32 = AtomicU32::new(0);
    CODE.store(code as u32, Ordering::Release);
    start(threads, |number| {
        if number == 0 {
            exit_group(CODE.load(Ordering::Acquire) as i32);
        }
        forever(number);
    });
    loop {
        std::thread::park();
    }
}

/// The first thread ends, and the others go on for a while.
fn leader_first(threads: u32, code: i32) -> i32 {
    /// The kernel clears it when the first thread is gone.
    static LEADER: AtomicU32 = AtomicU32::new(1);
    start(threads, |_| {
        while LEADER.load(Ordering::Acquire) != 0 {
            std::thread::yield_now();
        }
        exit_thread(99);
    });
    // SAFETY: a place that lives as long as the process, written by the kernel in one step.
    unsafe { libc::syscall(libc::SYS_set_tid_address, LEADER.as_ptr()) };
    exit_thread(code)
}

/// The first thread ends when it is the only one left.
fn leader_last(threads: u32, code: i32) -> i32 {
    start(threads, |_| exit_thread(99));
    // All others are gone when the kernel says that this is the only thread.
    while threads_of_this_process() != Some(1) {
        std::thread::yield_now();
    }
    exit_thread(code)
}

/// All end at the same moment, each by itself.
fn race(threads: u32, code: i32) -> i32 {
    static GO: AtomicU32 = AtomicU32::new(0);
    start(threads, |_| {
        while GO.load(Ordering::Acquire) == 0 {
            std::hint::spin_loop();
        }
        exit_thread(99);
    });
    GO.store(1, Ordering::Release);
    exit_thread(code)
}

/// A signal ends them all.
fn killed(threads: u32, _: i32) -> i32 {
    start(threads, forever);
    // SAFETY: no pointers.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    121
}

/// Another thread than the first executes a program, which is then the process' only thread.
fn exec_other(threads: u32, _: i32) -> i32 {
    start(threads, |number| {
        if number == 0 {
            exit_group(execute(c"noop"));
        }
        forever(number);
    });
    loop {
        std::thread::park();
    }
}

/// Has another thread spin for SECONDS, and then run this program again as the script.
pub(crate) fn exec_script(seconds: f64) -> Answer {
    let body = move || {
        // Whatever is wrong, the script does not answer.
        let code = time::spin(seconds, None).map_or(122, |_| execute(c"script"));
        exit_group(code);
    };
    std::thread::Builder::new().spawn(body).map_err(|error| error.to_string())?;
    // This thread will not come back to answer; and what is sent before it has read is for it.
    std::io::stdout().write_all(b"ok\n").map_err(|error| error.to_string())?;
    loop {
        std::thread::park();
    }
}

/// `num_threads`, the 20th field of `/proc/self/stat`.
fn threads_of_this_process() -> Option<u32> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(17)?.parse().ok()
}

fn exit_thread(code: i32) -> ! {
    loop {
        // SAFETY: ends the calling thread; its stack stays mapped, since nobody joins it.
        unsafe { libc::syscall(libc::SYS_exit, code) };
    }
}

fn exit_group(code: i32) -> ! {
    // SAFETY: ends the process without running what was registered.
    unsafe { libc::_exit(code) }
}

/// Threads of the worker itself, which sleep until there is work and again when it is done.
static GENERATION: AtomicU64 = AtomicU64::new(0);
static STEPS: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
static CREW: std::sync::Mutex<Vec<Thread>> = std::sync::Mutex::new(Vec::new());

/// Starts N threads that stay. From here on no command may fork.
pub(crate) fn crew(n: u32) -> Answer {
    let mut crew = CREW.lock().map_err(|_| "a thread panicked".to_owned())?;
    for _ in 0..n {
        let foreman = std::thread::current();
        let handle = std::thread::Builder::new().spawn(move || work(&foreman));
        crew.push(handle.map_err(|error| error.to_string())?.thread().clone());
    }
    Ok(String::new())
}

/// Has each thread of the crew sleep STEPS times for a moment, and yield as often.
pub(crate) fn crew_work(steps: u64) -> Answer {
    let crew = CREW.lock().map_err(|_| "a thread panicked".to_owned())?;
    STEPS.store(steps, Ordering::Release);
    DONE.store(0, Ordering::Release);
    GENERATION.fetch_add(1, Ordering::AcqRel);
    crew.iter().for_each(Thread::unpark);
    while DONE.load(Ordering::Acquire) < crew.len() as u64 {
        std::thread::park();
    }
    Ok(String::new())
}

fn work(foreman: &Thread) {
    let mut seen = 0;
    loop {
        while GENERATION.load(Ordering::Acquire) == seen {
            std::thread::park();
        }
        seen = GENERATION.load(Ordering::Acquire);
        for _ in 0..STEPS.load(Ordering::Acquire) {
            std::thread::sleep(std::time::Duration::from_micros(50));
            std::thread::yield_now();
        }
        DONE.fetch_add(1, Ordering::AcqRel);
        foreman.unpark();
    }
}
