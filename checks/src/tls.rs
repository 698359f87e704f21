//! TLS over a stream. A seam: what asks for it is told that it is not there yet.

use std::io::{Read, Write};

use crate::deadline::Deadline;
use crate::net::Stream;
use crate::output::Stop;

/// What the checks with a `-S`, `-D` or `--sni` of 2.x are told about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The name to ask for, where it is not the host's.
    pub sni: Option<String>,
    /// Days of validity below which to warn, and below which it is critical, if the certificate is to be judged.
    pub days: Option<(u32, u32)>,
}

/// What a conversation is held over.
pub trait Transport: Read + Write {
    /// Another deadline from here on, as for one step of a conversation.
    fn set_deadline(&mut self, deadline: Deadline);
}

impl Transport for Stream {
    fn set_deadline(&mut self, deadline: Deadline) {
        Stream::set_deadline(self, deadline);
    }
}

impl Transport for Box<dyn Transport> {
    fn set_deadline(&mut self, deadline: Deadline) {
        (**self).set_deadline(deadline);
    }
}

/// Shakes hands; the host is the name in the certificate.
pub fn wrap(_stream: Stream, _host: &str, _wanted: &Wanted) -> Result<Box<dyn Transport>, Stop> {
    Err(Stop::unknown("TLS is not available in this build"))
}
