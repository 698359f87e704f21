//! Does an exact number of things, so that counters can be held against it.
//!
//! `worker COMMAND ARGS [, COMMAND ARGS]...` does each and exits. `worker script` reads commands from standard input,
//! a line each, and answers each on standard output with `ok`, `ok DATA` or `fail REASON`; at the end of input it exits.
//! Apart from what a command's own line below says, a command in a script costs one `read` and one `write`, and while
//! it waits for the next one the worker sleeps in `read` and does nothing at all.
//!
//! | command | does |
//! |---|---|
//! | `syscalls N NAME` | N system calls NAME (see `calls::HARMLESS`) |
//! | `open-enoent N` | N `openat` that fail with ENOENT |
//! | `open-eacces N` | N `openat` that fail with EACCES; one more makes the file, and it is removed at the end |
//! | `compat N` | N 32-bit `getpid`, each held against a 64-bit one, from one child that exits 0 |
//! | `compat-ebadf N` | N 32-bit `close` that fail with EBADF, from such a child |
//! | `compat-fsync N` | N 32-bit `fsync` of standard input, a pipe, that fail with EINVAL, from such a child |
//! | `files PATH N SIZE` | N each of all reads, writes and syncs on one file, SIZE bytes in each (see `files`, also for the next four) |
//! | `opens PATH N` | N each of all ways to open a file, and N opens of a directory |
//! | `file-errors PATH N` | N each of seven calls on files that fail |
//! | `pipes N SIZE` | N writes and reads through a pipe, a socket and an eventfd |
//! | `transfers PATH N SIZE` | N each of sendfile, copy_file_range and two splices |
//! | `io-uring N` | N requests, at most 128, through an io_uring |
//! | `children N exit CODE` | N children, one after the other, that exit with CODE |
//! | `children N signal NAME` | N children that kill themselves with SIGKILL, SIGTERM, SIGSEGV or SIGABRT |
//! | `children N fault` | N children that write to an address where there is nothing |
//! | `children N pending NAME` | N children that block the signal, send it to themselves, and let it come |
//! | `children-core N` | N children that abort with leave to dump their core; answers how many did, as `wait` tells |
//! | `kill PID NAME` | sends the signal to another process |
//! | `block NAME`, `unblock NAME` | holds the signal back from itself, and lets it come |
//! | `fault` | writes to an address where there is nothing, itself |
//! | `threads N` | N threads, started and joined one after the other |
//! | `execs N` | N children that run this program again, as `noop`, which exits 0 |
//! | `children-threaded N THREADS HOW CODE` | N children with THREADS threads beside the first, that end HOW (see `threaded`) |
//! | `exec-script SECONDS` | a second thread spins for SECONDS and then runs this program again as the script, which answers what comes next |
//! | `leak RATE` | RATE threads a second that stay, until none can be made; answers `THREADS ERRNO`. Nothing that makes children may follow |
//! | `crew N` | N threads of the worker's own, which stay and sleep; nothing that makes children may follow |
//! | `crew-work N` | each of them sleeps N times for a moment and yields N times |
//! | `states Z S U` | leaves Z zombies, S stopped children, and U that wait as after `vfork`, with a child each; needs /proc |
//! | `named N` | leaves N children named c00, c01 … that sleep; needs /proc |
//! | `visit DIR N NAME CODE` | makes the cgroup DIR, one child in it that makes N calls NAME and exits with CODE, and removes it |
//! | `oom MB` | one child that takes up MB of memory, and must be killed for it |
//! | `take MB` | takes up MB of memory itself, and keeps it |
//! | `spin SECONDS [CPU]` | runs for SECONDS by the clock, pinned to CPU if given; answers with begin and end on it in ns |
//! | `disk PATH OPERATION N SIZE AT` | N `read`, `write`, `discard` or `flush` of SIZE bytes each from offset AT on, past the page cache, each waited for |
//! | `disk-failing PATH OPERATION N SIZE AT` | the same, and each must fail |
//! | `disk-buffered PATH N SIZE` | N writes of SIZE bytes into the page cache; the file stays open |
//! | `listen ADDRESS` | listens on TCP, and answers at once |
//! | `listen-many PORT N` | listens on N ports from this one on as well, for good |
//! | `serve N READ WRITE` | takes N connections there, one after the other; in each reads, writes, and waits for its end |
//! | `connect ADDRESS N WRITE READ` | N connections, one after the other; in each writes and reads so many bytes, and closes it |
//! | `connect-failing ADDRESS N ERRNO` | N attempts at once, each of which must fail with the errno |
//! | `connect-failing-early ADDRESS N ERRNO` | the same, given up as soon as there is an error |
//! | `connect-one-failing ADDRESS ERRNO` | an attempt that must fail with the errno |
//! | `connect-failing-often ADDRESS N` | N attempts, one after the other, each of which is refused |
//! | `connect-given-up ADDRESS N` | N attempts at once that are closed before there is an answer |
//! | `hold ADDRESS N`, `accept N` | N connections that stay |
//! | `held send BYTES`, `held receive BYTES` | so many bytes through each of them |
//! | `held fill` | sends through each of them until it takes no more; answers with the bytes |
//! | `held half`, `held end`, `held close`, `held abort` | closes one side, waits for the other's end, closes, or resets them |
//! | `held give NAME`, `held take N` | passes them to who has the Unix datagram socket NAME, and keeps none; keeps N that are passed so |
//! | `bind-udp ADDRESS` | a socket there that stays |
//! | `bind-raw`, `send-raw ADDRESS N SIZE` | such a socket, and N packets, of a protocol nobody speaks |
//! | `dns-ask MANNER ADDRESS NAME TYPE N RCODE` | N questions of type TYPE, each of which must be answered with RCODE (see `dns`) |
//! | `dns-shout ADDRESS NAME TYPE N` | N questions, and does not wait |
//! | `dns-answer N RCODE TIMES` | answers N questions to the socket that stays, each TIMES times |
//! | `filter-udp` | lets the socket that stays take nothing any more: whatever comes is dropped |
//! | `queued-udp N` | waits until something was dropped at the socket that stays, takes what is there until N datagrams since it was last asked were taken or dropped; answers with how many it took |
//! | `send-udp ADDRESS N SIZE`, `receive-udp N SIZE` | N datagrams sent, one received by the socket that stays for each |
//! | `unix-listen NAME`, `unix-serve N READ WRITE`, `unix-connect NAME N WRITE READ` | the same with Unix sockets (see `unix`) |
//! | `unix-failing NAME N ERRNO` | N connects, each of which must fail with the errno |
//! | `unix-bind NAME`, `unix-send NAME N SIZE`, `unix-receive N SIZE` | datagrams through them |
//! | `sleep-ms MS` | sleeps once |
//! | `yield N` | N `sched_yield` |
//! | `switches` | answers with the voluntary and involuntary switches of its threads; needs /proc |
//! | `exit CODE` | ends the worker at once, with CODE |
//! | `bpf` | answers with the numbers of BPF programs, maps and links in the kernel |
//! | `noop` | nothing |
//!
//! It is linked statically and needs no file beside it.

