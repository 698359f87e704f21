//! What servers show as certificates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::tls::{Certificate, days};

fuzz_target!(|bytes: &[u8]| {
    if let Some(seconds) = bytes.first_chunk() {
        let _ = days::date(i64::from_le_bytes(*seconds));
    }
    let Ok(certificate) = Certificate::parse(bytes) else { return };
    let _ = certificate.is_for("a.localhost");
    let judged = days::judge(&certificate, (30, 7), 1_800_000_000);
    assert!(judged.text.contains(certificate.common_name.as_deref().unwrap_or("Unknown CN")));
    assert!(judged.perfdata.is_readable());
});
