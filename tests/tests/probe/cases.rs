//! The modules and targets: `{name}` stands for a server's port or path (see `plimsoll_tests::servers`).

use plimsoll_tests::grpc::Answer;

/// Servers of gRPC.
pub(crate) const GRPC: &[(&str, Answer)] = &[
    ("grpc-unknown", Answer::Health(0)),
    ("grpc-serving", Answer::Health(1)),
    ("grpc-not-serving", Answer::Health(2)),
    ("grpc-service-unknown", Answer::Health(3)),
    ("grpc-not-found", Answer::Code("5")),
    ("grpc-unimplemented", Answer::Code("12")),
];

/// By name: the module and the target.
type Case = (&'static str, &'static str, &'static str);

/// What both are configured with, `CERTIFICATES` in the place of a directory.
pub(crate) const MODULES: &str = r#"
modules:
  http_2xx: {prober: http, timeout: 5s}
  http_post_2xx:
    prober: http
    timeout: 5s
    http: {method: POST, headers: {Content-Type: application/json}, body: '{}'}
  http_basic_auth:
    prober: http
    timeout: 5s
    http:
      headers: {Host: login.example.com}
      basic_auth: {username: user, password: secret}
      fail_if_body_not_matches_regexp: ['Basic dXNlcjpzZWNyZXQ= .*login\.example\.com HTTP/1\.1']
  http_never: {prober: http, timeout: 5s, http: {fail_if_body_matches_regexp: [World]}}
  http_always: {prober: http, timeout: 5s, http: {fail_if_body_not_matches_regexp: ['(?s)hello.*World']}}
  http_lacks: {prober: http, timeout: 5s, http: {fail_if_body_not_matches_regexp: [hello, xyzzy]}}
  http_header:
    prober: http
    timeout: 5s
    http: {fail_if_header_not_matches: [{header: x-test, regexp: '^val'}], fail_if_header_matches: [{header: Set-Cookie, regexp: '.*', allow_missing: true}]}
  http_no_header: {prober: http, timeout: 5s, http: {fail_if_header_matches: [{header: X-Test, regexp: nothing}]}}
  http_stays: {prober: http, timeout: 5s, http: {follow_redirects: false, valid_status_codes: [302]}}
  http_404: {prober: http, timeout: 5s, http: {valid_status_codes: [404, 503], valid_http_versions: [HTTP/1.1]}}
  http_small: {prober: http, timeout: 5s, http: {body_size_limit: 4B}}
  http_plain: {prober: http, timeout: 5s, http: {fail_if_ssl: true, tls_config: {insecure_skip_verify: true}}}
  http_tls: {prober: http, timeout: 5s, http: {fail_if_not_ssl: true, tls_config: {insecure_skip_verify: true}}}
  http_v1: {prober: http, timeout: 5s, http: {enable_http2: false, tls_config: {insecure_skip_verify: true}}}
  http_ca:
    prober: http
    timeout: 5s
    http: {tls_config: {ca_file: CERTIFICATES/authority.pem, server_name: good.example}}
  http_short: {prober: http, timeout: 1s}
  tcp_connect: {prober: tcp, timeout: 5s}
  ssh_banner:
    prober: tcp
    timeout: 5s
    tcp: {query_response: [{expect: '^SSH-2.0-'}, {send: SSH-2.0-blackbox-ssh-check}]}
  irc_banner:
    prober: tcp
    timeout: 5s
    tcp:
      query_response:
        - send: "NICK prober"
        - send: "USER prober prober prober :prober"
        - expect: "PROBER? (prober) prober :([^ ]+)"
          send: "PONG ${1}-$2"
        - expect: "^PONG prober-prober$"
  pop3s_banner:
    prober: tcp
    timeout: 5s
    tcp: {query_response: [{expect: '^\+OK'}], tls: true, tls_config: {insecure_skip_verify: true}}
  tls_ca:
    prober: tcp
    timeout: 5s
    tcp: {tls: true, tls_config: {ca_file: CERTIFICATES/authority.pem, server_name: good.example}}
  tls_system: {prober: tcp, timeout: 5s, tcp: {tls: true}}
  smtp_starttls:
    prober: tcp
    timeout: 5s
    tcp:
      query_response:
        - expect: "^220 ([^ ]+) (.+)$"
        - send: "EHLO prober\r"
        - expect: "^250[- ]STARTTLS"
        - send: "STARTTLS\r"
        - expect: "^220"
        - starttls: true
        - send: "EHLO prober\r"
        - expect: "^250[- ]"
        - send: "QUIT\r"
      tls_config: {insecure_skip_verify: true}
  tcp_short: {prober: tcp, timeout: 1s, tcp: {query_response: [{expect: never}]}}
  icmp: {prober: icmp, timeout: 5s}
  icmp_v4: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip4, source_ip_address: 127.0.0.1, payload_size: 100}}
  icmp_v6: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip6}}
  dns_udp:
    prober: dns
    timeout: 5s
    dns:
      query_name: www.example.test
      query_type: A
      validate_answer_rrs:
        fail_if_matches_regexp: ['.*127\.0\.0\.1']
        fail_if_not_matches_regexp: ["www.example.test.\t3600\tIN\tA\t192\\.0\\.2\\.1"]
        fail_if_none_matches_regexp: ['192\.0\.2\.1']
  dns_tcp: {prober: dns, timeout: 5s, dns: {transport_protocol: tcp, query_name: example.test}}
  dns_soa: {prober: dns, timeout: 5s, dns: {query_name: example.test, query_type: SOA}}
  dns_txt: {prober: dns, timeout: 5s, dns: {query_name: example.test, query_type: TXT, validate_answer_rrs: {fail_if_not_matches_regexp: ['"v=spf1 -all" "second \\"part\\""']}}}
  dns_mx: {prober: dns, timeout: 5s, dns: {query_name: example.test, query_type: MX, validate_answer_rrs: {fail_if_not_matches_regexp: ["\tMX\t10 mail.example.test.$"]}, validate_additional_rrs: {fail_if_none_matches_regexp: ["A\t192"]}}}
  dns_matches: {prober: dns, timeout: 5s, dns: {query_name: www.example.test, query_type: A, validate_answer_rrs: {fail_if_matches_regexp: ['192']}}}
  dns_none: {prober: dns, timeout: 5s, dns: {query_name: six.example.test, query_type: A, validate_answer_rrs: {fail_if_none_matches_regexp: ['192']}}}
  dns_all: {prober: dns, timeout: 5s, dns: {query_name: two.example.test, query_type: A, validate_answer_rrs: {fail_if_all_match_regexp: ['192']}}}
  dns_all_not: {prober: dns, timeout: 5s, dns: {query_name: two.example.test, query_type: A, validate_answer_rrs: {fail_if_all_match_regexp: ['192.0.2.1$']}}}
  dns_nx: {prober: dns, timeout: 5s, dns: {query_name: no.example.test, query_type: A, valid_rcodes: [NXDOMAIN]}}
  dns_nx_bad: {prober: dns, timeout: 5s, dns: {query_name: no.example.test, query_type: A}}
  dns_short: {prober: dns, timeout: 1s, dns: {query_name: example.test, query_type: A}}
  grpc: {prober: grpc, timeout: 5s, grpc: {tls: true, tls_config: {insecure_skip_verify: true}}}
  grpc_plain: {prober: grpc, timeout: 5s, grpc: {service: service1}}
