//! Checks for Nagios and Icinga that keep the contract of monitoring-plugins 2.x: its options, texts, perfdata and exit
//! codes. One program, called by the name of the check.
//!
//! - `state`, `range`, `perfdata`, `output`: the protocol. Pure; nothing there prints.
//! - `options`, `extra_opts`: the command line.
//! - `deadline`, `frame`, `help`: what surrounds a check; the only places that print or end the process.
//! - `net`, `tls`: names, connections and packets under a deadline.
//! - `host`: the host a check is about, in the words of 2.x where it cannot be reached.
//! - `http`, `http2`: HTTP over either; `api`, `grpc`: programs that are asked for JSON or messages by it.
//! - `exposition`: the text of `/metrics`.
//! - `findings`: values that are judged each by itself, and make one line together.
//! - `history`: what a check keeps from one run to the next.
//! - `regex`: expressions of POSIX.
//! - `passwd`: who is who.
//! - `process`: other programs under a deadline; `processes`: those that run on this host.
//! - `checks`: the table, and one file a check, in which measuring, judging and printing are three functions.

pub mod api;
pub mod checks;
pub mod deadline;
pub mod exposition;
pub mod extra_opts;
pub mod findings;
pub mod frame;
pub mod grpc;
pub mod help;
pub mod history;
pub mod host;
pub mod http;
pub mod http2;
pub mod net;
pub mod options;
pub mod output;
pub mod passwd;
pub mod perfdata;
pub mod process;
pub mod processes;
pub mod range;
pub mod regex;
pub mod state;
pub mod tls;

pub use frame::run;

/// An error of the system in the words the C library has for it, which 2.x's texts end with.
pub fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
