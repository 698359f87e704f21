//! The one program of all checks.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll_checks::run(std::env::args_os())
}
