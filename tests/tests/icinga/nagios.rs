//! Nagios reads its objects; the commands among them are written from the checks' own tables. `make docs` writes them.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use plimsoll_checks::frame::Check;
use plimsoll_checks::options::Arg;
use plimsoll_tests::plugins;
use plimsoll_tests::tools::{self, workspace};

use crate::commands::names;

/// What `-H` of means another thing than the host that is looked at.
const NOT_OF_A_HOST: [&str; 7] = [
    "check_container",
    "check_containerd",
    "check_dns",
    "check_docker",
    "check_http",
    "check_prometheus",
    "check_time",
];

#[test]
fn the_commands_of_nagios_are_those_of_the_tables() -> Result<()> {
    let path = workspace().join("deploy/nagios/commands.cfg");
    let mut wanted = HEADER.to_owned();
    for (name, check) in names() {
        let short = name.strip_prefix("check_").unwrap_or(name);
        let host = host_of(check);
        let _ = writeln!(
            wanted,
            "\n# {}\ndefine command {{\n  command_name  plimsoll_{short}\n  command_line  $USER5$/{name}{host} $ARG1$\n}}",
            check.summary
        );
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted)?;
    }
    let there = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    assert!(there == wanted, "{} is not what the tables say: run `make docs`", path.display());
    Ok(())
}

const HEADER: &str = "\
# The checks as commands of Nagios. Written by `make docs` from the checks' own tables. $ARG1$ is all options, as in
#   check_command  plimsoll_http!-u /health -w 1 -c 5
# and resource.cfg says where the checks are: $USER5$=/usr/lib/plimsoll/plugins
";

/// How the host is told whose service it is.
fn host_of(check: &Check) -> &'static str {
    let asks = check.options.iter().any(|opt| opt.key == "H" && matches!(opt.arg, Arg::Value(_)));
    match check.name {
        "check_http" => " -I $HOSTADDRESS$",
        name if asks && !NOT_OF_A_HOST.contains(&name) => " -H $HOSTADDRESS$",
        _ => "",
    }
}

#[test]
fn nagios_takes_the_objects() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("plimsoll-nagios-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let place = directory.display();
    let (bundle, ours) = (workspace().join("deploy/nagios"), plugins::ours_dir()?);
    std::fs::write(directory.join("resource.cfg"), format!("$USER5$={}\n", ours.display()))?;
    std::fs::write(directory.join("own.cfg"), OWN)?;
    let main = format!(
        "cfg_dir={}\ncfg_file={place}/own.cfg\nresource_file={place}/resource.cfg\nlog_file={place}/log\n\
         object_cache_file={place}/cache\nstatus_file={place}/status\ncheck_result_path={place}\n\
         temp_file={place}/temp\ntemp_path={place}\nillegal_macro_output_chars=`~$&|<>\nnagios_user=root\nnagios_group=root\nlock_file={place}/lock\n\
         command_file={place}/command\nstate_retention_file={place}/kept\n",
        bundle.display()
    );
    std::fs::write(directory.join("nagios.cfg"), main)?;
    let output = Command::new(tools::nagios()?)
        .arg("-v")
        .arg(directory.join("nagios.cfg"))
        .stdin(Stdio::null())
        .output()
        .context("nagios4")?;
    let text = String::from_utf8_lossy(&output.stdout);
    std::fs::remove_dir_all(&directory)?;
    ensure!(output.status.success(), "{text}");
    // Each host has all sixteen.
    for wanted in ["Total Warnings: 0", "Total Errors:   0", "Checked 32 services."] {
        ensure!(text.contains(wanted), "{text}");
    }
    Ok(())
}

/// What Debian's nagios4 has, and two hosts.
const OWN: &str = "\
define timeperiod {
  timeperiod_name 24x7
  alias always
  monday 00:00-24:00
}
define command {
  command_name nothing
  command_line /bin/true
}
define contact {
  contact_name root
  host_notification_period 24x7
  service_notification_period 24x7
  host_notification_commands nothing
  service_notification_commands nothing
}
define contactgroup {
  contactgroup_name admins
  members root
}
define host {
  host_name box
  address 127.0.0.1
  hostgroups plimsoll-linux,plimsoll-linux-here
  check_command plimsoll_ping!-w 3000,80% -c 5000,100%
  check_period 24x7
  max_check_attempts 3
  notification_period 24x7
  notification_interval 60
  contact_groups admins
}
define host {
  host_name other
  address 192.0.2.1
  hostgroups plimsoll-linux,plimsoll-linux-nrpe
  check_command plimsoll_ping!-w 3000,80% -c 5000,100%
  check_period 24x7
  max_check_attempts 3
  notification_period 24x7
  notification_interval 60
  contact_groups admins
}
";
