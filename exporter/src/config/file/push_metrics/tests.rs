use super::super::FileConfig;
use super::*;

fn parse(text: &str) -> Result<Settings, Vec<String>> {
    let parsed = FileConfig::parse(text, &BTreeSet::new());
    let shown = |faults: Vec<Fault>| faults.iter().map(Fault::to_string).collect();
    parsed.map_err(shown).map(|config| config.push.unwrap())
}

const WHOLE: &str = "\
push:
  interval: 30s
  job: hosts
  instance: web-1
  external_labels: {cluster: site-b, replica: a}
  directory: /var/lib/q
  remote_write:
    - url: https://prometheus.example.com/api/v1/write?x=1
      name: central
      protobuf_message: io.prometheus.write.v2.Request
      tls_config: {ca_file: /ca.pem, cert_file: /c.pem, key_file: /c.key, server_name: p.example}
      basic_auth: {username: me, password_file: /password}
      headers: {X-Scope-OrgID: b}
      remote_timeout: 5s
      queue_config: {max_bytes: 2MiB, max_samples_per_send: 7, min_backoff: 1s, max_backoff: 1m}
    - url: http://[2001:db8::1]:8428/api/v1/write
      authorization: {credentials_file: /token}
      tls_config: {insecure_skip_verify: true}
  influx:
    - url: http://influx:8086/base/
      database: a b
      retention_policy: week
";

fn receiver(name: &str, url: &str, protocol: Protocol) -> Target {
    Target {
        name: name.to_owned(),
        url: Url::parse(url).unwrap(),
        protocol,
        tls: Tls::default(),
        login: None,
        headers: Vec::new(),
        timeout: Duration::from_secs(30),
        max_bytes: 256 << 20,
        max_samples: 5000,
        min_backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
    }
}

#[test]
fn all_that_is_said_is_taken() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let central = Target {
        tls: Tls {
            authorities: Some("/ca.pem".to_owned()),
            identity: Some(pair("/c.pem", "/c.key")),
            server_name: Some("p.example".to_owned()),
            insecure: false,
        },
        login: Some(Login::Basic("me".to_owned(), "/password".into())),
        headers: vec![pair("X-Scope-OrgID", "b")],
        timeout: Duration::from_secs(5),
        max_bytes: 2 << 20,
        max_samples: 7,
        min_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(60),
        ..receiver("central", "https://prometheus.example.com/api/v1/write?x=1", Protocol::RemoteWrite2)
    };
    let victoria = Target {
        tls: Tls { insecure: true, ..Tls::default() },
        login: Some(Login::Token("Bearer".to_owned(), "/token".into())),
        ..receiver("2001_db8__1", "http://[2001:db8::1]:8428/api/v1/write", Protocol::RemoteWrite1)
    };
    let influx =
        receiver("influx", "http://influx:8086/base/write?db=a+b&rp=week&precision=ms", Protocol::Influx);
    let wanted = Settings {
        interval: Duration::from_secs(30),
        job: "hosts".to_owned(),
        instance: Some("web-1".to_owned()),
        external_labels: vec![pair("cluster", "site-b"), pair("replica", "a")],
        directory: "/var/lib/q".into(),
        targets: vec![central, victoria, influx],
    };
    assert_eq!(parse(WHOLE), Ok(wanted));
}

#[test]
fn little_is_needed() {
    let settings = parse("push: {remote_write: [{url: \"http://Store:9090/api/v1/write\"}]}").unwrap();
    assert_eq!((settings.interval, settings.job.as_str()), (Duration::from_secs(15), "plimsoll"));
    assert_eq!(settings.instance, None);
    assert_eq!(settings.directory, PathBuf::from("/var/lib/plimsoll/metrics"));
    let wanted = receiver("store", "http://Store:9090/api/v1/write", Protocol::RemoteWrite1);
    assert_eq!(settings.targets, [wanted]);
}

#[test]
fn every_fault_is_told_with_its_place() {
    let faults = parse(
        "\
push:
  interval: 5ms
  external_labels: {job: x, a-b: y}
  remote_write:
    - name: ../x
    - url: https://me:secret@host/write
      protobuf_message: v3
      headers: {Authorization: x}
      queue_config: {max_bytes: 1KiB, capacity: 5}
    - url: http://../x
      basic_auth: {username: me, password: secret}
      tls_config: {cert_file: /c.pem}
  influx:
    - url: http://one
    - url: http://two
      database: x
      authorization: {type: Basic}
",
    );
    assert_eq!(
        faults.unwrap_err(),
        [
            "line 2, column 13: push.interval: not within 1s to 1d",
            "line 3, column 21: push.external_labels.job: is no name of a label here",
            "line 3, column 29: push.external_labels.a-b: is no name of a label here",
            "line 5, column 7: push.remote_write[0].url: is missing: where the numbers go",
            "line 5, column 13: push.remote_write[0].name: expected up to 64 letters, digits, \".\", \"_\" and \"-\"",
            "line 6, column 12: push.remote_write[1].url: a password is no part of a URL here: basic_auth has a file for it",
            "line 7, column 25: push.remote_write[1].protobuf_message: expected prometheus.WriteRequest or \
             io.prometheus.write.v2.Request, not \"v3\"",
            "line 8, column 17: push.remote_write[1].headers.Authorization: is ours to write; who we are is said by \
             basic_auth or authorization",
            "line 9, column 33: push.remote_write[1].queue_config.max_bytes: not within 1MiB to 1024GiB",
            "line 9, column 39: push.remote_write[1].queue_config.capacity: no such field here; there are max_bytes, \
             max_samples_per_send, min_backoff, max_backoff",
            "line 10, column 12: push.remote_write[2].url: expected http://HOST:PORT/PATH or https://HOST/PATH",
            "line 11, column 44: push.remote_write[2].basic_auth.password: is not taken here: it belongs into password_file",
            "line 12, column 19: push.remote_write[2].tls_config: cert_file and key_file need each other",
            "line 14, column 7: push.influx[0].database: is missing: where the numbers go",
            "line 17, column 29: push.influx[1].authorization.type: expected a word such as Bearer; a password is basic_auth's",
        ]
    );
    assert_eq!(
        parse("push: {}").unwrap_err(),
        ["line 1, column 7: push: there is nobody to push to: remote_write or influx"]
    );
    assert_eq!(
        parse("push:\n  remote_write: [{url: \"http://a/1\"}, {url: \"http://a/2\"}]\n").unwrap_err(),
        [
            "line 2, column 39: push.remote_write[1]: a receiver is called \"a\" already: give one a name of its own"
        ]
    );
    assert_eq!(
        parse("push: {remote_write: [{url: \"http://a\", basic_auth: {username: u, password_file: /p}, authorization: {credentials_file: /t}}]}")
            .unwrap_err(),
        ["line 1, column 23: push.remote_write[0].authorization: at most one of basic_auth and authorization"]
    );
}