mod bpf;
mod calls;
mod disk;
mod dns;
mod files;
mod held;
mod net;
mod processes;
mod ring;
mod threaded;
mod time;
mod unix;

use std::io::Write;
use std::process::ExitCode;

/// What a command answers: data, or why it could not do exactly what it was told.
type Answer = Result<String, String>;

fn main() -> ExitCode {
    // Its own name need not be text.
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let args: Vec<String> = args.collect();
    if args == ["script"] {
        return script();
    }
    for command in args.split(|arg| arg == ",") {
        if let Err(reason) = execute(command) {
            // Nothing is left to tell it to if standard error is gone.
            let _ = writeln!(std::io::stderr(), "{}: {reason}", command.join(" "));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One `read` for each line that comes by itself, one `write` for each answer: nothing is buffered by std.
fn script() -> ExitCode {
    let mut pending = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let answer = match execute(&words) {
                Ok(data) if data.is_empty() => "ok\n".to_owned(),
                Ok(data) => format!("ok {data}\n"),
                Err(reason) => format!("fail {reason}\n"),
            };
            // SAFETY: the buffer is valid for its length.
            if unsafe { libc::write(1, answer.as_ptr().cast(), answer.len()) } != answer.len() as isize {
                return ExitCode::FAILURE;
            }
        }
        // SAFETY: the buffer is valid for its length.
        match unsafe { libc::read(0, chunk.as_mut_ptr().cast(), chunk.len()) } {
            0 => return ExitCode::SUCCESS,
            count if count > 0 => pending.extend_from_slice(&chunk[..count as usize]),
            _ => return ExitCode::FAILURE,
        }
    }
}

fn execute(words: &[String]) -> Answer {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["noop"] => Ok(String::new()),
        ["syscalls", n, name] => calls::harmless(number(n)?, name),
        ["open-enoent", n] => calls::open_enoent(number(n)?),
        ["open-eacces", n] => calls::open_eacces(number(n)?),
        ["compat", n] => calls::compat(number(n)?),
        ["compat-ebadf", n] => calls::compat_ebadf(number(n)?),
        ["compat-fsync", n] => calls::compat_fsync(number(n)?),
        ["files", path, n, size] => files::files(path, number(n)?, number(size)?),
        ["opens", path, n] => files::opens(path, number(n)?),
        ["file-errors", path, n] => files::errors(path, number(n)?),
        ["pipes", n, size] => files::pipes(number(n)?, number(size)?),
        ["transfers", path, n, size] => files::transfers(path, number(n)?, number(size)?),
        ["io-uring", n] => ring::nops(number(n)?),
        ["yield", n] => calls::harmless(number(n)?, "sched_yield"),
        ["children", n, "exit", code] => processes::children_exit(number(n)?, number(code)?),
        ["children", n, "signal", name] => processes::children_signal(number(n)?, name),
        ["children", n, "fault"] => processes::children_fault(number(n)?),
        ["children", n, "pending", name] => processes::children_pending(number(n)?, name),
        ["children-core", n] => processes::children_core(number(n)?),
        ["kill", pid, name] => processes::kill(number(pid)?, name),
        ["block", name] => processes::block(libc::SIG_BLOCK, name),
        ["unblock", name] => processes::block(libc::SIG_UNBLOCK, name),
        ["fault"] => processes::fault(),
        ["threads", n] => processes::threads(number(n)?),
        ["execs", n] => processes::execs(number(n)?),
        ["children-threaded", n, threads, how, code] => {
            threaded::children_threaded(number(n)?, number(threads)?, how, number(code)?)
        }
        ["exec-script", seconds] => threaded::exec_script(number(seconds)?),
        ["leak", rate] => threaded::leak(number(rate)?),
        ["crew", n] => threaded::crew(number(n)?),
        ["crew-work", n] => threaded::crew_work(number(n)?),
        ["visit", directory, n, name, code] => processes::visit(directory, number(n)?, name, number(code)?),
        ["oom", megabytes] => processes::oom(number(megabytes)?),
        ["take", megabytes] => processes::take(number(megabytes)?),
        ["spin", seconds] => time::spin(number(seconds)?, None),
        ["spin", seconds, cpu] => time::spin(number(seconds)?, Some(number(cpu)?)),
        ["disk", path, operation, n, size, at] => {
            disk::direct(path, operation, number(n)?, number(size)?, number(at)?)
        }
        ["disk-failing", path, operation, n, size, at] => {
            disk::failing(path, operation, number(n)?, number(size)?, number(at)?)
        }
        ["disk-buffered", path, n, size] => disk::buffered(path, number(n)?, number(size)?),
        ["listen", address] => net::listen(address),
        ["serve", n, read, write] => net::serve(number(n)?, number(read)?, number(write)?),
        ["connect", address, n, write, read] => {
            net::connect(address, number(n)?, number(write)?, number(read)?)
        }
        ["connect-failing", address, n, errno] => net::fail(address, number(n)?, number(errno)?),
        ["connect-one-failing", address, errno] => net::fail_once(address, number(errno)?),
        ["listen-many", first, n] => net::listen_many(number(first)?, number(n)?),
        ["connect-failing-early", address, n, errno] => net::fail_early(address, number(n)?, number(errno)?),
        ["connect-failing-often", address, n] => net::fail_often(address, number(n)?),
        ["connect-given-up", address, n] => net::give_up(address, number(n)?),
        ["bind-udp", address] => net::bind(address),
        ["dns-ask", manner, address, name, kind, n, rcode] => dns::ask(
            manner,
            &dns::Asking { address, name, kind: number(kind)?, n: number(n)? },
            number(rcode)?,
        ),
        ["dns-shout", address, name, kind, n] => {
            dns::shout(&dns::Asking { address, name, kind: number(kind)?, n: number(n)? })
        }
        ["dns-answer", n, rcode, times] => dns::answer(number(n)?, number(rcode)?, number(times)?),
        ["filter-udp"] => net::filter(),
        ["queued-udp", n] => net::queued(number(n)?),
        ["bind-raw"] => net::bind_raw(),
        ["send-raw", address, n, size] => net::send_raw(address, number(n)?, number(size)?),
        ["send-udp", address, n, size] => net::send(address, number(n)?, number(size)?),
        ["receive-udp", n, size] => net::receive(number(n)?, number(size)?),
        ["hold", address, n] => net::hold(address, number(n)?),
        ["accept", n] => net::accept(number(n)?),
        ["held", "give", name] => net::give_away(name),
        ["held", "take", n] => net::take_over(number(n)?),
        ["held", "fill"] => net::fill(),
        ["held", what] => net::with_held(what, 0),
        ["held", what, bytes] => net::with_held(what, number(bytes)?),
        ["unix-listen", name] => unix::listen(name),
        ["unix-serve", n, read, write] => unix::serve(number(n)?, number(read)?, number(write)?),
        ["unix-connect", name, n, write, read] => {
            unix::connect(name, number(n)?, number(write)?, number(read)?)
        }
        ["unix-failing", name, n, errno] => unix::failing(name, number(n)?, number(errno)?),
        ["unix-bind", name] => unix::bind(name),
        ["unix-send", name, n, size] => unix::send(name, number(n)?, number(size)?),
        ["unix-receive", n, size] => unix::receive(number(n)?, number(size)?),
        ["sleep-ms", ms] => time::sleep(number(ms)?),
        ["states", z, s, u] => held::states(number(z)?, number(s)?, number(u)?),
        ["named", n] => held::named(number(n)?),
        ["bpf"] => bpf::count(),
        ["switches"] => time::switches(),
        ["exit", code] => std::process::exit(number(code)?),
        _ => Err("no such command".to_owned()),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word}: not a number that fits here"))
}

/// What an error is called in an answer.
fn fails(what: &str) -> impl FnOnce(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

/// The last system call's error, as an answer.
fn last_error(what: &str) -> String {
    format!("{what}: {}", std::io::Error::last_os_error())
}
