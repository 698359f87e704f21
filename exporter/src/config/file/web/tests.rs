//! Files good and bad, with the very faults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::*;
use crate::http::Opens;

const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

/// What there is to be named.
static FILES: LazyLock<BTreeMap<PathBuf, String>> = LazyLock::new(|| {
    let (key, other) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("valid");
    let certificate = params.self_signed(&key).expect("signs").pem();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("signs").pem();
    let files = [
        ("/etc/p/own.pem", certificate),
        ("/etc/p/own.key", key.serialize_pem()),
        ("/etc/p/other.key", other.serialize_pem()),
        ("/keys/ca.pem", authority),
        ("/etc/p/text", "hello\n".to_owned()),
        ("/etc/p/broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        (
            "/etc/p/sealed.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned(),
        ),
    ];
    files.map(|(path, text)| (path.into(), text)).into()
});

fn parse(text: &str) -> Result<Rules, String> {
    let read = |path: &Path| {
        let found = FILES.get(path).map(|text| text.clone().into_bytes());
        found.ok_or_else(|| FileError::Read(io::ErrorKind::NotFound.into()))
    };
    super::parse(text, Path::new("/etc/p"), &read)
        .map_err(|faults| faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))
}

/// A section of TLS that is whole, and more in it.
fn tls(more: &str) -> String {
    format!("tls_server_config: {{cert_file: own.pem, key_file: /etc/p/own.key, {more}}}")
}

#[test]
fn files_that_ask_for_nothing_ask_for_nothing() {
    for text in
        ["", "tls_server_config: {}", "tls_server_config:\nhttp_server_config: {http2: false, headers: }"]
    {
        let rules = parse(text).expect(text);
        assert!(rules.tls.is_none() && rules.users.is_empty() && rules.headers.is_empty(), "{text}");
    }
    for text in ["rate_limit: {}", "rate_limit: {interval: 0, burst: 5}", "rate_limit: {interval: 0s}"] {
        assert_eq!(parse(text).expect(text).rate, None, "{text}");
    }
}

#[test]
fn what_is_asked_for_is_made() {
    let rate = parse("rate_limit: {interval: 1.5s, burst: 20}").expect("good").rate;
    assert_eq!(rate, Some(Rate { interval: std::time::Duration::from_millis(1500), burst: 20 }));
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: ''\n    \
                   Strict-Transport-Security: max-age=1; includeSubDomains\n    X-Content-Type-Options: nosniff\n";
    let headers: Vec<_> = parse(headers)
        .expect("good")
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    assert_eq!(
        headers,
        [
            "strict-transport-security: \"max-age=1; includeSubDomains\"",
            "x-content-type-options: \"nosniff\"",
            "x-frame-options: \"deny\"",
        ]
    );
    assert_eq!(
        parse(&format!("basic_auth_users: {{ann: {HASH}, 'b c': {HASH}}}")).expect("good").users.len(),
        2
    );
    let inline = |path: &str| FILES[Path::new(path)].trim_end().replace('\n', "\n    ");
    let (certificate, key) = (inline("/etc/p/own.pem"), inline("/etc/p/own.key"));
    let written = format!("tls_server_config:\n  cert: |\n    {certificate}\n  key: |\n    {key}\n");
    assert!(parse(&written).expect("good").tls.is_some());
}

#[test]
fn every_field_of_tls() {
    for (more, required) in [
        ("", false),
        ("client_auth_type: NoClientCert", false),
        ("client_auth_type: RequestClientCert", false),
        ("client_auth_type: RequireAnyClientCert", true),
        ("client_auth_type: RequireClientCert, client_allowed_sans: [a, 'b']", true),
        ("client_auth_type: VerifyClientCertIfGiven, client_ca_file: /keys/ca.pem", false),
        ("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ../../keys/../keys/ca.pem", true),
        ("min_version: TLS13", false),
        ("min_version: TLS12, max_version: TLS12, prefer_server_cipher_suites: false", false),
        ("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256]", false),
        ("curve_preferences: [CurveP384, X25519, CurveP256]", false),
    ] {
        let text = tls(more).replace("../../keys/../keys", "/keys");
        let rules = parse(&text).expect(more);
        assert_eq!((rules.tls.is_some(), rules.certificate_required), (true, required), "{more}");
        // Nothing of it may be lost by a file that is cut.
        let none = crate::http::Door::new(rules).replace(Rules::default());
        assert_eq!(none, Err(Opens::Tls));
    }
}

