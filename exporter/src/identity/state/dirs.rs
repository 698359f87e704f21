//! Which files to open for a container, and opening them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use super::{Details, MAX_FILE, RuncState, StateError};
use super::{
    parse_crun_status, parse_docker_config, parse_oci_config, parse_runc_state, parse_storage_names,
};
use crate::identity::{Identity, Kind, Runtime, component};

/// Where containerd keeps the bundles of running containers: by itself, in k3s and RKE2, k0s and MicroK8s.
const CONTAINERD: &[&str] = &[
    "run/containerd",
    "run/k3s/containerd",
    "run/k0s/containerd",
    "var/snap/microk8s/common/run/containerd",
];

/// Where CRI-O (first) and Podman keep the bundles of their containers.
const STORAGE: &[&str] = &["run/containers/storage", "var/lib/containers/storage"];

/// The lists of names in there; `podman run --rm` writes the second.
const STORAGE_LISTS: &[&str] = &["containers.json", "volatile-containers.json"];

/// The state directories of a host.
#[derive(Debug)]
pub struct StateDirs {
    root: OwnedFd,
}

impl StateDirs {
    /// Those below `root`: `/`, or where the host's root is mounted.
    pub fn open(root: &Path) -> Result<Self, StateError> {
        let fd = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let fd = fd.map_err(|errno| read_error(&root.to_string_lossy(), errno.into()))?;
        Ok(Self { root: fd })
    }

    /// What is known of the container at `path`, which [`crate::identity::classify`] has made `identity` of. Also
    /// for a plain cgroup: that it is a container after all ([`Identity::claimed`]) is `Some`, the rest `None`.
    pub fn lookup(&self, path: &str, identity: &Identity<'_>) -> Result<Option<Details>, StateError> {
        // A container in a container has its state in the outer one's file system.
        if identity.nested {
            return Ok(None);
        }
        let mut found = self.find(path, identity)?;
        // Outside a pod, Kubernetes' annotations are whatever somebody wrote into them.
        if let Some(details) = found.as_mut().filter(|_| identity.pod_uid.is_none()) {
            (details.kubernetes, details.sandbox) = (None, false);
        }
        Ok(found)
    }

    fn find(&self, path: &str, identity: &Identity<'_>) -> Result<Option<Details>, StateError> {
        if identity.kind == Kind::Plain {
            let id = component::last(path);
            return if is_file_name(id) { self.unnamed(path, id) } else { Ok(None) };
        }
        let Some(id) = identity.container_id.as_deref().filter(|id| is_file_name(id)) else {
            return Ok(None);
        };
        let owner = identity.owner.as_ref();
        match identity.runtime {
            Some(Runtime::Docker) => self.docker(owner, id),
            Some(Runtime::Containerd | Runtime::Kata) => {
                self.containerd(owner, id, identity.pod_uid.is_some())
            }
            Some(runtime @ (Runtime::CriO | Runtime::Podman)) => self.storage(owner, id, runtime),
            Some(Runtime::Oci) => self.runc_or_crun(owner, id),
            Some(Runtime::Nomad | Runtime::Lxc | Runtime::Nspawn) => Ok(None),
            None => {
                let found = self.containerd(owner, id, identity.pod_uid.is_some())?;
                let found = if found.is_some() { found } else { self.docker(owner, id)? };
                if found.is_some() { Ok(found) } else { self.runc_or_crun(owner, id) }
            }
        }
    }

    /// A cgroup that no rule knows: `runc run NAME` makes `/NAME`, `ctr -n NS run … NAME` makes `/NS/NAME`.
    fn unnamed(&self, path: &str, id: &str) -> Result<Option<Details>, StateError> {
        let found = self.runc_or_crun(path, id)?;
        if found.is_some() { Ok(found) } else { self.containerd(path, id, false) }
    }

    fn runc_or_crun(&self, path: &str, id: &str) -> Result<Option<Details>, StateError> {
        let details = |created, init_pid| {
            Some(Details { runtime: Some(Runtime::Oci), created, init_pid, ..Details::default() })
        };
        if let Some(state) = self.runc_state("run/runc", id)?.filter(|state| state.is_at(path)) {
            return Ok(details(state.created, state.init_pid));
        }
        let status = self.parse(&format!("run/crun/{id}/status"), parse_crun_status)?;
        let status = status.filter(|status| status.cgroup == path);
        Ok(status.and_then(|status| details(status.created, status.init_pid)))
    }

    fn runc_state(&self, root: &str, id: &str) -> Result<Option<RuncState>, StateError> {
        self.parse(&format!("{root}/{id}/state.json"), parse_runc_state)
    }

