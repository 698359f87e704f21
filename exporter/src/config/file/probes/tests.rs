use std::collections::BTreeSet;
use std::time::Duration;

use super::super::FileConfig;
use super::*;
use crate::probe::module::{LoginKind, Secret};

fn parse(text: &str) -> Result<FileConfig, Vec<String>> {
    FileConfig::parse(text, &BTreeSet::new())
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn module(text: &str) -> Module {
    let config = parse(&format!("modules: {{x: {text}}}\n")).expect(text);
    Module::clone(&config.probing.modules["x"])
}

#[test]
fn what_is_not_said_is_as_blackbox_has_it() {
    let Module { timeout, prober, limits } = module("{prober: http}");
    let Prober::Http(http) = prober else { panic!("not http") };
    assert_eq!((timeout, limits), (None, Limits::default()));
    assert_eq!((http.method.as_str(), http.follow, http.version_2), ("GET", true, true));
    assert_eq!((http.family, http.tls.insecure), (Family { v4: false, fallback: true }, false));
    let Prober::Icmp(icmp) = module("{prober: icmp}").prober else { panic!("not icmp") };
    assert_eq!((icmp.payload, icmp.ttl, icmp.whole, icmp.source), (28, None, false, None));
    let Prober::Dns(dns) = module("{prober: dns, dns: {query_name: a.b}}").prober else { panic!("not dns") };
    assert_eq!((dns.kind, dns.codes.as_slice(), dns.recurse), (255, &[0][..], true));
    let Prober::Grpc(grpc) = module("{prober: grpc}").prober else { panic!("not grpc") };
    assert_eq!((grpc.service.as_str(), grpc.speaks_tls), ("", false));
}

#[test]
fn what_is_said_is_there() {
    let said = module(
        "{prober: http, timeout: 1m30s, state: {warning: 1, critical: '2:', certificate_days: '30, 14'}, \
         http: {no_follow_redirects: true, body_size_limit: 10MB, preferred_ip_protocol: ip4, \
         authorization: {type: Token, credentials_file: /x}, valid_status_codes: [200, 404]}}",
    );
    assert_eq!(said.timeout, Some(Duration::from_secs(90)));
    assert_eq!(said.limits.certificate_days, Some((30, 14)));
    assert_eq!(said.limits.seconds.critical.map(|range| range.start()), Some(2.0));
    let Prober::Http(http) = said.prober else { panic!("not http") };
    assert_eq!((http.follow, http.longest, http.family.v4), (false, Some(10 << 20), true));
    let login = http.login.expect("somebody");
    assert_eq!(login.kind, LoginKind::Token("Token".to_owned()));
    assert!(matches!(login.secret, Secret::File(path) if path == "/x"));
    assert_eq!(http.statuses, [200, 404]);
    let config = parse("probe: {allow: [10.0.0.0/8, '*.x'], link_local: true}\n").expect("valid").probing;
    let admits = |address: &str| config.allow.admits("h", address.parse().unwrap()).is_ok();
    assert!(config.allow.link_local && admits("10.9.9.9") && !admits("11.0.0.1"));
}

#[test]
fn what_is_not_supported_is_told_with_its_line() {
    let faults = |text: &str| parse(text).expect_err(text);
    let table = [
        ("prober: htp", "modules.x.prober: not \"htp\": one of http, tcp, icmp, dns, grpc"),
        ("timeout: 5s", "modules.x.prober: is missing: one of http, tcp, icmp, dns, grpc"),
        ("prober: icmp\n    tcp: {}", "modules.x.tcp: the prober is icmp, which does not look at this"),
        ("prober: http\n    http: {proxy_url: 'http://x'}", "modules.x.http.proxy_url: is not supported: "),
        ("prober: http\n    http: {oauth2: {client_id: x}}", "modules.x.http.oauth2: is not supported"),
        (
            "prober: http\n    http: {compression: br}",
            "modules.x.http.compression: expected gzip, deflate or",
        ),
        (
            "prober: http\n    http: {body_sise_limit: 1}",
            "modules.x.http.body_sise_limit: no such field here; ",
        ),
        (
            "prober: http\n    http: {fail_if_body_matches_regexp: ['a(']}",
            "matches_regexp[0]: unclosed group",
        ),
        ("prober: http\n    http: {fail_if_header_matches: [{header: a}]}", "[0]: header and regexp have to"),
        ("prober: http\n    http: {headers: {'a b': c}}", "modules.x.http.headers.a b: is no header"),
        ("prober: http\n    http: {bearer_token: a, basic_auth: {username: b}}", "at most one of basic_auth"),
        (
            "prober: http\n    http: {tls_config: {min_version: TLS10}}",
            "min_version: expected TLS12 or TLS13",
        ),
        ("prober: http\n    http: {tls_config: {cert_file: a}}", "tls_config: cert_file and key_file need"),
        ("prober: http\n    http: {valid_status_codes: [99]}", "valid_status_codes[0]: \"99\" is no status"),
        (
            "prober: http\n    http: {enable_http2: maybe}",
            "enable_http2: expected true or false, not \"maybe\"",
        ),
        ("prober: tcp\n    tcp: {query_response: {}}", "query_response: expected a list"),
        (
            "prober: tcp\n    tcp: {tls: true, query_response: [{starttls: true}]}",
            "tcp: TLS is started twice",
        ),
        (
            "prober: icmp\n    icmp: {ttl: 256}",
            "modules.x.icmp.ttl: expected a number from 0 to 255, not \"256\"",
        ),
        ("prober: icmp\n    icmp: {source_ip_address: lo}", "source_ip_address: \"lo\" is no address"),
        ("prober: dns", "modules.x.dns.query_name: is missing: the name to ask for"),
        ("prober: dns\n    dns: {query_name: a, query_type: B}", "query_type: \"B\" is no type of records"),
        ("prober: dns\n    dns: {query_name: a, query_class: CH}", "query_class: expected IN"),
        ("prober: dns\n    dns: {query_name: a, valid_rcodes: [X]}", "valid_rcodes[0]: \"X\" is no code"),
        ("prober: dns\n    dns: {query_name: a..b}", "query_name: \"a..b\" cannot be asked for"),
        (
            "prober: dns\n    dns: {query_name: a, dns_over_tls: true}",
            "dns_over_tls: is spoken over TCP alone",
        ),
        ("prober: grpc\n    state: {warning: '2:1'}", "modules.x.state.warning: Range format incorrect"),
        ("prober: grpc\n    state: {certificate_days: x}", "certificate_days: expected days as in \"30,14\""),
    ];
    for (text, wanted) in table {
        let told = faults(&format!("modules:\n  x:\n    {text}\n"));
        let line = if text.contains('\n') { "line 4, " } else { "line 3, " };
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].starts_with(line) && told[0].contains(wanted), "{wanted}: {told:?}");
    }
    let told = faults("probe: {allow: [10.0.0.1/8, 'a b'], linklocal: true}\nmodules: [a]\n");
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].contains("probe.allow[0]: \"10.0.0.1/8\" has bits beyond its length"), "{told:?}");
    assert!(told[3].starts_with("line 2, column 10: modules: expected fields"), "{told:?}");
}
