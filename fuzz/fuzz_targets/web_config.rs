//! The file of `--web.config.file`: every fault has a place in it, none shows what a key's file holds, and what is good opens
//! nothing that is not asked for.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll::config::file::FileError;
use plimsoll::http::Rules;

/// What the key holds.
const SECRET: &str = "c2VjcmV0IG9mIHRoZSBrZXk=";

/// What files say that are named: halves of a pair, by the end of the name; no pair fits, so that no TLS is made.
fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    match path.extension().and_then(|end| end.to_str()) {
        Some("pem") => Ok(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_vec()),
        Some("key") => Ok(format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n").into_bytes()),
        _ => Err(FileError::NotRegular),
    }
}

fuzz_target!(|text: &str| {
    match Rules::parse(text, Path::new("/etc"), &read) {
        Err(faults) => {
            assert!(!faults.is_empty());
            let lines = 1 + text.matches(['\n', '\r']).count();
            for fault in faults {
                let fault = fault.to_string();
                // Names that the file itself has wrong are shown, whatever they are.
                assert!(!fault.contains(SECRET) || text.contains(SECRET), "{fault}");
                let line = fault.strip_prefix("line ").and_then(|rest| rest.split_once(',')).unwrap().0;
                assert!((1..=lines + 1).contains(&line.parse().unwrap()), "{fault}");
            }
        }
        Ok(rules) => {
            assert!(rules.tls.is_some() || !rules.certificate_required);
            assert!(rules.rate.is_none_or(|rate| rate.burst > 0 && !rate.interval.is_zero()));
        }
    }
});
