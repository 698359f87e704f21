//! Requests to a block device, one at a time, past the page cache.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

use crate::{Answer, last_error};

/// `BLKDISCARD` of linux/fs.h.
const BLKDISCARD: libc::c_ulong = 0x1277;
/// More than any device asks for.
const ALIGNMENT: usize = 4096;

/// One after the other, at offsets that follow each other from `at` on.
pub(crate) fn direct(path: &str, operation: &str, n: u64, size: usize, at: u64) -> Answer {
    let device = open(path, libc::O_DIRECT)?;
    for i in 0..n {
        one(&device, operation, size, at + i * size as u64)?;
    }
    Ok(String::new())
}

/// Each must fail.
pub(crate) fn failing(path: &str, operation: &str, n: u64, size: usize, at: u64) -> Answer {
    let device = open(path, libc::O_DIRECT)?;
    for i in 0..n {
        if one(&device, operation, size, at + i * size as u64).is_ok() {
            return Err(format!("{operation} {i} did not fail"));
        }
    }
    Ok(String::new())
}

/// Into the page cache; who writes it back, and when, is up to others.
pub(crate) fn buffered(path: &str, n: u64, size: usize) -> Answer {
    let device = open(path, 0)?;
    let mut buffer = vec![1_u8; size];
    for i in 0..n {
        transfer(&device, "write", &mut buffer, i * size as u64)?;
    }
    // It stays open as long as this process: the last one to close a block device writes it back.
    std::mem::forget(device);
    Ok(String::new())
}

fn open(path: &str, flags: i32) -> Result<File, String> {
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    opened.map_err(|error| format!("{path}: {error}"))
}

fn one(device: &File, operation: &str, size: usize, at: u64) -> Result<(), String> {
    let fd = device.as_raw_fd();
    match operation {
        "read" | "write" => {
            let mut memory = vec![1_u8; size + ALIGNMENT];
            let first = memory.as_ptr().align_offset(ALIGNMENT);
            transfer(device, operation, &mut memory[first..first + size], at)
        }
        // SAFETY: no pointers.
        "flush" => match unsafe { libc::fsync(fd) } {
            0 => Ok(()),
            _ => Err(last_error("fsync")),
        },
        "discard" => {
            let range = [at, size as u64];
            // SAFETY: the call reads two 64-bit numbers.
            match unsafe { libc::ioctl(fd, BLKDISCARD, range.as_ptr()) } {
                0 => Ok(()),
                _ => Err(last_error("BLKDISCARD")),
            }
        }
        _ => Err(format!("{operation}: no such operation")),
    }
}

fn transfer(device: &File, operation: &str, memory: &mut [u8], at: u64) -> Result<(), String> {
    let (fd, at) = (device.as_raw_fd(), at as libc::off_t);
    // SAFETY: the memory is valid for its length.
    let done = unsafe {
        match operation {
            "read" => libc::pread(fd, memory.as_mut_ptr().cast(), memory.len(), at),
            _ => libc::pwrite(fd, memory.as_ptr().cast(), memory.len(), at),
        }
    };
    if done == memory.len() as isize { Ok(()) } else { Err(last_error(operation)) }
}