#[test]
fn faults_of_tls() {
    for (text, fault) in [
        (
            "tls_server_config: {min_version: TLS13}",
            "line 1, column 20: tls_server_config.cert_file: is missing, or cert: without it there is no TLS",
        ),
        (
            "tls_server_config: {cert_file: own.pem}",
            "line 1, column 20: tls_server_config.key_file: is missing, or key: without it there is no TLS",
        ),
        (
            "tls_server_config:\n  cert_file: own.pem\n  key_file: no.key",
            "line 3, column 13: tls_server_config.key_file: /etc/p/no.key: there is no such file",
        ),
        (
            "tls_server_config:\n  cert_file: own.pem\n  key_file: other.key",
            "line 3, column 13: tls_server_config.key_file: the key is not that of the certificate",
        ),
        (
            "tls_server_config:\n  cert_file: text\n  key_file: own.key",
            "line 2, column 14: tls_server_config.cert_file: no certificate in PEM",
        ),
        (
            "tls_server_config:\n  cert_file: own.key\n  key_file: own.pem",
            "line 2, column 14: tls_server_config.cert_file: no certificate in PEM",
        ),
        (
            "tls_server_config:\n  cert_file: own.pem\n  key_file: own.pem",
            "line 3, column 13: tls_server_config.key_file: no private key in PEM (one under a passphrase is not read)",
        ),
        (
            "tls_server_config:\n  cert_file: own.pem\n  key_file: sealed.key",
            "line 3, column 13: tls_server_config.key_file: no private key in PEM (one under a passphrase is not read)",
        ),
        (
            "tls_server_config:\n  cert_file: broken\n  key_file: own.key",
            "line 2, column 14: tls_server_config.cert_file: invalid peer certificate: BadEncoding",
        ),
        (
            "tls_server_config: {cert_file: own.pem, cert: x, key_file: own.key}",
            "line 1, column 47: tls_server_config.cert: cert_file is here too: it is one or the other",
        ),
        (
            "tls_server_config: own.pem",
            "line 1, column 20: tls_server_config: expected fields, as in \"name: value\"",
        ),
    ] {
        assert_eq!(parse(text).map(|_| ()), Err(fault.to_owned()), "{text}");
    }
}

#[test]
fn faults_in_tls() {
    for (more, fault) in [
        ("min_version: TLS11", "min_version: TLS11 is not safe, and not spoken here: TLS12 and TLS13 are"),
        ("max_version: SSL3", "max_version: expected TLS12 or TLS13, not \"SSL3\""),
        ("min_version: TLS13, max_version: TLS12", "max_version: min_version is above max_version"),
        (
            "cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
            "cipher_suites[0]: TLS_RSA_WITH_AES_128_CBC_SHA is too weak, and not spoken here",
        ),
        ("cipher_suites: [AES]", "cipher_suites[0]: unknown cipher \"AES\""),
        (
            "cipher_suites: [TLS_AES_128_GCM_SHA256], max_version: TLS12",
            "cipher_suites: none of these ciphers is of a TLS version from min_version to max_version",
        ),
        (
            "curve_preferences: [X25519, CurveP521]",
            "curve_preferences[1]: CurveP521 is not spoken here: X25519, CurveP256 and CurveP384 are",
        ),
        (
            "curve_preferences: [x]",
            "curve_preferences[0]: unknown curve \"x\": there are X25519, CurveP256 and CurveP384",
        ),
        (
            "prefer_server_cipher_suites: yes",
            "prefer_server_cipher_suites: expected true or false, not \"yes\"",
        ),
        (
            "client_auth_type: Always",
            "client_auth_type: expected NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert, not \"Always\"",
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert",
            "client_auth_type: needs client_ca_file or client_ca: the authorities of the system are not asked",
        ),
        (
            "client_ca_file: /keys/ca.pem",
            "client_ca_file: is used by VerifyClientCertIfGiven and RequireAndVerifyClientCert, which client_auth_type does not say",
        ),
        (
            "client_ca_file: text, client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file: no certificate in PEM",
        ),
        (
            "client_auth_type: RequestClientCert, client_allowed_sans: [a]",
            "client_allowed_sans: needs client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert",
        ),
        (
            "client_auth_type: RequireAnyClientCert, client_allowed_sans: []",
            "client_allowed_sans: there are none: nobody could come in",
        ),
        (
            "client_name: x",
            "client_name: no such field here; there are cert_file, cert, key_file, key, client_ca_file, client_ca, client_auth_type, client_allowed_sans, min_version, max_version, cipher_suites, curve_preferences, prefer_server_cipher_suites",
        ),
    ] {
        let error = parse(&tls(more)).map(|_| ()).expect_err(more);
        let (_, field) = error.split_once(": ").expect("a place");
        assert_eq!(field, format!("tls_server_config.{fault}"), "{more}");
    }
}

