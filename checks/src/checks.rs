//! The table of checks: one file each.

use crate::frame::Check;

pub mod by_ssh;
pub mod cluster;
pub mod container;
pub mod containerd;
pub mod dig;
pub mod disk;
pub mod dns;
pub mod docker;
pub mod dummy;
pub mod engine;
pub mod file_age;
pub mod grpc_health;
pub mod http;
pub mod icmp;
pub mod kube;
pub mod load;
pub mod log;
pub mod mem;
pub mod memcached;
pub mod mysql;
pub mod mysql_query;
pub mod negate;
pub mod nginx_status;
pub mod nrpe;
pub mod ntp;
pub mod ntp_peer;
pub mod ntp_time;
pub mod pgsql;
pub mod ping;
pub mod plimsoll;
pub mod pressure;
pub mod procs;
pub mod prometheus;
pub mod redis;
pub mod rest;
pub mod smtp;
pub mod ssh;
pub mod ssl_cert;
pub mod swap;
pub mod systemd;
pub mod tcp;
pub mod time;
pub mod uptime;
pub mod users;

/// Every check there is, by its name. A new one is a file, a `pub mod` above and a row here.
pub static ALL: &[&Check] = &[
    &by_ssh::CHECK,
    &cluster::CHECK,
    &container::CHECK,
    &containerd::CHECK,
    &dig::CHECK,
    &disk::CHECK,
    &dns::CHECK,
    &docker::CHECK,
    &dummy::CHECK,
    &file_age::CHECK,
    &grpc_health::CHECK,
    &http::CHECK,
    &icmp::CHECK,
    &kube::CHECK,
    &load::CHECK,
    &log::CHECK,
    &mem::CHECK,
    &memcached::CHECK,
    &mysql::CHECK,
    &mysql_query::CHECK,
    &nginx_status::CHECK,
    &nrpe::CHECK,
    &ntp::CHECK,
    &ntp_peer::CHECK,
    &ntp_time::CHECK,
    &pgsql::CHECK,
    &ping::CHECK,
    &plimsoll::CHECK,
    &pressure::CHECK,
    &procs::CHECK,
    &prometheus::CHECK,
    &redis::CHECK,
    &rest::CHECK,
    &smtp::CHECK,
    &ssh::CHECK,
    &ssl_cert::CHECK,
    &swap::CHECK,
    &systemd::CHECK,
    &tcp::CHECK,
    &time::CHECK,
    &uptime::CHECK,
    &users::CHECK,
    &negate::CHECK,
];

/// The check that a program of this name is.
pub fn find(name: &str) -> Option<&'static Check> {
    ALL.iter().copied().find(|check| check.name == name || check.aliases.contains(&name))
}

#[cfg(test)]
mod tests;
