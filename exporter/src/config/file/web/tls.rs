//! `tls_server_config`.

use std::convert::Infallible;
use std::path::Path;

use zeroize::Zeroizing;

use super::super::fields::Fields;
use super::super::yaml::{Node, Value};
use super::super::{At, Fault};
use super::{Read, unreadable};
use crate::http::{ClientAuth, Material, Rules, Suites, TlsError, Verify, Version, group, server_config};

const PATH: &str = "tls_server_config";

/// Where something was said, by the name of the field.
type Place = (At, String);

/// Reads the section, and the files it names.
pub(super) fn take(
    node: &Node<'_>,
    directory: &Path,
    read: Read<'_>,
    http2: bool,
    rules: &mut Rules,
    faults: &mut Vec<Fault>,
) {
    if matches!(&node.value, Value::Null) || matches!(&node.value, Value::Map(entries) if entries.is_empty())
    {
        return;
    }
    let before = faults.len();
    let mut fields = Fields::of(node, PATH, faults);
    let pem = Pem { directory, read };
    let certificates = pem.either(&mut fields, "cert_file", "cert", faults);
    let key = pem.either(&mut fields, "key_file", "key", faults);
    let authorities = pem.either(&mut fields, "client_ca_file", "client_ca", faults);
    let client = client(node, &mut fields, authorities.as_ref(), faults);
    let suites = suites(&mut fields, faults);
    let groups = fields.list("curve_preferences", faults, group);
    let own_order = fields.flag("prefer_server_cipher_suites", faults).unwrap_or(true);
    fields.refuse_the_rest(faults);
    let mut needed = |found: &Option<(Place, Zeroizing<Vec<u8>>)>, name: &str, or: &str| {
        if found.is_none() && faults.len() == before {
            let text = format!("is missing, or {or}: without it there is no TLS");
            faults.push(Fault::new(node.at, &format!("{PATH}.{name}"), text));
        }
    };
    needed(&certificates, "cert_file", "cert");
    needed(&key, "key_file", "key");
    let (Some((certificate_at, certificates)), Some((key_at, key))) = (certificates, key) else { return };
    let Some(suites) = suites.filter(|_| faults.len() == before) else { return };
    rules.certificate_required = client.as_ref().is_some_and(|client| client.required);
    let certificates = certificates.to_vec();
    match server_config(Material { certificates, key, client, suites, groups, own_order, http2 }) {
        Ok(config) => rules.tls = Some(config),
        Err(error) => {
            let (at, field) = match &error {
                TlsError::Certificate(_) => certificate_at,
                TlsError::Key(_) => key_at,
                TlsError::Authorities(_) => {
                    authorities.map_or((node.at, PATH.to_owned()), |(place, _)| place)
                }
            };
            faults.push(Fault::new(at, &field, error.to_string()));
        }
    }
}

/// Reads what is named, relative to a directory.
struct Pem<'r> {
    directory: &'r Path,
    read: Read<'r>,
}

impl Pem<'_> {
    /// What is in a file, or in the configuration itself.
    fn either(
        &self,
        fields: &mut Fields<'_>,
        file: &'static str,
        inline: &'static str,
        faults: &mut Vec<Fault>,
    ) -> Option<(Place, Zeroizing<Vec<u8>>)> {
        let place = |fields: &Fields<'_>, name: &str| fields.place(name);
        let (file_at, inline_at) = (place(fields, file), place(fields, inline));
        let named = fields.text(file, faults).filter(|name| !name.is_empty());
        let written = fields.text(inline, faults).map(Zeroizing::new).filter(|text| !text.is_empty());
        match (named, written) {
            (Some(_), Some(_)) => {
                let (at, field) = inline_at?;
                faults.push(Fault::new(at, &field, format!("{file} is here too: it is one or the other")));
                None
            }
            (None, Some(text)) => Some((inline_at?, Zeroizing::new(text.as_bytes().to_vec()))),
            (Some(name), None) => {
                let (path, (at, field)) = (self.directory.join(&name), file_at?);
                match (self.read)(&path) {
                    Ok(bytes) => Some(((at, field), Zeroizing::new(bytes))),
                    Err(error) => {
                        faults.push(Fault::new(at, &field, unreadable(&path, &error)));
                        None
                    }
                }
            }
            (None, None) => None,
        }
    }
}

