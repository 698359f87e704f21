//! Buffers of answers, used again once a client has taken its answer, and gzip into them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::{Compress, CompressError, Compression, FlushCompress, Status};

/// Buffers and compressors kept for the next scrape: two Prometheus servers that come at the same moment.
const KEPT: usize = 2;
/// A buffer up to this size is kept however little the last answer filled it.
const SMALL: usize = 64 << 10;

/// Buffers for one kind of content.
#[derive(Debug, Default)]
pub(super) struct Pool {
    kept: Mutex<Vec<Vec<u8>>>,
    unsent: AtomicUsize,
}

/// A buffer that goes back to its pool.
#[derive(Debug)]
pub(super) struct Pooled {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
    sent_as_body: bool,
}

impl Pool {
    /// An empty buffer.
    pub(super) fn take(self: &Arc<Self>) -> Pooled {
        let bytes = locked(&self.kept).pop().unwrap_or_default();
        Pooled { bytes, pool: Arc::clone(self), sent_as_body: false }
    }

    /// Bytes of bodies whose clients have not taken them yet.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.load(Ordering::Relaxed)
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        // What one huge answer needed is not held for ever.
        if bytes.capacity() > SMALL && bytes.len() < bytes.capacity() / 4 {
            return;
        }
        bytes.clear();
        let mut kept = locked(&self.kept);
        if kept.len() < KEPT {
            kept.push(bytes);
        }
    }
}

impl Pooled {
    /// The buffer itself.
    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Turns the buffer into a body, without a copy; it counts as unsent until it is dropped.
    pub(super) fn into_body(mut self) -> Bytes {
        self.sent_as_body = true;
        self.pool.unsent.fetch_add(self.bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if self.sent_as_body {
            self.pool.unsent.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        }
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

/// Compressors, whose tables of some hundred kilobytes are used again.
#[derive(Debug, Default)]
pub(super) struct Gzip {
    kept: Mutex<Vec<Compress>>,
}

impl Gzip {
    /// Appends `input`, packed, to `out`.
    pub(super) fn pack(&self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        let kept = locked(&self.kept).pop();
        // Level 1: an exposition repeats itself so much that more effort buys little.
        let mut compress = kept.unwrap_or_else(|| Compress::new_gzip(Compression::fast(), 15));
        let mut rest = input;
        loop {
            out.reserve((rest.len() / 8).max(4096));
            let before = compress.total_in();
            let status = compress.compress_vec(rest, out, FlushCompress::Finish)?;
            rest = &rest[(compress.total_in() - before) as usize..];
            if status == Status::StreamEnd {
                break;
            }
        }
        compress.reset();
        let mut kept = locked(&self.kept);
        if kept.len() < KEPT {
            kept.push(compress);
        }
        Ok(())
    }
}

/// What is kept here is whole at every moment, so a panic elsewhere spoils nothing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_body_returns_its_buffer() {
        let pool = Arc::new(Pool::default());
        let mut buffer = pool.take();
        buffer.bytes_mut().extend_from_slice(&[b'x'; 1000]);
        let place = buffer.as_ref().as_ptr();
        let body = buffer.into_body();
        assert_eq!((body.as_ptr(), pool.unsent()), (place, 1000), "not copied, and counted");
        drop(body.clone());
        assert_eq!(pool.unsent(), 1000);
        drop(body);
        let again = pool.take();
        assert_eq!((again.as_ref().len(), again.bytes.as_ptr(), pool.unsent()), (0, place, 0));
    }

    #[test]
    fn a_buffer_far_too_large_is_not_kept() {
        let pool = Arc::new(Pool::default());
        let mut buffer = pool.take();
        buffer.bytes_mut().reserve(SMALL * 8);
        buffer.bytes_mut().extend_from_slice(b"little");
        drop(buffer);
        assert_eq!(pool.take().bytes.capacity(), 0);
    }

    #[test]
    fn gzip_round_trips_with_a_used_compressor() {
        let gzip = Gzip::default();
        let noise: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for input in [b"".as_slice(), b"x 1\n", &[b'a'; 100_000], &noise] {
            let mut packed = Vec::new();
            gzip.pack(input, &mut packed).expect("packs");
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).expect("valid gzip");
            assert_eq!(unpacked, input);
        }
        assert_eq!(locked(&gzip.kept).len(), 1);
    }
}
