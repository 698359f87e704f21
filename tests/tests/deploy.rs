//! What installs Plimsoll: each asks for exactly what docs/deployment.md says, is what its own tools take for right, and works.

#[path = "deploy/debian.rs"]
mod debian;
#[path = "deploy/given.rs"]
mod given;
#[path = "deploy/image.rs"]
mod image;
#[path = "deploy/kubernetes.rs"]
mod kubernetes;
#[path = "deploy/unit.rs"]
mod unit;
