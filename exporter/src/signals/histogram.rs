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

/// Series of one histogram of what lasts longer.
pub(super) const LONG_SERIES: &str = "28: 26 buckets from 1 ms to 4.7 h, sum and count";

/// 1 ms · 2^i.
static LONG_BOUNDS: [&str; BUCKETS - 1] = [
    "0.001",
    "0.002",
    "0.004",
    "0.008",
    "0.016",
    "0.032",
    "0.064",
    "0.128",
    "0.256",
    "0.512",
    "1.024",
    "2.048",
    "4.096",
    "8.192",
    "16.384",
    "32.768",
    "65.536",
    "131.072",
    "262.144",
    "524.288",
    "1048.576",
    "2097.152",
    "4194.304",
    "8388.608",
    "16777.216",
];

/// Writes one histogram of the current family that has microseconds where others have nanoseconds.
pub(super) fn write_long(
    encoder: &mut Encoder<'_>,
    series: Series<'_>,
    extra: &[(&str, &str)],
    histogram: &Histogram,
) {
    encoder.histogram(series, extra, &LONG_BOUNDS, &histogram.buckets, Value::Micros(histogram.sum_ns));
}

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
        for (bounds, unit) in [(BOUNDS, 1e6), (LONG_BOUNDS, 1e3)] {
            for (i, bound) in bounds.iter().enumerate() {
                let seconds: f64 = bound.parse().expect("a number");
                let expected = (1u64 << i) as f64 / unit;
                assert!((seconds - expected).abs() < expected * 1e-12, "{bound}");
            }
        }
    }
}
