//! How the API server is reached, and as whom: by a kubeconfig, as a pod in the cluster, or by options alone.

use std::path::{Path, PathBuf};

use super::kubeconfig::{self, Chosen, Cluster, Kubeconfig, User};
use crate::api::Place;
use crate::http::Url;
use crate::http::request::{basic, unbase64};
use crate::net::Family;
use crate::tls::{self, Certificate, Verify};

/// Whom to ask, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where.
    pub place: Place,
    /// What stands before every path.
    pub prefix: String,
    /// Who asks, in a header.
    pub headers: Vec<String>,
    /// Where what has no namespace of its own is looked for.
    pub namespace: Option<String>,
    /// Until when the certificate of who asks is valid, in seconds of Unix.
    pub client_until: Option<i64>,
}

/// Why it cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("{0}")]
    Kubeconfig(#[from] kubeconfig::Error),
    /// A file that cannot be read.
    #[error("{}: {}", path.display(), crate::words(error))]
    File {
        /// Its path.
        path: PathBuf,
        /// The system's word.
        error: std::io::Error,
    },
    /// None is told.
    #[error("no cluster is told: --kubeconfig or --server")]
    Nowhere,
    /// Not a URL.
    #[error("'{0}' is no URL of a server")]
    Url(String),
    /// Not in base 64, or no text in it.
    #[error("{0} cannot be read")]
    Data(&'static str),
    /// Who asks does so in a way that is not known here.
    #[error(
        "the user logs in by {0}, which is not done here: give a token with --token-file, or a certificate"
    )]
    Login(String),
    /// The server is behind a proxy.
    #[error("the server is behind a proxy ({0}), which is not gone through here")]
    Proxy(String),
    /// A certificate.
    #[error("{0}")]
    Tls(#[from] tls::Error),
}

/// Where a pod has what it is.
const POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl Access {
    /// By the file that was named, else by those of `KUBECONFIG`, else as a pod, else by the user's own file.
    pub fn find(named: Option<&str>, context: Option<&str>, family: Family) -> Result<Self, Error> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let listed = environment("KUBECONFIG");
        let files: Vec<PathBuf> = match (named, &listed) {
            (Some(path), _) => vec![path.into()],
            (None, Some(list)) => {
                list.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect()
            }
            (None, None) => {
                match (environment("KUBERNETES_SERVICE_HOST"), environment("KUBERNETES_SERVICE_PORT")) {
                    (Some(host), Some(port)) => return Self::of_pod(&host, &port, Path::new(POD), family),
                    _ => {
                        let own = environment("HOME").map(|home| Path::new(&home).join(".kube/config"));
                        own.into_iter().filter(|path| path.exists()).collect()
                    }
                }
            }
        };
        if files.is_empty() {
            return Err(Error::Nowhere);
        }
        let mut config = Kubeconfig::default();
        for path in files {
            config.add(&path, &read(&path)?)?;
        }
        Self::of(config.choose(context)?, family)
    }

    /// As a pod in the cluster.
    pub fn of_pod(host: &str, port: &str, directory: &Path, family: Family) -> Result<Self, Error> {
        let inside = |name: &str| Some(directory.join(name).to_string_lossy().into_owned());
        let cluster = Cluster {
            server: format!("https://{}:{port}", crate::http::url::bracketed(host)),
            certificate_authority: inside("ca.crt"),
            ..Cluster::default()
        };
        let user = User { token_file: inside("token"), ..User::default() };
        let namespace = read(&directory.join("namespace")).ok().map(|text| text.trim().to_owned());
        Self::of(Chosen { cluster, user, namespace }, family)
    }

    /// By what a kubeconfig says.
    pub fn of(chosen: Chosen, family: Family) -> Result<Self, Error> {
        let Chosen { cluster, user, namespace } = chosen;
        if let Some(proxy) = cluster.proxy_url {
            return Err(Error::Proxy(proxy));
        }
        let headers = headers(&user)?;
        let url = Url::parse(&cluster.server).ok_or_else(|| Error::Url(cluster.server.clone()))?;
        let port = u16::try_from(url.port).map_err(|_| Error::Url(cluster.server.clone()))?;
        let mut wanted = tls::Wanted { sni: cluster.tls_server_name, ..tls::Wanted::default() };
        if !cluster.insecure_skip_tls_verify {
            let data = cluster.certificate_authority_data;
            let authorities = pem(data, cluster.certificate_authority, "certificate-authority-data")?;
            wanted.verify = Some(Verify { chain: true, name: true, key: true, authorities });
        }
        let certificate =
            pem(user.client_certificate_data, user.client_certificate, "client-certificate-data")?;
        let key = pem(user.client_key_data, user.client_key, "client-key-data")?;
        wanted.identity = certificate.clone().zip(key);
        let client_until = match certificate {
            Some(certificate) => first(&certificate)?,
            None => None,
        };
        let tls = url.tls.then(|| Box::new(wanted));
        Ok(Self {
            place: Place::Host { name: url.host, port, family, tls },
            prefix: url.path.trim_end_matches('/').to_owned(),
            headers,
            namespace,
            client_until,
        })
    }
}

/// Who asks.
fn headers(user: &User) -> Result<Vec<String>, Error> {
    let token = match (&user.token, &user.token_file) {
        // What changes goes before what was once written down.
        (_, Some(path)) => Some(read(Path::new(path))?),
        (token, None) => token.clone(),
    };
    let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    if token.as_ref().is_some_and(|token| token.contains(char::is_control)) {
        return Err(Error::Data("the token"));
    }
    let pair =
        user.username.as_ref().map(|name| format!("{name}:{}", user.password.as_deref().unwrap_or_default()));
    let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    match (token, pair) {
        (Some(token), _) => Ok(vec![format!("Authorization: Bearer {token}")]),
        (None, Some(pair)) => Ok(vec![format!("Authorization: {}", basic(&pair))]),
        (None, None) if certificate => Ok(Vec::new()),
        (None, None) => match (&user.exec, &user.auth_provider) {
            (Some(exec), _) => Err(Error::Login(format!("the program {}", exec.command))),
            (None, Some(provider)) => Err(Error::Login(format!("the provider {}", provider.name))),
            (None, None) => Ok(Vec::new()),
        },
    }
}

/// The text that is there itself, or else the path of a file with it.
fn pem(data: Option<String>, path: Option<String>, what: &'static str) -> Result<Option<String>, Error> {
    let Some(data) = data.filter(|data| !data.is_empty()) else {
        return Ok(path.filter(|path| !path.is_empty()));
    };
    let plain: String = data.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = unbase64(&plain).ok_or(Error::Data(what))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::Data(what))?;
    if text.contains(tls::PEM) { Ok(Some(text)) } else { Err(Error::Data(what)) }
}

/// Until when the first certificate is valid.
fn first(source: &str) -> Result<Option<i64>, Error> {
    let certificates = tls::certificates(source)?;
    let first = certificates.first().map(|certificate| Certificate::parse(certificate)).transpose()?;
    Ok(first.map(|certificate| certificate.not_after))
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::File { path: path.to_owned(), error })
}
