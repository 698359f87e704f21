//! A way between two network namespaces that is as slow and as lossy as a test wants: not every kernel has `tc netem`, but
//! each has TUN devices, whose packets a thread of the test carries.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::netns::{iproute, within};

/// The way: the first namespace is 10.79.0.1 on it, the second 10.79.0.2. It ends with the namespaces.
#[derive(Debug)]
pub struct Relay {
    manner: Arc<Manner>,
}

/// How packets are carried, both ways.
#[derive(Debug, Default)]
struct Manner {
    delay_us: AtomicU64,
    /// Every how manieth packet with a payload is lost; 0 for none.
    lose: AtomicU64,
    lost: AtomicU64,
}

impl Relay {
    /// Lays it between the namespaces of two processes.
    pub fn lay(first: u32, second: u32, delay: Duration) -> Result<Self> {
        let manner = Arc::new(Manner::default());
        manner.delay_us.store(u64::try_from(delay.as_micros())?, Ordering::Relaxed);
        let (one, two) = (device(first, 1)?, device(second, 2)?);
        carry(one.try_clone()?, two.try_clone()?, &manner);
        carry(two, one, &manner);
        Ok(Self { manner })
    }

    /// From now on every `nth` packet with a payload is lost, of all that come; 0 for none.
    pub fn lose_every(&self, nth: u64) {
        self.manner.lose.store(nth, Ordering::Relaxed);
    }

    /// How many were lost.
    pub fn lost(&self) -> u64 {
        self.manner.lost.load(Ordering::Relaxed)
    }
}

/// A device in the namespace of a process.
fn device(pid: u32, at: u8) -> Result<File> {
    const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
    within(pid, move || {
        let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun").context("/dev/net/tun")?;
        // SAFETY: a plain C struct, for which zeros are a value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(b"way0") {
            *to = *from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: the request is a whole `ifreq`, which the call reads and writes.
        let done = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) };
        ensure!(done == 0, "TUNSETIFF: {}", std::io::Error::last_os_error());
        iproute(&format!("address add 10.79.0.{at}/24 dev way0"))?;
        iproute("link set way0 up")?;
        Ok(file)
    })
}

/// Carries packets in one direction until a device is gone: one thread takes them, another gives them when it is time.
fn carry(from: File, to: File, manner: &Arc<Manner>) {
    let (sender, receiver) = channel();
    let manner = Arc::clone(manner);
    std::thread::spawn(move || take(from, &manner, &sender));
    std::thread::spawn(move || give(to, &receiver));
}

fn take(mut from: File, manner: &Manner, sender: &Sender<(Instant, Vec<u8>)>) {
    let mut packet = vec![0; 1 << 16];
    let mut with_payload = 0;
    while let Ok(length) = from.read(&mut packet) {
        let due = Instant::now() + Duration::from_micros(manner.delay_us.load(Ordering::Relaxed));
        if has_payload(&packet[..length]) {
            with_payload += 1;
            let nth = manner.lose.load(Ordering::Relaxed);
            if nth > 0 && with_payload % nth == 0 {
                manner.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
        }
        if sender.send((due, packet[..length].to_vec())).is_err() {
            return;
        }
    }
}

fn give(mut to: File, receiver: &Receiver<(Instant, Vec<u8>)>) {
    for (due, packet) in receiver {
        // The very thing this is for: nothing is awaited here.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write(&packet).is_err() {
            return;
        }
    }
}

/// Whether a packet is IPv4 with TCP and more than its headers.
fn has_payload(packet: &[u8]) -> bool {
    let header = |byte: u8| usize::from(byte & 15) * 4;
    let Some((&first, protocol)) = packet.first().zip(packet.get(9)) else { return false };
    if first >> 4 != 4 || i32::from(*protocol) != libc::IPPROTO_TCP {
        return false;
    }
    let tcp = header(first);
    packet.get(tcp + 12).is_some_and(|offset| packet.len() > tcp + header(offset >> 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_without_data_has_no_payload() {
        let mut packet = vec![0; 41];
        (packet[0], packet[9], packet[32]) = (0x45, 6, 0x50);
        assert!(has_payload(&packet));
        assert!(!has_payload(&packet[..40]));
        assert!(!has_payload(&packet[..20]));
        packet[9] = 17;
        assert!(!has_payload(&packet));
        assert!(!has_payload(b""));
    }
}
