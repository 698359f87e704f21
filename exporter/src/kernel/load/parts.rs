//! The one program for system calls that return: which of its parts work and which rest.

use std::sync::atomic::Ordering;

use super::{Decision, Kernel, Link, Plan, ProgramStatus, Words, attach, link};
use crate::kernel::cost::{Event, Meter};
use crate::kernel::programs::{CALLS, PARTS, Program};

/// The program, as long as the kernel takes it, and what it is told.
pub(super) struct Parts {
    program: Option<&'static Program>,
    link: Option<Link>,
    /// The bits of the parts that rest, in one word.
    resting: Words,
    all: u32,
    /// What it costs to enter it.
    entry_ns: f64,
}

impl Parts {
    /// As planned, every part resting.
    pub(super) fn new(plan: &Plan, resting: Words) -> Self {
        let planned = |(program, decision): &&(&Program, Decision)| {
            program.signal == CALLS && *decision == Decision::Load
        };
        let program = plan.programs.iter().find(planned).map(|(program, _)| *program);
        let parts = Self { program, link: None, resting, all: plan.sizes.calls, entry_ns: 0.0 };
        parts.set(parts.all);
        parts
    }

    /// Nanoseconds that a signal's part costs beside its own: to enter the program, for the first that works.
    pub(super) fn entry_ns(&self, signal: &str) -> f64 {
        let works = self.all & !self.resting();
        let first = PARTS.iter().find(|(_, part)| works & part != 0);
        if self.link.is_some() && first.is_some_and(|(of, _)| *of == signal) { self.entry_ns } else { 0.0 }
    }

    /// The program and a signal's part of it.
    fn of(&self, signal: &str) -> Option<(&'static Program, u32)> {
        let (_, part) = PARTS.iter().find(|(of, part)| *of == signal && self.all & part != 0)?;
        Some((self.program?, *part))
    }

    fn set(&self, resting: u32) {
        if let Some(word) = self.resting.get().first() {
            word.store(resting.into(), Ordering::Relaxed);
        }
    }

    fn resting(&self) -> u32 {
        self.resting.get().first().map_or(self.all, |word| word.load(Ordering::Relaxed) as u32)
    }
}

impl Kernel {
    /// Attaches the program, all its parts at rest, and measures what that alone costs.
    pub(super) fn begin_parts(&mut self) {
        let (Some(program), Some(btf)) = (self.parts.program, &self.btf) else { return };
        let mut meter = Meter::new(Event::Syscall);
        let before = meter.event_ns();
        match attach(&mut self.ebpf, program.name, program.tracepoint, btf, None) {
            Ok(link) => {
                self.parts.link = Some(link);
                self.parts.entry_ns = meter.added(before);
            }
            Err(reason) => {
                // No signal is refused by that: each has its own program then.
                self.parts.program = None;
                let refused = Some(reason);
                self.programs.push(ProgramStatus { program: program.name, signal: CALLS, refused });
            }
        }
    }

    /// Has a signal's part begin. `false`: there is none.
    pub(super) fn begin_part(&mut self, signal: &'static str) -> bool {
        let Some((program, part)) = self.parts.of(signal) else { return false };
        self.parts.set(self.parts.resting() & !part);
        self.programs.push(ProgramStatus { program: program.name, signal, refused: None });
        true
    }

    /// Lets a signal's part rest.
    pub(super) fn rest_part(&mut self, signal: &str) {
        let Some((_, part)) = self.parts.of(signal) else { return };
        self.parts.set(self.parts.resting() | part);
    }

    /// Takes the program off when no part works.
    pub(super) fn end_parts(&mut self) {
        if self.parts.resting() == self.parts.all {
            self.parts.link = None;
        }
    }

    /// Has it work again.
    pub(super) fn resume_part(&mut self, signal: &str) -> Result<(), String> {
        let Some((program, part)) = self.parts.of(signal) else { return Ok(()) };
        if self.parts.link.is_none() {
            self.parts.link = Some(link(&mut self.ebpf, program.name, program.tracepoint, None)?);
        }
        self.parts.set(self.parts.resting() & !part);
        Ok(())
    }
}
