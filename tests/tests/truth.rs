//! What the kernel counts equals what really happened, in real containers, several at once.

use anyhow::Result;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::{Config, Container};

#[test]
fn a_rare_call_is_counted_exactly_and_the_neighbours_do_not_move() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let mut worker = Container::new(&Config::default())?.start()?;
    let neighbour = Container::new(&Config::default())?.start()?;
    let id = worker.container().cgroups_path().to_owned();
    let other = neighbour.container().cgroups_path().to_owned();
    let before = exporter.scrape()?;
    worker.run("syscalls 100000 getppid")?;
    let after = exporter.scrape()?;
    let moved = |id: &str| {
        let labels = [("id", id), ("syscall", "getppid")];
        after.sum("container_syscalls_total", &labels) - before.sum("container_syscalls_total", &labels)
    };
    assert_eq!(moved(&id), 100_000.0);
    assert_eq!(moved(&other), 0.0);
    neighbour.finish()?;
    worker.finish()
}
