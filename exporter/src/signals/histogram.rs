//! How the kernel's histograms are written.

use plimsoll_abi::histogram::{BUCKETS, Histogram};

use crate::exposition::{Encoder, Series, Value};

/// Series of one histogram: 26 buckets, sum and count.
pub(super) const SERIES: &str = "28: 26 buckets from 1 µs to 16.8 s, sum and count";

/// 1 µs · 2^i.
static BOUNDS: [&str; BUCKETS - 1] = [
    "1e-06",
    "2e-06",
    "4e-06",
    "8e-06",
    "1.6e-05",
    "3.2e-05",
    "6.4e-05",
    "0.000128",
    "0.000256",
    "0.000512",
    "0.001024",
    "0.002048",
    "0.004096",
    "0.008192",
    "0.016384",
    "0.032768",
    "0.065536",
    "0.131072",
    "0.262144",
    "0.524288",
    "1.048576",
    "2.097152",
    "4.194304",
    "8.388608",
    "16.777216",
];

/// Writes one histogram of the current family.
pub(super) fn write(
    encoder: &mut Encoder<'_>,
    series: Series<'_>,
    extra: &[(&str, &str)],
    histogram: &Histogram,
) {
    encoder.histogram(series, extra, &BOUNDS, &histogram.buckets, Value::Nanos(histogram.sum_ns));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_microseconds_doubled() {
        for (i, bound) in BOUNDS.iter().enumerate() {
            let seconds: f64 = bound.parse().expect("a number");
            let expected = (1u64 << i) as f64 / 1e6;
            assert!((seconds - expected).abs() < expected * 1e-12, "{bound}");
        }
    }
}
