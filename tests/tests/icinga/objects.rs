//! The services of Nagios are those of Icinga, and ask an NRPE server for the same or run what it would. `make docs` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::tools::workspace;

/// What Icinga's own commands say by themselves, or Icinga's services say in another way.
const OPTIONS: [(&str, &str); 3] =
    [("PING", "-w 100,5% -c 200,15%"), ("REST", "-u /"), ("NTP peer", "-w 0.5 -c 1")];

/// A service of Icinga's: its title, its check, and what an NRPE server is asked for in its place.
struct Service {
    title: String,
    check: String,
    nrpe: Option<String>,
}

#[test]
fn the_services_of_nagios_are_those_of_icinga() -> Result<()> {
    let services = of_icinga(&read("icinga2/services.conf")?)?;
    let nrpe = read("nrpe/plimsoll.cfg")?;
    let lines: BTreeMap<&str, &str> = nrpe
        .lines()
        .filter_map(|line| line.strip_prefix("command[")?.split_once("]=/usr/lib/plimsoll/plugins/check_"))
        .collect();
    let (mut all, mut here, mut remote) = (ALL.to_owned(), HERE.to_owned(), NRPE.to_owned());
    for Service { title, check, nrpe } in &services {
        let Some(nrpe) = nrpe else {
            let options = OPTIONS.iter().find(|(of, _)| of == title).map_or("", |(_, options)| options);
            write(&mut all, "plimsoll-service", title, check, options);
            continue;
        };
        let line = lines.get(nrpe.as_str()).with_context(|| format!("no command {nrpe} of NRPE"))?;
        let (program, options) = line.split_once(' ').context(nrpe.clone())?;
        ensure!(program == check, "{title}: {check} by Icinga, {program} by NRPE");
        write(&mut here, "plimsoll-service-here", title, check, options);
        write(&mut remote, "plimsoll-service-nrpe", title, "nrpe", &format!("-c {nrpe}"));
    }
    for (name, wanted) in [("services.cfg", all), ("services-here.cfg", here), ("services-nrpe.cfg", remote)]
    {
        let path = workspace().join("deploy/nagios").join(name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &wanted)?;
        }
        let there = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        assert!(there == wanted, "{} is not what Icinga has: run `make docs`", path.display());
    }
    Ok(())
}

/// The entries of `vars.plimsoll` that the file makes.
fn of_icinga(text: &str) -> Result<Vec<Service>> {
    let field = |entry: &str, name: &str| {
        let (_, rest) = entry.split_once(&format!("{name} = \""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let entries = text.split("vars.plimsoll[\"").filter_map(|rest| rest.split_once("\"] = {"));
    let services: Result<Vec<_>> = entries
        .map(|(title, rest)| {
            let entry = rest.split_once('}').context(title.to_owned())?.0;
            let check = field(entry, "check").context(title.to_owned())?;
            Ok(Service { title: title.to_owned(), check, nrpe: field(entry, "nrpe") })
        })
        .collect();
    let services = services?;
    ensure!(services.len() == 16, "{} services", services.len());
    Ok(services)
}

fn write(out: &mut String, template: &str, title: &str, check: &str, options: &str) {
    let options = if options.is_empty() { String::new() } else { format!("!{options}") };
    let _ = writeln!(
        out,
        "\ndefine service {{\n  use                  {template}\n  service_description  {title}\n  \
         check_command        plimsoll_{check}{options}\n}}"
    );
}

fn read(name: &str) -> Result<String> {
    let path = workspace().join("deploy").join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

const ALL: &str = "\
# Services of the hosts of the group plimsoll-linux: what answers by network. Written by `make docs` from those of Icinga.
# The contact group and the time period are those of Debian's nagios4.

define hostgroup {
  hostgroup_name  plimsoll-linux
  alias           Linux hosts that Plimsoll's checks look at
}

define service {
  name                  plimsoll-service
  hostgroup_name        plimsoll-linux
  check_period          24x7
  check_interval        1
  retry_interval        0.5
  max_check_attempts    3
  notification_period   24x7
  notification_interval 60
  contact_groups        admins
  register              0
}
";

const HERE: &str = "\
# What only the host itself can see, of the host that Nagios runs on: its group is plimsoll-linux-here.
# Written by `make docs` from the services of Icinga and the commands of NRPE.

define hostgroup {
  hostgroup_name  plimsoll-linux-here
  alias           The host that Nagios runs on
}

define service {
  name            plimsoll-service-here
  use             plimsoll-service
  hostgroup_name  plimsoll-linux-here
  register        0
}
";

const NRPE: &str = "\
# What only the host itself can see, of the hosts of the group plimsoll-linux-nrpe: their NRPE servers have the commands of
# deploy/nrpe. Written by `make docs` from the services of Icinga.

define hostgroup {
  hostgroup_name  plimsoll-linux-nrpe
  alias           Linux hosts whose NRPE server has Plimsoll's commands
}

define service {
  name            plimsoll-service-nrpe
  use             plimsoll-service
  hostgroup_name  plimsoll-linux-nrpe
  register        0
}
";