/// What is asked of clients.
fn client(
    node: &Node<'_>,
    fields: &mut Fields<'_>,
    authorities: Option<&(Place, Zeroizing<Vec<u8>>)>,
    faults: &mut Vec<Fault>,
) -> Option<ClientAuth> {
    let (auth_at, sans_at) = (fields.place("client_auth_type"), fields.place("client_allowed_sans"));
    // Asked for, required, held against authorities.
    let kind = fields.parsed("client_auth_type", faults, |text| match text {
        "" | "NoClientCert" => Ok((false, false, false)),
        "RequestClientCert" => Ok((true, false, false)),
        "RequireAnyClientCert" | "RequireClientCert" => Ok((true, true, false)),
        "VerifyClientCertIfGiven" => Ok((true, false, true)),
        "RequireAndVerifyClientCert" => Ok((true, true, true)),
        _ => Err(format!(
            "expected NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or \
             RequireAndVerifyClientCert, not {text:?}"
        )),
    });
    let sans = fields.list("client_allowed_sans", faults, |text| Ok::<_, Infallible>(text.to_owned()));
    let (asked, required, verify) = kind.unwrap_or_default();
    let place = |place: Option<Place>, name: &str| place.unwrap_or((node.at, format!("{PATH}.{name}")));
    if let (Some(((at, field), _)), false) = (authorities, verify) {
        let text = "is used by VerifyClientCertIfGiven and RequireAndVerifyClientCert, which client_auth_type does not say";
        faults.push(Fault::new(*at, field, text));
    }
    if verify && authorities.is_none() {
        let (at, field) = place(auth_at, "client_auth_type");
        let text = "needs client_ca_file or client_ca: the authorities of the system are not asked";
        faults.push(Fault::new(at, &field, text));
    }
    if sans_at.is_some() && !required {
        let (at, field) = place(sans_at.clone(), "client_allowed_sans");
        let text = "needs client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert";
        faults.push(Fault::new(at, &field, text));
    }
    if sans_at.is_some() && sans.is_empty() {
        let (at, field) = place(sans_at.clone(), "client_allowed_sans");
        faults.push(Fault::new(at, &field, "there are none: nobody could come in"));
    }
    let verify = match authorities {
        Some((_, pem)) if verify => Verify::Against(pem.to_vec()),
        _ => Verify::No,
    };
    asked.then(|| ClientAuth { required, verify, allowed_sans: sans_at.map(|_| sans) })
}

/// Versions and ciphers.
fn suites(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Option<Suites> {
    let version = |text: &str| match text {
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        "TLS10" | "TLS11" => Err(format!("{text} is not safe, and not spoken here: TLS12 and TLS13 are")),
        _ => Err(format!("expected TLS12 or TLS13, not {text:?}")),
    };
    let place =
        ["cipher_suites", "max_version", "min_version"].into_iter().find_map(|name| fields.place(name));
    let before = faults.len();
    let least = fields.parsed("min_version", faults, version).unwrap_or(Version::Tls12);
    let most = fields.parsed("max_version", faults, version).unwrap_or(Version::Tls13);
    let one =
        |name: &str| Suites::new(Version::Tls12, Version::Tls13, &[name.to_owned()]).map(|_| name.to_owned());
    let names = fields.list("cipher_suites", faults, one);
    if faults.len() > before {
        return None;
    }
    match Suites::new(least, most, &names) {
        Ok(suites) => Some(suites),
        Err(error) => {
            let (at, field) = place?;
            let text =
                if least > most { "min_version is above max_version".to_owned() } else { error.to_string() };
            faults.push(Fault::new(at, &field, text));
            None
        }
    }
}