"#;

/// What is probed.
pub(crate) const CASES: &[Case] = &[
    ("page", "http_2xx", "127.0.0.1:{http}"),
    ("page by url", "http_2xx", "http://127.0.0.1:{http}/sub/page?x=y"),
    ("page by v6", "http_2xx", "http://[::1]:{http}/"),
    ("page by name", "http_2xx", "http://localhost:{http}/"),
    ("page asked", "http_2xx", "127.0.0.1:{http}/asked"),
    ("post", "http_post_2xx", "127.0.0.1:{http}/asked"),
    ("basic", "http_basic_auth", "127.0.0.1:{http}/asked"),
    ("never", "http_never", "127.0.0.1:{http}"),
    ("always", "http_always", "127.0.0.1:{http}"),
    ("lacks", "http_lacks", "127.0.0.1:{http}"),
    ("header", "http_header", "127.0.0.1:{http}/headers"),
    ("header missing", "http_header", "127.0.0.1:{http}/"),
    ("no header", "http_no_header", "127.0.0.1:{http}/"),
    ("redirect", "http_2xx", "127.0.0.1:{http}/302"),
    ("redirect relative", "http_2xx", "127.0.0.1:{http}/sub/relative"),
    ("redirect name", "http_2xx", "127.0.0.1:{http}/localhost"),
    ("redirect stays", "http_stays", "127.0.0.1:{http}/302"),
    ("redirect loop", "http_2xx", "127.0.0.1:{http}/loop"),
    ("redirect ping pong", "http_2xx", "127.0.0.1:{http}/here"),
    ("redirect to tls", "http_tls", "127.0.0.1:{http}/tls"),
    ("redirect nowhere", "http_2xx", "127.0.0.1:{http-nowhere}"),
    ("304", "http_2xx", "127.0.0.1:{http}/304"),
    ("404", "http_2xx", "127.0.0.1:{http}/404"),
    ("404 fine", "http_404", "127.0.0.1:{http}/404"),
    ("204", "http_2xx", "127.0.0.1:{http}/empty"),
    ("old", "http_2xx", "127.0.0.1:{http}/old"),
    ("small", "http_small", "127.0.0.1:{http}/text"),
    ("closed", "http_2xx", "127.0.0.1:1"),
    ("no name", "http_2xx", "nonexistent.invalid"),
    ("chunked", "http_2xx", "127.0.0.1:{http-chunked}"),
    ("cut", "http_2xx", "127.0.0.1:{http-cut}"),
    ("fortnight", "http_2xx", "127.0.0.1:{http-fortnight}"),
    ("continue", "http_2xx", "127.0.0.1:{http-continue}"),
    ("trickle", "http_short", "127.0.0.1:{http-trickle}"),
    ("silent", "http_short", "127.0.0.1:{silent}"),
    ("empty", "http_2xx", "127.0.0.1:{http-silent}"),
    ("garbage", "http_2xx", "127.0.0.1:{http-garbage}"),
    ("tls", "http_tls", "https://127.0.0.1:{https-good}"),
    ("tls name", "http_tls", "https://localhost:{https-good}/name"),
    ("tls version 1", "http_v1", "https://127.0.0.1:{https-good}"),
    ("tls unwanted", "http_plain", "https://127.0.0.1:{https-good}"),
    ("no tls", "http_tls", "http://127.0.0.1:{http}"),
    ("tls ca", "http_ca", "https://127.0.0.1:{https-good}"),
    ("tls expired", "http_ca", "https://127.0.0.1:{https-expired}"),
    ("tls self signed", "http_ca", "https://127.0.0.1:{https-self-signed}"),
    ("tls unknown", "http_2xx", "https://127.0.0.1:{https-good}"),
    ("tls to plain", "http_tls", "https://127.0.0.1:{http}"),
    ("connect", "tcp_connect", "127.0.0.1:{http}"),
    ("connect v6", "tcp_connect", "[::1]:{http}"),
    ("connect closed", "tcp_connect", "127.0.0.1:1"),
    ("connect no port", "tcp_connect", "127.0.0.1"),
    ("ssh", "ssh_banner", "127.0.0.1:{ssh}"),
    ("ssh lines", "ssh_banner", "127.0.0.1:{ssh-lines}"),
    ("ssh wrong", "ssh_banner", "127.0.0.1:{refusing}"),
    ("ssh ended", "ssh_banner", "127.0.0.1:{ssh-no-parts}"),
    ("ssh closing", "ssh_banner", "127.0.0.1:{closing}"),
    ("irc", "irc_banner", "127.0.0.1:{echo}"),
    ("pop3s", "pop3s_banner", "127.0.0.1:{real-pops}"),
    ("tls tcp", "tls_ca", "127.0.0.1:{https-good}"),
    ("tls tcp other", "tls_ca", "127.0.0.1:{https-self-signed}"),
    ("tls tcp system", "tls_system", "localhost:{https-good}"),
    ("starttls", "smtp_starttls", "127.0.0.1:{starttls-good}"),
    ("starttls refused", "smtp_starttls", "127.0.0.1:{smtp}"),
    ("tcp silent", "tcp_short", "127.0.0.1:{silent}"),
    ("tcp crawl", "tcp_short", "127.0.0.1:{crawl}"),
    ("echo", "icmp", "127.0.0.1"),
    ("echo localhost", "icmp", "localhost"),
    ("echo v4", "icmp_v4", "127.0.0.1"),
    ("echo v6", "icmp_v6", "::1"),
    ("echo no name", "icmp", "nonexistent.invalid"),
    ("dns", "dns_udp", "{nsd}"),
    ("dns port", "dns_udp", "{nsd}:53"),
    ("dns tcp any", "dns_tcp", "{nsd}"),
    ("dns soa", "dns_soa", "{nsd}"),
    ("dns txt", "dns_txt", "{nsd}"),
    ("dns mx", "dns_mx", "{nsd}"),
    ("dns matches", "dns_matches", "{nsd}"),
    ("dns none", "dns_none", "{nsd}"),
    ("dns all", "dns_all", "{nsd}"),
    ("dns all not", "dns_all_not", "{nsd}"),
    ("dns nx", "dns_nx", "{nsd}"),
    ("dns nx bad", "dns_nx_bad", "{nsd}"),
    ("dns silent", "dns_short", "127.0.0.1:{udp-silent}"),
    ("dns garbage", "dns_short", "127.0.0.1:{udp-greets}"),
    ("dns closed", "dns_short", "127.0.0.1:1"),
    ("grpc serving", "grpc_plain", "127.0.0.1:{grpc-serving}"),
    ("grpc not serving", "grpc_plain", "127.0.0.1:{grpc-not-serving}"),
    ("grpc unknown", "grpc_plain", "127.0.0.1:{grpc-unknown}"),
    ("grpc service unknown", "grpc_plain", "127.0.0.1:{grpc-service-unknown}"),
    ("grpc not found", "grpc_plain", "127.0.0.1:{grpc-not-found}"),
    ("grpc unimplemented", "grpc_plain", "127.0.0.1:{grpc-unimplemented}"),
    ("grpc no name", "grpc_plain", "nonexistent.invalid:1"),
    ("grpc closed", "grpc_plain", "127.0.0.1:1"),
];

