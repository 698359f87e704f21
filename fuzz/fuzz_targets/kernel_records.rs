//! The kernel's types and events, as any bytes at all: read whole or refused, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::kernel::btf::Btf;
use plimsoll::kernel::{Event, Types};

fuzz_target!(|bytes: &[u8]| {
    let _ = Event::decode(bytes);
    if let Ok(btf) = Btf::parse(bytes) {
        let _ = btf.member("task_struct", &["sched_info", "run_delay"]);
        let _ = btf.tracepoint("sched_switch");
        let _ = btf.enumerators("skb_drop_reason");
        let _ = btf.has_enumerator("bpf_func_id", "BPF_FUNC_get_current_task_btf");
    }
    let _ = Types::read(bytes);
});
