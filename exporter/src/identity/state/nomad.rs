//! What Nomad puts into the environment of its tasks: the only place where those of `exec`, `raw_exec` and `java` have names.

use super::Details;
use crate::identity::{Metadata, Origin, Runtime};

/// What is no secret there, and the label that Nomad has for the same where it is told to give it. Nothing else of an environment
/// is kept.
const VARIABLES: [(&str, &str); 6] = [
    (ALLOCATION, "com.hashicorp.nomad.alloc_id"),
    ("NOMAD_DC", "com.hashicorp.nomad.dc"),
    ("NOMAD_GROUP_NAME", "com.hashicorp.nomad.task_group_name"),
    ("NOMAD_JOB_NAME", "com.hashicorp.nomad.job_name"),
    ("NOMAD_NAMESPACE", "com.hashicorp.nomad.namespace"),
    ("NOMAD_TASK_NAME", "com.hashicorp.nomad.task_name"),
];
const ALLOCATION: &str = "NOMAD_ALLOC_ID";

/// The labels of what an environment says of a task of Nomad.
pub fn nomad_labels<'e>(
    environment: impl Iterator<Item = &'e str>,
) -> impl Iterator<Item = (&'static str, &'e str)> {
    environment.filter_map(|variable| {
        let (name, value) = variable.split_once('=')?;
        let (_, label) = VARIABLES.into_iter().find(|(known, _)| *known == name)?;
        (!value.is_empty()).then_some((label, value))
    })
}

/// What the environment of a task's process says, as `/proc/PID/environ` has it; `None` if it is not that of the task with this
/// id, `ALLOCATION.TASK`.
pub fn parse_nomad_environment(bytes: &[u8], id: &str) -> Option<Details> {
    let variables =
        || bytes.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let allocation = variables().find_map(|variable| variable.strip_prefix(ALLOCATION)?.strip_prefix('='))?;
    if allocation.is_empty() || !id.starts_with(allocation) {
        return None;
    }
    let mut metadata = Metadata::default();
    metadata.extend(Origin::ContainerLabel, nomad_labels(variables()));
    Some(Details { runtime: Some(Runtime::Nomad), metadata, ..Details::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "e3b9d4f0-8c3e-4f3a-9d55-1de4f3b7a9c1.web";

    #[test]
    fn a_task_is_what_its_environment_calls_it_and_no_secret_is_kept() {
        let environment = b"PATH=/bin\0NOMAD_ALLOC_ID=e3b9d4f0-8c3e-4f3a-9d55-1de4f3b7a9c1\0NOMAD_JOB_NAME=shop\0\
            NOMAD_TASK_NAME=web\0NOMAD_TOKEN=secret\0NOMAD_META_KEY=secret\0NOMAD_DC=\0NOMAD_NAMESPACE=\xff\0X\0";
        let task = parse_nomad_environment(environment, ID).expect("a task of Nomad");
        let labels: Vec<_> = task.metadata.starting_with(Origin::ContainerLabel, "").collect();
        assert_eq!(
            labels,
            [
                ("com.hashicorp.nomad.alloc_id", "e3b9d4f0-8c3e-4f3a-9d55-1de4f3b7a9c1"),
                ("com.hashicorp.nomad.job_name", "shop"),
                ("com.hashicorp.nomad.task_name", "web"),
            ]
        );
        assert!(!format!("{task:?}").contains("secret"), "{task:?}");
    }

    #[test]
    fn another_tasks_environment_is_not_believed() {
        for environment in [
            &b"NOMAD_ALLOC_ID=00000000-8c3e-4f3a-9d55-1de4f3b7a9c1\0NOMAD_JOB_NAME=shop"[..],
            b"NOMAD_JOB_NAME=shop",
            b"NOMAD_ALLOC_ID=",
            b"",
        ] {
            assert_eq!(parse_nomad_environment(environment, ID), None);
        }
    }
}
