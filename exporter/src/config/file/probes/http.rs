//! The options of the prober http.

use super::super::Fault;
use super::super::fields::{Fields, items};
use super::super::yaml::Node;
use super::{entries, expressions, family, tls};
use crate::config::parse_size;
use crate::probe::module::{Expression, HeaderMatch, Http, Login, LoginKind, Secret};

/// As much as goes out before an answer has to be heard.
const MOST_BODY: usize = 60 << 10;

/// As `http` says.
pub(super) fn http(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Http {
    let mut fields = Fields::of(node, path, faults);
    let headers = headers(&mut fields, faults);
    let follow = fields.flag("follow_redirects", faults);
    // The older of two words for it.
    let stays = fields.flag("no_follow_redirects", faults);
    let module = Http {
        family: family(&mut fields, faults),
        tls: tls(&mut fields, faults),
        method: fields.parsed("method", faults, method).unwrap_or_else(|| "GET".to_owned()),
        body: fields.parsed("body", faults, body).unwrap_or_default(),
        login: login(node, &mut fields, faults),
        follow: follow.unwrap_or(!stays.unwrap_or_default()),
        version_2: fields.flag("enable_http2", faults).unwrap_or(true),
        compression: fields.parsed("compression", faults, compression).flatten(),
        longest: fields.parsed("body_size_limit", faults, size).filter(|longest| *longest > 0),
        statuses: fields.list("valid_status_codes", faults, status),
        versions: fields.list("valid_http_versions", faults, version),
        fail_if_tls: fields.flag("fail_if_ssl", faults).unwrap_or_default(),
        fail_if_not_tls: fields.flag("fail_if_not_ssl", faults).unwrap_or_default(),
        body_never: expressions("fail_if_body_matches_regexp", &mut fields, faults),
        body_always: expressions("fail_if_body_not_matches_regexp", &mut fields, faults),
        header_never: matches("fail_if_header_matches", &mut fields, faults),
        header_always: matches("fail_if_header_not_matches", &mut fields, faults),
        headers,
    };
    for name in ["proxy_url", "skip_resolve_phase_with_proxy"] {
        if let Some(node) = fields.take(name) {
            let text = "is not supported: where a proxy goes cannot be held against probe.allow";
            faults.push(Fault::new(node.at, &fields.name(name), text));
        }
    }
    if let Some(node) = fields.take("oauth2") {
        faults.push(Fault::new(node.at, &fields.name("oauth2"), "is not supported"));
    }
    fields.refuse_the_rest(faults);
    module
}

fn headers(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
    let path = fields.name("headers");
    let Some(node) = fields.take("headers") else { return Vec::new() };
    let mut headers = Vec::new();
    for (name, path, node) in entries(node, &path, faults) {
        let Some(value) = super::super::fields::text(node, &path, faults) else { continue };
        if http::HeaderName::from_bytes(name.as_bytes()).is_err()
            || http::HeaderValue::from_str(value).is_err()
        {
            faults.push(Fault::new(node.at, &path, "is no header"));
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    headers
}

fn method(text: &str) -> Result<String, String> {
    let fine = !text.is_empty() && http::Method::from_bytes(text.as_bytes()).is_ok();
    if fine { Ok(text.to_owned()) } else { Err(format!("{text:?} is no method")) }
}

fn body(text: &str) -> Result<String, String> {
    if text.len() <= MOST_BODY { Ok(text.to_owned()) } else { Err(format!("more than {MOST_BODY} bytes")) }
}

fn compression(text: &str) -> Result<Option<String>, String> {
    match text {
        "" => Ok(None),
        "gzip" | "deflate" | "identity" => Ok(Some(text.to_owned())),
        _ => Err(format!("expected gzip, deflate or identity, not {text:?}")),
    }
}

/// As sizes are written here, or in blackbox_exporter: `10MB` is what others call `10MiB`.
fn size(text: &str) -> Result<u64, String> {
    let ours = match text.strip_suffix('B').and_then(|rest| rest.strip_suffix(['K', 'M', 'G'])) {
        Some(number) => format!("{number}{}iB", &text[number.len()..=number.len()]),
        None => text.to_owned(),
    };
    parse_size(&ours).map_err(|error| error.to_string())
}

fn status(text: &str) -> Result<u16, String> {
    let status = text.parse().ok().filter(|status| (100..600).contains(status));
    status.ok_or_else(|| format!("{text:?} is no status"))
}

fn version(text: &str) -> Result<String, String> {
    let known = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"];
    if known.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected one of {}", known.join(", ")))
    }
}

fn matches(name: &'static str, fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Vec<HeaderMatch> {
    let path = fields.name(name);
    let nodes = fields.take(name).map(|node| items(node, &path, faults)).unwrap_or_default();
    let mut all = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let before = faults.len();
        let path = format!("{path}[{number}]");
        let mut fields = Fields::of(node, &path, faults);
        let header = fields.text("header", faults).filter(|header| !header.is_empty());
        let regexp = fields.parsed("regexp", faults, Expression::new);
        let allow_missing = fields.flag("allow_missing", faults).unwrap_or_default();
        fields.refuse_the_rest(faults);
        match (header, regexp) {
            (Some(header), Some(regexp)) => all.push(HeaderMatch { header, regexp, allow_missing }),
            _ if faults.len() == before => {
                faults.push(Fault::new(node.at, &path, "header and regexp have to be there"));
            }
            _ => {}
        }
    }
    all
}

/// Who asks: of several ways to say it one at most.
fn login(node: &Node<'_>, fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Option<Login> {
    let bearer = || LoginKind::Token("Bearer".to_owned());
    let mut all = Vec::new();
    let token = fields.text("bearer_token", faults).map(Secret::Text);
    let file = fields.text("bearer_token_file", faults).map(Secret::File);
    all.extend([token, file].into_iter().flatten().map(|secret| Login { kind: bearer(), secret }));
    let path = fields.name("basic_auth");
    if let Some(node) = fields.take("basic_auth") {
        let mut fields = Fields::of(node, &path, faults);
        let name = fields.text("username", faults).unwrap_or_default();
        let secret = secret(node, &path, ["password", "password_file"], &mut fields, faults);
        all.push(Login { kind: LoginKind::Basic(name), secret });
        fields.refuse_the_rest(faults);
    }
    let path = fields.name("authorization");
    if let Some(node) = fields.take("authorization") {
        let mut fields = Fields::of(node, &path, faults);
        let kind = fields.text("type", faults).map_or_else(bearer, LoginKind::Token);
        let secret = secret(node, &path, ["credentials", "credentials_file"], &mut fields, faults);
        all.push(Login { kind, secret });
        fields.refuse_the_rest(faults);
    }
    if all.len() > 1 {
        let text = "at most one of basic_auth, authorization, bearer_token and bearer_token_file";
        faults.push(Fault::new(node.at, &fields.name("authorization"), text));
    }
    all.pop()
}

fn secret(
    node: &Node<'_>,
    path: &str,
    [text, file]: [&'static str; 2],
    fields: &mut Fields<'_>,
    faults: &mut Vec<Fault>,
) -> Secret {
    match (fields.text(text, faults), fields.text(file, faults)) {
        (Some(_), Some(_)) => {
            faults.push(Fault::new(node.at, path, format!("at most one of {text} and {file}")));
            Secret::Text(String::new())
        }
        (_, Some(file)) => Secret::File(file),
        (secret, None) => Secret::Text(secret.unwrap_or_default()),
    }
}
