use super::*;
use crate::kubernetes::KubernetesMetrics;

/// What is said of a kubeconfig of this text.
fn said(name: &str, text: Option<&str>) -> String {
    let path = std::env::temp_dir().join(format!("plimsoll-kubeconfig-{}-{name}", std::process::id()));
    if let Some(text) = text {
        std::fs::write(&path, text).expect("written");
    }
    let guard = Guard::new(KubernetesMetrics::new(&prometheus::Registry::new()).expect("valid"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let error = runtime.block_on(connect(Some(&path), &guard)).err().map(|error| error.to_string());
    let _ = std::fs::remove_file(&path);
    error.unwrap_or_default().replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_kubeconfig_that_is_wrong_is_named_and_not_quoted() {
    assert_eq!(said("none", None), "FILE: No such file or directory (os error 2)");
    let torn = said("torn", Some("users:\n- name: x\n  user: {token: s3cret\n"));
    assert_eq!(torn, "FILE: no kubeconfig: it is no YAML of that kind");
    let empty = said("empty", Some("apiVersion: v1\nkind: Config\n"));
    assert_eq!(empty, "FILE: failed to determine current context");
}

#[test]
fn causes_are_told_once() {
    let inner = std::io::Error::other("certificate unknown");
    let outer = kube::Error::ReadEvents(inner);
    assert_eq!(chain(&outer), "Error reading events stream: certificate unknown");
    let status = kube::core::Status::failure("pods is forbidden", "Forbidden").with_code(403).boxed();
    let error = KubernetesError::from(Box::new(kube::Error::Api(status)));
    assert_eq!(error.to_string(), "the answer is 403: pods is forbidden");
}
