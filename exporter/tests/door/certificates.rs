//! Certificates of servers and clients, made for one test, and a directory they are in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use plimsoll::config::file::FileError;
use plimsoll::http::Rules;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Of "secret".
pub(crate) const HASH: &str = "$2y$04$abcdefghijklmnopqrstuuSECRET";

/// Files that exist for a test alone, and on no disk.
pub(crate) struct Files(BTreeMap<PathBuf, String>);

impl Files {
    /// `authority`, which vouches for `server`, `renewed`, `client` and `nameless`, and not for `stranger`.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("valid");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().expect("a key");
        let mut files = Self(BTreeMap::new());
        files.put("authority.pem", params.self_signed(&key).expect("signs").pem());
        let issuer = Issuer::from_params(&params, &key);
        for name in ["server", "renewed", "client", "nameless", "stranger"] {
            let own = KeyPair::generate().expect("a key");
            let params = subject(name);
            let made = match name {
                "stranger" => params.self_signed(&own),
                _ => params.signed_by(&own, &issuer),
            };
            files.put(&format!("{name}.pem"), made.expect("signs").pem());
            files.put(&format!("{name}.key"), own.serialize_pem());
        }
        files
    }

    fn put(&mut self, name: &str, text: String) {
        self.0.insert(Path::new("/etc/plimsoll").join(name), text);
    }

    fn text(&self, name: &str) -> &str {
        &self.0[&Path::new("/etc/plimsoll").join(name)]
    }

    /// What a file says that is beside them.
    pub(crate) fn rules(&self, text: &str) -> Rules {
        let read = |path: &Path| {
            let found = self.0.get(path).map(|text| text.clone().into_bytes());
            found.ok_or_else(|| FileError::Read(std::io::ErrorKind::NotFound.into()))
        };
        // Hashes that are cheap, as there are many logins here.
        let text = text.replace(HASH, &bcrypt::hash("secret", 4).expect("hashes"));
        let parsed = Rules::parse(&text, Path::new("/etc/plimsoll"), &read);
        parsed.expect("a good file")
    }

    pub(crate) fn certificate(&self, name: &str) -> CertificateDer<'static> {
        let text = self.text(&format!("{name}.pem"));
        CertificateDer::from_pem_slice(text.as_bytes()).expect("PEM")
    }

    pub(crate) fn key(&self, name: &str) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.text(&format!("{name}.key")).as_bytes()).expect("PEM")
    }
}

fn subject(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("valid");
    params.distinguished_name.push(DnType::CommonName, "client.example");
    let text = |text: &str| text.try_into().expect("ASCII");
    let address = |text: &str| SanType::IpAddress(text.parse::<IpAddr>().expect("an address"));
    params.subject_alt_names = match name {
        "nameless" => Vec::new(),
        "client" => vec![
            SanType::DnsName(text("client.example")),
            SanType::Rfc822Name(text("client@example.com")),
            SanType::URI(text("spiffe://example/prometheus")),
            address("192.0.2.7"),
            address("2001:db8::7"),
        ],
        _ => vec![SanType::DnsName(text("localhost"))],
    };
    params
}
