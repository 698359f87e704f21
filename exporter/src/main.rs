//! Command line → configuration → build → serve → drain.

fn main() {}
