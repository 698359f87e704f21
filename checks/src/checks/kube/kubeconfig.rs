//! The file that kubectl reads: where clusters are, and who asks. Pure.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What all files together say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kubeconfig {
    clusters: Vec<(String, Cluster)>,
    users: Vec<(String, User)>,
    contexts: Vec<(String, Context)>,
    current: Option<String>,
}

/// A cluster.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "kebab-case")]
pub struct Cluster {
    /// Its URL.
    pub server: String,
    pub(super) certificate_authority: Option<String>,
    pub(super) certificate_authority_data: Option<String>,
    pub(super) insecure_skip_tls_verify: bool,
    pub(super) tls_server_name: Option<String>,
    pub(super) proxy_url: Option<String>,
}

/// Who asks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "kebab-case")]
pub struct User {
    pub(super) token: Option<String>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<String>,
    pub(super) client_certificate: Option<String>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) client_key_data: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) exec: Option<Exec>,
    pub(super) auth_provider: Option<Provider>,
}

/// A program that logs in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Exec {
    pub(super) command: String,
}

/// What once did so within kubectl.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Provider {
    pub(super) name: String,
}

/// A cluster and who asks it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Context {
    cluster: String,
    user: String,
    /// Where what has no namespace of its own is looked for.
    pub namespace: Option<String>,
}

/// What is asked and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The cluster.
    pub cluster: Cluster,
    /// Who asks.
    pub user: User,
    /// The namespace.
    pub namespace: Option<String>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not in the form of such a file.
    #[error("{}: {why}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No context is the current one.
    #[error("no context is chosen: --context")]
    NoContext,
    /// Something that is named and not there.
    #[error("no {kind} is called '{name}'")]
    None {
        /// What it should be.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[derive(Default)]
struct File {
    clusters: Option<Vec<NamedCluster>>,
    users: Option<Vec<NamedUser>>,
    contexts: Option<Vec<NamedContext>>,
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    #[serde(default)]
    cluster: Cluster,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    #[serde(default)]
    context: Context,
}

impl Kubeconfig {
    /// Adds what another file says. Of two of a name the first counts; paths are seen from the file's own directory.
    pub fn add(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let wrong = |error: serde_saphyr::Error| {
            let why = error.to_string();
            Error::Form { path: path.to_owned(), why: why.lines().next().unwrap_or_default().to_owned() }
        };
        let file: Option<File> = serde_saphyr::from_str(text).map_err(wrong)?;
        let File { clusters, users, contexts, current_context } = file.unwrap_or_default();
        let directory = path.parent().unwrap_or(Path::new(""));
        let seen = |path: &mut Option<String>| {
            if let Some(path) = path.as_mut().filter(|path| !path.is_empty()) {
                *path = directory.join(&*path).to_string_lossy().into_owned();
            }
        };
        for NamedCluster { name, mut cluster } in clusters.into_iter().flatten() {
            seen(&mut cluster.certificate_authority);
            self.clusters.push((name, cluster));
        }
        for NamedUser { name, user } in users.into_iter().flatten() {
            let mut user = user.unwrap_or_default();
            [&mut user.token_file, &mut user.client_certificate, &mut user.client_key]
                .into_iter()
                .for_each(seen);
            self.users.push((name, user));
        }
        self.contexts.extend(contexts.into_iter().flatten().map(|named| (named.name, named.context)));
        let current = current_context.filter(|current| !current.is_empty());
        self.current = self.current.take().or(current);
        Ok(())
    }

    /// Those of a context: this one, or the current one.
    pub fn choose(self, context: Option<&str>) -> Result<Chosen, Error> {
        let name = context.map(str::to_owned).or(self.current).ok_or(Error::NoContext)?;
        let context = named("context", self.contexts, &name)?;
        Ok(Chosen {
            cluster: named("cluster", self.clusters, &context.cluster)?,
            // Nobody is someone, too: to whom the server may be open.
            user: if context.user.is_empty() {
                User::default()
            } else {
                named("user", self.users, &context.user)?
            },
            namespace: context.namespace.filter(|namespace| !namespace.is_empty()),
        })
    }
}

fn named<T>(kind: &'static str, all: Vec<(String, T)>, name: &str) -> Result<T, Error> {
    let found = all.into_iter().find(|(found, _)| found == name);
    found.map(|(_, found)| found).ok_or_else(|| Error::None { kind, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
apiVersion: v1
kind: Config
current-context: a
clusters:
- name: one
  cluster: {server: 'https://a:6443', certificate-authority: ca.pem}
- cluster:
    server: https://b
    certificate-authority-data: QUJD
    tls-server-name: kubernetes
  name: two
contexts:
- name: a
  context: {cluster: one, user: u, namespace: shop}
- {name: b, context: {cluster: two, user: ''}}
- {name: c, context: {cluster: three, user: u}}
users:
- name: u
  user: {token: secret, tokenFile: /t, client-key: k.pem}
- name: none
preferences: {}
";

    fn config(files: &[(&str, &str)]) -> Result<Kubeconfig, Error> {
        let mut config = Kubeconfig::default();
        for (path, text) in files {
            config.add(Path::new(path), text)?;
        }
        Ok(config)
    }

    #[test]
    fn a_context_is_a_cluster_and_who_asks_it() {
        let all = config(&[("/etc/k/config", FILE)]).unwrap();
        let chosen = all.clone().choose(None).unwrap();
        assert_eq!(chosen.cluster.server, "https://a:6443");
        assert_eq!(chosen.cluster.certificate_authority.as_deref(), Some("/etc/k/ca.pem"));
        assert_eq!(
            (chosen.user.token.as_deref(), chosen.user.token_file.as_deref()),
            (Some("secret"), Some("/t"))
        );
        assert_eq!(chosen.user.client_key.as_deref(), Some("/etc/k/k.pem"));
        assert_eq!(chosen.namespace.as_deref(), Some("shop"));
        let chosen = all.clone().choose(Some("b")).unwrap();
        assert_eq!(
            (chosen.cluster.server.as_str(), chosen.user, chosen.namespace),
            ("https://b", User::default(), None)
        );
        assert_eq!(chosen.cluster.tls_server_name.as_deref(), Some("kubernetes"));
        let none = |kind, name: &str| Err(Error::None { kind, name: name.to_owned() });
        assert_eq!(all.clone().choose(Some("c")), none("cluster", "three"));
        assert_eq!(all.choose(Some("d")), none("context", "d"));
    }

    #[test]
    fn of_several_files_the_first_counts() {
        let other =
            "{current-context: b, clusters: [{name: one, cluster: {server: 'https://c'}}], users: null}";
        let all = config(&[("x", other), ("y", FILE)]).unwrap();
        assert_eq!(all.clone().choose(None).unwrap().cluster.server, "https://b");
        assert_eq!(all.choose(Some("a")).unwrap().cluster.server, "https://c");
        assert_eq!(config(&[("x", "")]).unwrap().choose(None), Err(Error::NoContext));
        for text in ["[", "clusters: 5", "users: [{user: {}}]", "a: b: c"] {
            assert!(matches!(config(&[("/x", text)]), Err(Error::Form { .. })), "{text}");
        }
    }
}
