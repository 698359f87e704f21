//! Checks that Debian's plugins have none of, by what they say: exit code and all of the output, with `#` for a number with
//! a fraction and `DATE` for a date.

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::plugins::{our_command, run_ours};
use plimsoll_tests::servers::Manner;

use crate::compare;

const CASES: &[(&str, i32, &str)] = &[
    // Certificates
    (
        "check_ssl_cert -H localhost -p {https-good} -r {www}/authority.pem",
        0,
        "SSL_CERT OK - localhost:{https-good}, https, x509 certificate 'good.example' from 'an authority' valid until \
         DATE (expires in 100 days)|days_chain_elem1=100;20;15;;",
    ),
    (
        "check_ssl_cert -H 127.0.0.1 --sni other.example -p {https-good} -A -w 120.5 -c 110",
        2,
        "SSL_CERT CRITICAL other.example: x509 certificate element 1 (other.example) will expire in # day(s) on \
         DATE|days_chain_elem1=#;#;110;;",
    ),
    (
        "check_ssl_cert -H localhost -p {https-good} -A -w 120",
        1,
        "SSL_CERT WARN good.example: x509 certificate element 1 (good.example) will expire in 100 day(s) on \
         DATE|days_chain_elem1=100;120;15;;",
    ),
    (
        "check_ssl_cert -H localhost -p {https-good}",
        2,
        "SSL_CERT CRITICAL good.example: Cannot verify certificate, unable to get local issuer \
         certificate|days_chain_elem1=100;20;15;;",
    ),
    (
        "check_ssl_cert -H localhost -p {https-self-signed}",
        2,
        "SSL_CERT CRITICAL good.example: Cannot verify certificate, self signed certificate|days_chain_elem1=100;20;15;;",
    ),
    (
        "check_ssl_cert -H localhost -p {https-self-signed} -s",
        0,
        "SSL_CERT OK - localhost:{https-self-signed}, https, x509 self signed certificate 'good.example' from \
         'good.example' valid until DATE (expires in 100 days)|days_chain_elem1=100;20;15;;",
    ),
    (
        "check_ssl_cert -H localhost -p {https-expired} -r {www}/authority.pem",
        2,
        "SSL_CERT CRITICAL good.example: x509 certificate element 1 (good.example) is expired (was valid until \
         DATE)|days_chain_elem1=-9;20;15;;",
    ),
    (
        "check_ssl_cert -H localhost -p {https-future} -r {www}/authority.pem",
        2,
        "SSL_CERT CRITICAL good.example: x509 certificate element 1 (good.example) is not valid before \
         DATE|days_chain_elem1=100;20;15;;",
    ),
    (
        "check_ssl_cert -H v.example --resolve 127.0.0.1 -p {https-good} -A",
        2,
        "SSL_CERT CRITICAL good.example: 'v.example' does not match the CN nor an alternative \
         name|days_chain_elem1=100;20;15;;",
    ),
    (
        "check_ssl_cert -H localhost -p {https-good} -A -i nobody",
        2,
        "SSL_CERT CRITICAL good.example: invalid CA ('nobody' does not match 'an authority')|days_chain_elem1=100;20;15;;",
    ),
    (
        "check_ssl_cert -f {www}/good.pem -A",
        0,
        "SSL_CERT OK - {www}/good.pem, x509 certificate 'good.example' from 'an authority' valid until DATE (expires in \
         100 days)|days_chain_elem1=100;20;15;;",
    ),
    ("check_ssl_cert -H 127.0.0.1 -p {closed}", 2, "SSL_CERT CRITICAL 127.0.0.1: Connection refused"),
    (
        "check_ssl_cert -H 127.0.0.1 -p {imap} -P smtp",
        2,
        "SSL_CERT CRITICAL 127.0.0.1: no TLS is offered: * OK ready",
    ),
    ("check_ssl_cert -H 127.0.0.1 -p {silent} -t 1:1", 1, "WARNING - Timeout after 1 seconds"),
    (
        "check_ssl_cert -H 127.0.0.1 -p {garbage}",
        2,
        "SSL_CERT CRITICAL 127.0.0.1: Cannot make SSL connection: received corrupt message of type MessageTooLarge",
    ),
    // Values
    (
        "check_rest -u http://127.0.0.1:{http}/data.json -q nodes[0].load -l load -w 1 -c 2 -q /count -q up -q text",
        1,
        "REST WARNING - load is #, /count is 42, up is true, text is 7 in # \
         seconds|load=#;1;2;; /count=42;;;; up=1;;;; text=7;;;; time=#s;;;#",
    ),
    (
        "check_rest -H localhost -4 -p {http} -u /data.json -q status -e green -q nodes --unit B -c 3:",
        2,
        "REST CRITICAL - status is green, nodes is a list of 2B in # seconds|nodes=2B;;3:;; time=#s;;;#",
    ),
    (
        "check_rest -u https://localhost:{https-good}/data.json --ca-cert {www}/authority.pem -q count -c 50",
        0,
        "REST OK - count is 42 in # seconds|count=42;;50;; time=#s;;;#",
    ),
    (
        "check_rest -u https://127.0.0.1:{https-self-signed}/data.json -D",
        2,
        "REST CRITICAL - invalid peer certificate: UnknownIssuer",
    ),
    (
        "check_rest -u http://127.0.0.1:{http}/data.json -q none -c 1",
        3,
        "REST UNKNOWN - none is not there in # seconds|time=#s;;;#",
    ),
    ("check_rest -u http://127.0.0.1:{http}/404", 2, "REST CRITICAL - HTTP/1.1 404 Not Found|time=#s;;;#"),
    (
        "check_rest -u http://127.0.0.1:{http}/ -q x",
        2,
        "REST CRITICAL - the answer is no JSON: expected value at line 1 column 1|time=#s;;;#",
    ),
    (
        "check_rest -u http://127.0.0.1:{http}/large -q x",
        2,
        "REST CRITICAL - the answer is no JSON: expected value at line 1 column 1|time=#s;;;#",
    ),
    (
        "check_rest -u http://127.0.0.1:{http}/loop -q x",
        2,
        "REST CRITICAL - redirection creates an infinite loop - http://127.0.0.1:{http}/loop",
    ),
    (
        "check_rest -u http://127.0.0.1:{closed}/",
        2,
        "REST CRITICAL - connect to address 127.0.0.1 and port {closed}: Connection refused",
    ),
    // Health
    (
        "check_grpc_health -H 127.0.0.1 -p {h2c} -w 5 -c 9",
        0,
        "GRPC OK - is SERVING in # seconds|time=#s;5;9;#;#",
    ),
    (
        "check_grpc_health -H 127.0.0.1 -p {https-good} -S -s a.Service",
        0,
        "GRPC OK - a.Service is SERVING in # seconds|time=#s;;;#;#",
    ),
    (
        "check_grpc_health -H localhost -p {https-other} -S --ca-cert {www}/authority.pem",
        2,
        "GRPC CRITICAL - is NOT_SERVING in # seconds|time=#s;;;#;#",
    ),
    (
        "check_grpc_health -H 127.0.0.1 -p {http}",
        2,
        "GRPC CRITICAL - the server does not speak HTTP/2: a frame that is too long",
    ),
    (
        "check_grpc_health -H 127.0.0.1 -p {garbage}",
        2,
        "GRPC CRITICAL - the server does not speak HTTP/2: a frame that is too long",
    ),
    ("check_grpc_health -H 127.0.0.1 -p {http-silent}", 2, "GRPC CRITICAL - No data received from host"),
    (
        "check_grpc_health -H 127.0.0.1 -p {closed}",
        2,
        "GRPC CRITICAL - connect to address 127.0.0.1 and port {closed}: Connection refused",
    ),
    // What the C plugins have not of HTTP.
    (
        "check_http -H localhost -I 127.0.0.1 -p {https-good} -D --ca-cert {www}/authority.pem --http-version 2",
        0,
        "HTTP OK: HTTP/2 200 - 240 bytes in # second response time |time=#s;;;#;# size=240B;;;0;",
    ),
    (
        "check_http -H 127.0.0.1 -p {h2c} --http-version 2 -s hello -e 200",
        0,
        "HTTP OK: Status line output matched \"200\" - 240 bytes in # second response time |time=#s;;;#;# size=240B;;;0;",
    ),
    (
        "check_http -H 127.0.0.1 -p {http} --http-version 2",
        2,
        "HTTP CRITICAL - the server does not speak HTTP/2: a frame that is too long",
    ),
    (
        "check_http -H v.example -I 127.0.0.1 -p {https-good} -S --verify-host",
        2,
        "CRITICAL - Cannot make SSL connection.\ninvalid peer certificate: NotValidForName",
    ),
    (
        "check_http -H 127.0.0.1 -p {http} -u /large -s nothere -t 60",
        2,
        "HTTP CRITICAL: HTTP/1.1 200 OK - string 'nothere' not found on 'http://127.0.0.1:{http}/large' - 104857837 bytes \
         in # second response time |time=#s;;;#;# size=104857837B;;;0;",
    ),
    (
        "check_http -H v.example -I 127.0.0.1 -p {proxy} -u https://v.example/ -S -j CONNECT -b u:p",
        2,
        "CRITICAL - Cannot make SSL connection.\nthe connection ended during the handshake",
    ),
];

