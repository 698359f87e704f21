//! `check_http`, and `check_curl`, which is the same but for some of its texts.

use crate::frame::{Call, Check};
use crate::output::{Outcome, Output};
use crate::state::State;

pub mod client;
mod config;
mod faults;
mod follow;
mod judge;
mod options;
mod print;
mod probe;

pub use config::{Config, Onto};
pub use follow::Follow;
pub use judge::{Verdict, judge};
pub use probe::{Error, Measured, Place, Probe, Version, measure};

use print::{print, verbose};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_http",
    aliases: &["check_curl"],
    summary: "Asks a web server for a page, and looks at the answer, the time it took and the certificate.",
    usage: "-H vhost and/or -I address [-u path] [-p port] [-S[version[+]]] [--sni]\n\
            [-J file] [-K file] [-D] [--ca-cert file] [--verify-host]\n\
            [-w seconds] [-c seconds] [-t seconds[:state]] [-L] [-E] [-B] [-a user:password]\n\
            [-b user:password] [-f ok/warning/critical/unknown/follow/sticky/stickyport] [--max-redirs number]\n\
            [-e expect] [-d string] [-s string] [-l] [-r regex] [-R regex] [--invert-regex]\n\
            [-P data] [-T type] [-j method] [-m bytes[:bytes]] [-N] [-M age] [-A agent] [-k header]... [-4] [-6]\n\
            [-C days[,days] [--continue-after-certificate]] [--http-version version]\n\
            [--enable-automatic-decompression] [--cookie-jar file]",
    options: options::OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

fn run(call: &mut Call) -> Outcome {
    let mut config = Config::read(call)?;
    let deadline = call.deadline();
    config.read_cookies();
    let measured = measure(&config.probe, deadline).map_err(|error| faults::failed(call, &config, error))?;
    let Some(exchange) = &measured.exchange else {
        return Ok(measured.certificate.map_or_else(|| Output::new(State::Ok, ""), |judged| judged.output()));
    };
    let lost = keep_cookies(&config, &measured);
    let verdict = judge(&config, &measured, exchange);
    let mut output = print(&config, call.timeout(), verdict, &measured, exchange);
    if let Some(lost) = lost {
        output = output.line(lost);
    }
    if config.show_body {
        output = output.line(String::from_utf8_lossy(&exchange.response.body));
    }
    Ok(if call.verbose > 0 { verbose(&config, output, &measured, exchange) } else { output })
}

/// Why they could not be kept, if so, which is no fault of the page.
fn keep_cookies(config: &Config, measured: &Measured) -> Option<String> {
    let (path, jar) = (config.cookie_jar.as_ref()?, measured.cookies.as_ref()?);
    let written = std::fs::write(path, jar.to_text());
    written.err().map(|error| format!("{path}: {}", crate::words(&error)))
}

#[cfg(test)]
mod tests;
