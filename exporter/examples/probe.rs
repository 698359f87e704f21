use plimsoll::kernel::*;
use std::path::Path;
fn main() {
    let facts = Facts::collect(Path::new("/proc"), Path::new("/sys"));
    println!("{:?}", facts.types.as_ref().map(|t| (t.offsets, t.current_task_btf)));
    let plan = Plan::new(
        &facts,
        &Settings {
            slots: 1024,
            memory_limit: 64 << 20,
            signals: vec!["syscalls", "process", "sched", "oom"],
        },
    )
    .unwrap();
    println!("{} {:?}", plan.shards, plan.memory);
    let mut k = Kernel::load(plan, Path::new("/sys")).unwrap();
    k.adopt(1);
    k.attach_signals();
    for p in k.programs() {
        println!("{p:?}");
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    let mut row = vec![0; layout::WORDS];
    k.add_cells(0, &mut row);
    println!("unattributed {:?}", row.iter().enumerate().filter(|(_, n)| **n > 0).collect::<Vec<_>>());
    let mut row = vec![0; layout::WORDS];
    k.add_cells(1, &mut row);
    println!("slot1 {:?}", row.iter().enumerate().filter(|(_, n)| **n > 0).collect::<Vec<_>>());
    let mut v = vec![];
    k.keyed(&mut v).unwrap();
    println!("{:?} {:?}", v, k.losses());
    while let Some(e) = k.next_event() {
        println!("{e:?}");
    }
}