    fn containerd(&self, path: &str, id: &str, in_pod: bool) -> Result<Option<Details>, StateError> {
        let parent = path.rsplit('/').nth(1).filter(|parent| is_file_name(parent));
        let namespaces = if in_pod { [Some("k8s.io"), None] } else { [parent, Some("default")] };
        let repeated = !in_pod && parent == Some("default");
        for namespace in namespaces.into_iter().flatten().skip(usize::from(repeated)) {
            for state in CONTAINERD {
                let bundle = format!("{state}/io.containerd.runtime.v2.task/{namespace}/{id}/config.json");
                let Some(config) = self.parse(&bundle, parse_oci_config)?.filter(|config| config.is_at(path))
                else {
                    continue;
                };
                let mut details = config.details;
                details.runtime = Some(Runtime::Containerd);
                // The shim's runc keeps its state here whatever directory containerd itself was given.
                let runc = self.runc_state(&format!("run/containerd/runc/{namespace}"), id)?;
                if let Some(state) = runc.filter(|state| state.is_at(path)) {
                    (details.created, details.init_pid) = (state.created, state.init_pid);
                }
                return Ok(Some(details));
            }
        }
        Ok(None)
    }

    fn storage(&self, path: &str, id: &str, runtime: Runtime) -> Result<Option<Details>, StateError> {
        for storage in STORAGE {
            let bundle = format!("{storage}/overlay-containers/{id}/userdata/config.json");
            let Some(config) = self.parse(&bundle, parse_oci_config)?.filter(|config| config.is_at(path))
            else {
                continue;
            };
            let mut details = config.details;
            details.runtime = Some(runtime);
            if runtime == Runtime::Podman {
                self.podman_names(id, &mut details)?;
            }
            return Ok(Some(details));
        }
        Ok(None)
    }

    fn podman_names(&self, id: &str, details: &mut Details) -> Result<(), StateError> {
        for storage in STORAGE {
            for list in STORAGE_LISTS {
                let file = format!("{storage}/overlay-containers/{list}");
                if let Some(names) = self.parse(&file, |bytes| parse_storage_names(bytes, id))?.flatten() {
                    (details.name, details.image) = (names.name, names.image);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Docker's own file does not name the cgroup, its runc's does. Where there is none (another runtime), a path
    /// that a user may have made is not believed.
    fn docker(&self, path: &str, id: &str) -> Result<Option<Details>, StateError> {
        let runc = self.runc_state("run/docker/runtime-runc/moby", id)?;
        if !runc.as_ref().map_or(!path.starts_with("/user.slice/"), |state| state.is_at(path)) {
            return Ok(None);
        }
        let config = format!("var/lib/docker/containers/{id}/config.v2.json");
        let known = runc.is_some().then(|| Details { runtime: Some(Runtime::Docker), ..Details::default() });
        let Some(mut details) = self.parse(&config, parse_docker_config)?.or(known) else { return Ok(None) };
        if let Some(state) = runc {
            details.created = details.created.or(state.created);
            details.init_pid = state.init_pid;
        }
        Ok(Some(details))
    }

    fn parse<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<Option<T>, StateError> {
        let Some(bytes) = self.read(path)? else { return Ok(None) };
        parse(&bytes).map(Some).map_err(|source| StateError::Json { path: path.to_owned(), source })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StateError> {
        // Not to wait for the other end of a FIFO, not to follow what the file was replaced with.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let fd = match openat2(&self.root, path, flags, Mode::empty(), resolve) {
            // Seccomp profiles older than the call.
            Err(Errno::NOSYS | Errno::PERM) => openat(&self.root, path, flags, Mode::empty()),
            answer => answer,
        };
        let fd = match fd {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(None),
            answer => answer.map_err(|errno| read_error(path, errno.into()))?,
        };
        let stat = fstat(&fd).map_err(|errno| read_error(path, errno.into()))?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(StateError::NotRegular { path: path.to_owned() });
        }
        let mut bytes = Vec::new();
        let read = File::from(fd).take(MAX_FILE + 1).read_to_end(&mut bytes);
        let read = read.map_err(|source| read_error(path, source))?;
        if read as u64 > MAX_FILE {
            return Err(StateError::TooLarge { path: path.to_owned() });
        }
        Ok(Some(bytes))
    }
}

fn read_error(path: &str, source: std::io::Error) -> StateError {
    StateError::Read { path: path.to_owned(), source }
}

/// Ids come from paths that anyone with a cgroup of their own may choose.
fn is_file_name(id: &str) -> bool {
    !id.is_empty() && id.len() <= 255 && id != "." && id != ".." && !id.contains(['/', '\0'])
}

#[cfg(test)]
mod tests;
