use plimsoll::kernel::*;
use std::path::Path;
fn main() {
    let sig: Vec<&'static str> = std::env::args().skip(1).map(|s| &*s.leak()).collect();
    let facts = Facts::collect(Path::new("/proc"), Path::new("/sys"));
    let plan = Plan::new(&facts, &Settings{slots:1024, memory_limit:64<<20, signals: sig}).unwrap();
    let mut k = Kernel::load(plan, Path::new("/sys")).unwrap();
    k.adopt(1);
    k.attach_signals();
    for p in k.programs() { if p.refused.is_some() {println!("{p:?}");} }
    std::thread::sleep(std::time::Duration::from_secs(6));
}
