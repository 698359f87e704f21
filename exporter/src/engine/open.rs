//! Connections that are open at the start.

use std::path::Path;

use crate::host::visit_network_namespaces;
use crate::kernel::Kernel;

/// Takes them in, in every network namespace. Gives how many namespaces could not be walked.
pub(super) fn take_in_connections(kernel: &mut Kernel, procfs: &Path) -> u64 {
    if !kernel.walks_connections() {
        return 0;
    }
    let (mut walked, mut failed) = (0, 0);
    let beyond = visit_network_namespaces(procfs, |namespace| match kernel.walk_connections(namespace) {
        Ok(()) => walked += 1,
        Err(error) => {
            tracing::warn!(
                error,
                "connections of a network namespace are not known before their next segment"
            );
            failed += 1;
        }
    });
    tracing::info!(namespaces = walked, failed, beyond, "connections that are open");
    failed + beyond
}