#[test]
fn checks_of_our_own_say_what_they_find() -> Result<()> {
    let (mut servers, _nginx) = crate::cases::web()?;
    servers.tcp("proxy", Manner::Answers(b"HTTP/1.1 200 Connected\r\n\r\n"))?;
    let (mut failures, mut data) = (Vec::new(), Vec::new());
    for (line, code, text) in CASES {
        let words = servers.words(line)?;
        let (check, args) = words.split_first().context("an empty line")?;
        let mut command = our_command(check)?;
        command.args(args);
        let ran = run_ours(command)?;
        let (said, wanted) =
            (dates(&compare::masked(ran.output.trim_end())), servers.placed((*text).to_owned())?);
        if (ran.code, &said) != (*code, &compare::masked(&wanted)) {
            failures.push(format!("{line}\n  {} {said}\n  not\n  {code} {wanted}", ran.code));
        }
        data.extend(ran.perfdata()?);
    }
    failures.extend(crate::through_icinga(&data)?);
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// With `DATE` for every date as OpenSSL writes it.
fn dates(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    // The day of the month may have a space before it, and then there is an empty word.
    while let Some(at) =
        words.iter().position(|word| word == "GMT" || word.starts_with("GMT|") || word.starts_with("GMT)"))
    {
        let start = at - if words[at - 3].is_empty() || words[at - 4].is_empty() { 5 } else { 4 };
        let date = words[at].replacen("GMT", "DATE", 1);
        words.splice(start..=at, [date]);
    }
    words.join(" ")
}
