//! Tells rustc which machine's register layout the programs are compiled for.
fn main() {
    println!("cargo::rustc-check-cfg=cfg(bpf_target_arch, values(\"aarch64\", \"x86_64\"))");
}