#[test]
fn faults_elsewhere() {
    for (text, fault) in [
        (
            "tls: {}",
            "line 1, column 1: tls: no such field here; there are tls_server_config, http_server_config, basic_auth_users, rate_limit",
        ),
        (
            "http_server_config:\n  http2: perhaps",
            "line 2, column 10: http_server_config.http2: expected true or false, not \"perhaps\"",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "line 1, column 49: http_server_config.headers.X-Frame-Options: expected deny or sameorigin, not \"allow\"",
        ),
        (
            "http_server_config: {headers: {X-XSS-Protection: \"a\\nb\"}}",
            "line 1, column 50: http_server_config.headers.X-XSS-Protection: no value of a header",
        ),
        (
            "http_server_config: {headers: {Server: x}}",
            "line 1, column 32: http_server_config.headers.Server: no such field here; there are Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection",
        ),
        (
            "basic_auth_users:\n  ann: secret",
            "line 2, column 8: basic_auth_users.ann: expected a bcrypt hash of the password, as `htpasswd -nBC 10 USER` makes it",
        ),
        (
            "basic_auth_users: {}",
            "line 1, column 19: basic_auth_users: there are none: leave this out to let everybody in",
        ),
        (
            "basic_auth_users: [a]",
            "line 1, column 19: basic_auth_users: expected fields, as in \"name: value\"",
        ),
        (
            "rate_limit: {interval: 1, burst: 5}",
            "line 1, column 24: rate_limit.interval: expected a duration such as 500ms, 1.5s or 1m30s, not \"1\"",
        ),
        (
            "rate_limit: {interval: 1s}",
            "line 1, column 13: rate_limit.burst: expected at least 1: nothing would ever be answered",
        ),
        (
            "rate_limit: {interval: 1s, burst: 0}",
            "line 1, column 13: rate_limit.burst: expected at least 1: nothing would ever be answered",
        ),
        (
            "rate_limit: {burst: 5}",
            "line 1, column 13: rate_limit.interval: is missing: a duration such as 1s, or 0 for no limit",
        ),
        (
            "rate_limit: {interval: 1s, burst: -1}",
            "line 1, column 35: rate_limit.burst: expected a number from 0 to 1000000, not \"-1\"",
        ),
    ] {
        assert_eq!(parse(text).map(|_| ()), Err(fault.to_owned()), "{text}");
    }
    let twice = format!("basic_auth_users:\n  ann: {HASH}\n  ann: {HASH}\n");
    assert_eq!(
        parse(&twice).map(|_| ()),
        Err("line 3, column 3: basic_auth_users.ann: this field is here twice".to_owned())
    );
    let (dear, colon) = (HASH.replace("$10", "$20"), format!("basic_auth_users: {{'a:b': {HASH}}}"));
    let fault = parse(&format!("basic_auth_users: {{ann: {dear}}}")).map(|_| ()).expect_err("too dear");
    assert_eq!(
        fault,
        "line 1, column 25: basic_auth_users.ann: the cost of the hash must be from 4 to 16, not 20"
    );
    let fault = parse(&colon).map(|_| ()).expect_err("no name");
    assert_eq!(
        fault,
        "line 1, column 27: basic_auth_users.a:b: a user's name has no colon in it, and is not empty"
    );
}
