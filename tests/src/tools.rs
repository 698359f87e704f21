//! Where `tools/setup` puts what it fetches, and where the build puts what it builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// The series of kernels the programs are tested in, oldest first: the rows of `KERNELS` in `tools/versions.sh`.
pub const KERNELS: [&str; 5] = ["5.10-old", "5.10", "6.1", "6.12", "7"];

/// The workspace.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The image of a kernel series.
pub fn kernel(series: &str) -> Result<PathBuf> {
    fetched(&format!("kernels/{series}/vmlinuz"), "kernels")
}

/// Modules of that kernel, in the order they can be loaded in: those that translate addresses.
pub fn modules(series: &str) -> Result<Vec<PathBuf>> {
    let directory = fetched(&format!("kernels/{series}/modules"), "kernels")?;
    let modules = std::fs::read_dir(&directory)?.map(|entry| Ok(entry?.path()));
    let mut modules: Vec<PathBuf> = modules.collect::<Result<_>>()?;
    modules.sort();
    Ok(modules)
}

/// Debian's Prometheus of major version 2 or 3.
pub fn prometheus(major: u32) -> Result<PathBuf> {
    fetched(&format!("prometheus-{major}/prometheus"), "prometheus")
}

/// promtool, which comes with Prometheus 2.
pub fn promtool() -> Result<PathBuf> {
    fetched("prometheus-2/promtool", "prometheus")
}

/// Icinga 2; its library is beside it.
pub fn icinga() -> Result<PathBuf> {
    fetched("icinga2/icinga2", "icinga2")
}

/// Nagios 4.
pub fn nagios() -> Result<PathBuf> {
    fetched("icinga2/nagios4", "icinga2")
}

/// A server of Debian's, and where the libraries are that were unpacked with it.
pub fn service(program: &str) -> Result<(PathBuf, PathBuf)> {
    let program = fetched(&format!("services/usr/sbin/{program}"), "services")?;
    let libraries = fetched("services/usr/lib/x86_64-linux-gnu", "services")?;
    Ok((program.canonicalize()?, libraries.canonicalize()?))
}

/// Debian's blackbox exporter.
pub fn blackbox() -> Result<PathBuf> {
    fetched("services/usr/bin/prometheus-blackbox-exporter", "services")
}

/// A program of Debian's Alertmanager: itself, or `amtool`.
pub fn alertmanager(program: &str) -> Result<PathBuf> {
    fetched(&format!("services/usr/bin/{program}"), "services")
}

/// Debian's node_exporter.
pub fn node_exporter() -> Result<PathBuf> {
    fetched("services/usr/bin/prometheus-node-exporter", "services")
}

/// `helm` or `kubectl`.
pub fn kubernetes(program: &str) -> Result<PathBuf> {
    fetched(&format!("kubernetes/{program}"), "kubernetes")
}

/// Where npm put what Grafana publishes of its dashboards' form, with the compiler that reads it.
pub fn schema() -> Result<PathBuf> {
    Ok(fetched("schema/node_modules", "schema")?.canonicalize()?)
}

/// Debian's VictoriaMetrics.
pub fn victoria_metrics() -> Result<PathBuf> {
    fetched("stores/usr/bin/victoria-metrics", "stores")
}

/// Debian's InfluxDB, of version 1.
pub fn influxdb() -> Result<PathBuf> {
    fetched("stores/usr/bin/influxd", "stores")
}

/// The root below which all servers were unpacked.
pub fn services() -> Result<PathBuf> {
    Ok(fetched("services", "services")?.canonicalize()?)
}

/// The statically linked user space of the virtual machines.
pub fn busybox() -> Result<PathBuf> {
    let path = PathBuf::from("/bin/busybox");
    ensure!(libraries(&path)?.is_empty(), "{}: not static: run tools/setup packages", path.display());
    Ok(path)
}

/// The shared libraries a program needs, its loader among them; none for a static one.
pub fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let word = String::from_utf8_lossy(&output.stderr);
        ensure!(word.contains("not a dynamic executable"), "ldd {}: {word}", program.display());
    }
    if text.contains("not found") {
        bail!("{}: {text}", program.display());
    }
    Ok(parse_ldd(&text))
}

fn fetched(path: &str, step: &str) -> Result<PathBuf> {
    let tools =
        std::env::var_os("PLIMSOLL_TOOLS").map_or_else(|| workspace().join("target/tools"), PathBuf::from);
    let path = tools.join(path);
    ensure!(path.exists(), "{}: not there: run tools/setup {step}", path.display());
    Ok(path)
}

/// `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, or `/lib64/ld-linux-x86-64.so.2 (0x…)`; the vdso has no path.
fn parse_ldd(text: &str) -> Vec<PathBuf> {
    let paths = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    paths.map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_the_paths_that_ldd_names() {
        let text = "\tlinux-vdso.so.1 (0x00007f9ac957e000)\n\
                    \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f9ac954d000)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f9ac9580000)\n";
        let paths = ["/lib/x86_64-linux-gnu/libgcc_s.so.1", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(parse_ldd(text), paths.map(PathBuf::from));
        assert_eq!(parse_ldd("\tstatically linked\n"), Vec::<PathBuf>::new());
    }
}
