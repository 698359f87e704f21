//! Builds the programs that run in the kernel and puts their object beside this crate's own output.

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    if std::env::var_os("CARGO_CFG_FUZZING").is_some() {
        // What is fuzzed is parsers: an empty object does, and spares building `core`.
        let out = std::env::var_os("OUT_DIR").context("no OUT_DIR: cargo sets it")?;
        return std::fs::write(std::path::Path::new(&out).join("plimsoll-ebpf"), [])
            .context("the empty object");
    }
    // `core` for the BPF target is built from source, which stable cargo allows only so.
    // SAFETY: a build script has one thread.
    unsafe { std::env::set_var("RUSTC_BOOTSTRAP", "1") };
    // Its progress would come out as warnings of this crate.
    // SAFETY: as above.
    unsafe { std::env::set_var("CARGO_TERM_QUIET", "true") };
    // The object's line table goes into the exporter: it names sources, and not where this machine has them.
    for (name, value) in [("CARGO_UNSTABLE_TRIM_PATHS", "true"), ("CARGO_PROFILE_RELEASE_TRIM_PATHS", "all")]
    {
        // SAFETY: as above.
        unsafe { std::env::set_var(name, value) };
    }
    println!("cargo::rerun-if-changed=../exporter-ebpf");
    let toolchain = std::env::var("RUSTUP_TOOLCHAIN").context("build through rustup: see `make run`")?;
    let package =
        aya_build::Package { name: "plimsoll-ebpf", root_dir: "../exporter-ebpf", ..Default::default() };
    aya_build::build_ebpf([package], aya_build::Toolchain::Custom(&toolchain)).context(
        "the programs in the kernel did not build (is bpf-linker on the PATH? `make run` installs it)",
    )
}
