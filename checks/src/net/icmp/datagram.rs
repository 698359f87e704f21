//! Datagrams with what the kernel knows of how they came: rustix reads no such messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use libc::{c_int, c_void};
use rustix::io::Errno;

/// One that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    /// How many bytes of the buffer are its.
    pub(super) length: usize,
    /// Who sent it.
    pub(super) from: Option<IpAddr>,
    /// How many routers it might still have passed.
    pub(super) hops: Option<u8>,
}

/// Has the kernel say of each datagram what is left of its hops. Where it does not, that is not known.
pub(super) fn tell_hops(fd: &OwnedFd, v6: bool) {
    match v6 {
        true => set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, 1),
        false => set(fd, libc::IPPROTO_IP, libc::IP_RECVTTL, 1),
    }
}

/// Has routers drop what is too long for them, instead of sending it in parts.
pub(super) fn never_in_parts(fd: &OwnedFd, v6: bool) {
    match v6 {
        true => set(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
        false => set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO),
    }
}

/// The next one; `AGAIN` if there is none yet.
pub(super) fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> Result<Datagram, Errno> {
    // Of the alignment that control messages want, and room for several.
    let mut control = [0_u64; 16];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: both are valid as zeroes.
    let (mut from, mut message): (libc::sockaddr_storage, libc::msghdr) = unsafe { std::mem::zeroed() };
    message.msg_name = (&raw mut from).cast();
    message.msg_namelen = size_of_val(&from) as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: all that it points to lives on this frame, or is the caller's buffer, with its true length.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, 0) };
    let Ok(length) = usize::try_from(length) else {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO));
    };
    Ok(Datagram { length: length.min(buffer.len()), from: sender(&from), hops: hops(&message) })
}

fn set(fd: &OwnedFd, level: c_int, option: c_int, value: c_int) {
    let pointer: *const c_void = (&raw const value).cast();
    // SAFETY: an integer that lives here, and its size.
    unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, option, pointer, size_of::<c_int>() as libc::socklen_t);
    }
}

fn sender(from: &libc::sockaddr_storage) -> Option<IpAddr> {
    let from: *const libc::sockaddr_storage = from;
    // SAFETY: storage has room for either, and the family says which of them the kernel wrote.
    unsafe {
        match c_int::from((*from).ss_family) {
            libc::AF_INET => {
                let address = (*from.cast::<libc::sockaddr_in>()).sin_addr.s_addr;
                Some(Ipv4Addr::from(u32::from_be(address)).into())
            }
            libc::AF_INET6 => {
                Some(Ipv6Addr::from((*from.cast::<libc::sockaddr_in6>()).sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

fn hops(message: &libc::msghdr) -> Option<u8> {
    // SAFETY: the kernel has filled in the control messages and their length; each is looked at as what it says it is.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(message);
        while let Some(head) = at.as_ref() {
            let kind = (head.cmsg_level, head.cmsg_type);
            if kind == (libc::IPPROTO_IP, libc::IP_TTL) || kind == (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) {
                let value = libc::CMSG_DATA(at).cast::<c_int>().read_unaligned();
                return u8::try_from(value).ok();
            }
            at = libc::CMSG_NXTHDR(message, at);
        }
    }
    None
}
