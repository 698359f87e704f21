//! Certificates good and bad, made for one run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use time::{Duration, OffsetDateTime};

/// A certificate that servers show.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What its files are called.
    pub name: &'static str,
    /// Whom it is for: the common name, and the first of its names.
    pub host: &'static str,
    /// From how many days from now it is valid.
    pub from: i64,
    /// Until how many days from now.
    pub until: i64,
    /// Whether the authority vouches for it, or only it itself.
    pub signed: bool,
}

/// All kinds there are.
pub const KINDS: &[Kind] = &[
    Kind { name: "good", host: "good.example", from: -10, until: 100, signed: true },
    Kind { name: "self-signed", host: "good.example", from: -10, until: 100, signed: false },
    Kind { name: "other", host: "other.example", from: -10, until: 100, signed: true },
    Kind { name: "expired", host: "good.example", from: -100, until: -10, signed: true },
    Kind { name: "future", host: "good.example", from: 10, until: 100, signed: true },
    Kind { name: "today", host: "good.example", from: -100, until: 0, signed: true },
];

/// Writes all of them to a directory: `NAME.pem` and `NAME.key`, and the same of the authority.
pub fn write(directory: &Path) -> Result<()> {
    write_with(directory, &[])
}

/// Writes all of them and some more.
pub fn write_with(directory: &Path, more: &[Kind]) -> Result<()> {
    let (authority, key) = (authority()?, KeyPair::generate()?);
    put(&directory.join("authority.pem"), &authority.self_signed(&key)?.pem())?;
    put(&directory.join("authority.key"), &key.serialize_pem())?;
    let issuer = Issuer::from_params(&authority, &key);
    for kind in KINDS.iter().chain(more) {
        let mut params = params(kind.host)?;
        // Half a day on either side: no run is so slow that the count of days would change under it.
        let half = Duration::hours(12);
        params.not_before = OffsetDateTime::now_utc() + Duration::days(kind.from) - half;
        params.not_after = OffsetDateTime::now_utc() + Duration::days(kind.until) + half;
        let own = KeyPair::generate()?;
        let certificate =
            if kind.signed { params.signed_by(&own, &issuer)? } else { params.self_signed(&own)? };
        put(&directory.join(format!("{}.pem", kind.name)), &certificate.pem())?;
        put(&directory.join(format!("{}.key", kind.name)), &own.serialize_pem())?;
    }
    Ok(())
}

fn authority() -> Result<CertificateParams> {
    let mut params = params("an authority")?;
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(params)
}

fn params(name: &str) -> Result<CertificateParams> {
    let names = vec![name.replace(' ', "-"), "localhost".to_owned()];
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn put(path: &PathBuf, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// Another certificate and key in the place of those of this name, by the authority in that directory.
pub fn renewed(directory: &Path, name: &str) -> Result<(String, String)> {
    let kind = KINDS.iter().find(|kind| kind.name == name).with_context(|| name.to_owned())?;
    let key = KeyPair::from_pem(&std::fs::read_to_string(directory.join("authority.key"))?)?;
    let (authority, own) = (authority()?, KeyPair::generate()?);
    let certificate = params(kind.host)?.signed_by(&own, &Issuer::from_params(&authority, &key))?;
    Ok((certificate.pem(), own.serialize_pem()))
}