/// The cases in which a gauge differs, and why.
pub(crate) const DIFFERENCES: &[(&[&str], &str, &str)] = &[(
    &["redirect to tls", "tls", "tls name", "tls version 1", "tls unwanted", "pop3s", "starttls"],
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "nothing was verified, so there is no chain: blackbox_exporter tells the year 1, ours tells nothing",
)];

/// The examples that blackbox_exporter documents, without those whose options are not supported.
pub(crate) const EXAMPLES: &str = r#"
modules:
  http_2xx: {prober: http}
  http_2xx_example:
    prober: http
    timeout: 5s
    http:
      valid_http_versions: ["HTTP/1.1", "HTTP/2.0"]
      valid_status_codes: []
      method: GET
      headers:
        Host: vhost.example.com
        Accept-Language: en-US
        Origin: example.com
      no_follow_redirects: false
      fail_if_ssl: false
      fail_if_not_ssl: false
      fail_if_body_matches_regexp: ["Could not connect to database"]
      fail_if_body_not_matches_regexp: ["Download the latest version here"]
      fail_if_header_matches:
        - header: Set-Cookie
          allow_missing: true
          regexp: '.*'
      fail_if_header_not_matches:
        - header: Access-Control-Allow-Origin
          regexp: '(\*|example\.com)'
      tls_config:
        insecure_skip_verify: false
      preferred_ip_protocol: "ip4"
      ip_protocol_fallback: false
  http_post_2xx: {prober: http, timeout: 5s, http: {method: POST, headers: {Content-Type: application/json}, body: '{}'}}
  http_custom_ca_example: {prober: http, http: {method: GET, tls_config: {ca_file: "/certs/my_cert.crt"}}}
  http_gzip: {prober: http, http: {method: GET, compression: gzip}}
  http_gzip_with_accept_encoding: {prober: http, http: {method: GET, compression: gzip, headers: {Accept-Encoding: gzip}}}
  tls_connect: {prober: tcp, timeout: 5s, tcp: {tls: true}}
  tcp_connect_example: {prober: tcp, timeout: 5s}
  imap_starttls:
    prober: tcp
    timeout: 5s
    tcp:
      query_response:
        - expect: "OK.*STARTTLS"
        - send: ". STARTTLS"
        - expect: "OK"
        - starttls: true
        - send: ". capability"
        - expect: "CAPABILITY IMAP4rev1"
  irc_banner:
    prober: tcp
    tcp:
      query_response:
        - send: "NICK prober"
        - send: "USER prober prober prober :prober"
        - expect: "PING :([^ ]+)"
          send: "PONG ${1}"
        - expect: "^:[^ ]+ 001"
  icmp_ttl5: {prober: icmp, timeout: 5s, icmp: {ttl: 5}}
  dns_udp_example:
    prober: dns
    timeout: 5s
    dns:
      query_name: "www.prometheus.io"
      query_type: "A"
      valid_rcodes: [NOERROR]
      validate_answer_rrs:
        fail_if_matches_regexp: [".*127.0.0.1"]
        fail_if_all_match_regexp: [".*127.0.0.1"]
        fail_if_not_matches_regexp: ["www.prometheus.io.\t300\tIN\tA\t127.0.0.1"]
        fail_if_none_matches_regexp: ["127.0.0.1"]
      validate_authority_rrs: {fail_if_matches_regexp: [".*127.0.0.1"]}
      validate_additional_rrs: {fail_if_matches_regexp: [".*127.0.0.1"]}
  dns_soa: {prober: dns, dns: {query_name: "prometheus.io", query_type: "SOA"}}
  dns_tcp_example: {prober: dns, dns: {transport_protocol: "tcp", preferred_ip_protocol: "ip4", query_name: "www.prometheus.io"}}
  grpc: {prober: grpc, grpc: {tls: true, preferred_ip_protocol: "ip4"}}
  grpc_plain: {prober: grpc, grpc: {tls: false, service: "service1"}}
"#;
