//! A real Icinga 2 runs the bundle of `deploy`, and Nagios and NRPE read theirs.

#[path = "icinga/commands.rs"]
mod commands;
#[path = "icinga/nagios.rs"]
mod nagios;
#[path = "icinga/notifications.rs"]
mod notifications;
#[path = "icinga/nrpe.rs"]
mod nrpe;
#[path = "icinga/objects.rs"]
mod objects;
#[path = "icinga/push.rs"]
mod push;
#[path = "icinga/screen.rs"]
mod screen;
#[path = "icinga/write.rs"]
mod write;
