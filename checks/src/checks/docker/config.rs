//! What the command line says.

use std::path::Path;

use crate::api::Place;
use crate::checks::engine::pair::{Bad, Pair};
use crate::checks::engine::{self, Wanted, select};
use crate::frame::Call;
use crate::http::url::split_port;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, common, joined};
use crate::output::Stop;
use crate::tls::{self, Verify};

/// Whom to ask, and what may come of it.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) place: Place,
    pub(super) wanted: Wanted,
    given: Given,
}

/// What is put together when all options are read.
#[derive(Debug, Default)]
struct Given {
    connection: Option<String>,
    secure: bool,
    family: Family,
    wanted: tls::Wanted,
}

/// Where engines have their sockets.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];
const PORTS: [u16; 2] = [2375, 2376];

pub(super) const OPTIONS: &[Opt] = &joined::<{ OWN.len() + engine::OPTIONS.len() }>(OWN, engine::OPTIONS);

const OWN: &[Opt] = &[
    Opt::new(
        "H",
        "connection",
        Arg::Value("PLACE"),
        "Where the engine listens: a socket, or HOST:PORT (/var/run/docker.sock, or else Podman's)",
    ),
    Opt { short: '\0', long: "hostname", arg: Arg::Value("PLACE"), help: "", key: "H" },
    Opt::new("secure-connection", "secure-connection", Arg::Value("HOST:PORT"), "The same, by TLS"),
    common::IPV4,
    common::IPV6,
    Opt::new("D", "verify-cert", Arg::No, "The certificate has to be for the host, and from an authority"),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The same, with the authorities in this file, in PEM"),
    Opt::new("J", "client-cert", Arg::Value("FILE"), "A certificate to show the engine, in PEM"),
    Opt::new("K", "private-key", Arg::Value("FILE"), "Its key, in PEM"),
    Opt::new("health", "health", Arg::No, "Each has to be healthy by its own check"),
    Opt::new("image-age", "image-age", Arg::Value("WARN:CRIT"), "Days since its image was made"),
    Opt::new("threads", "threads", Arg::Value("NUMBER"), "Means nothing: there are none"),
];

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        call.args = select::apart(std::mem::take(&mut call.args));
        let place = Place::Socket(String::new());
        let mut config = Self { place, wanted: Wanted::default(), given: Given::default() };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.wanted.finish()?;
        config.place = config.given.place(call)?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let given = &mut self.given;
        match found.key {
            "H" => given.connection = Some(text),
            "secure-connection" => (given.connection, given.secure) = (Some(text), true),
            "D" => {
                let authorities = given.wanted.verify.take().and_then(|verify| verify.authorities);
                given.wanted.verify = Some(Verify { chain: true, name: true, key: true, authorities });
            }
            "ca-cert" => {
                let verify = Verify { chain: true, name: true, key: true, authorities: Some(text) };
                given.wanted.verify = Some(verify);
            }
            "J" => given.wanted.identity.get_or_insert_default().0 = text,
            "K" => given.wanted.identity.get_or_insert_default().1 = text,
            "health" => self.wanted.health = true,
            "image-age" => self.wanted.image_age = Some(Pair::parse(&text, Bad::High)?),
            _ => {
                given.family.take(found);
                self.wanted.take(call, found)?;
            }
        }
        Ok(())
    }
}

impl Given {
    fn place(&mut self, call: &Call) -> Result<Place, Stop> {
        let Some(given) = &self.connection else {
            let there = SOCKETS.into_iter().find(|path| Path::new(path).exists());
            return Ok(Place::Socket(there.unwrap_or(SOCKETS[0]).to_owned()));
        };
        let bare = given.strip_prefix("unix://").or_else(|| given.strip_prefix("tcp://")).unwrap_or(given);
        if bare.starts_with('/') {
            return Ok(Place::Socket(bare.to_owned()));
        }
        let wrong = || call.usage(&format!("Invalid connection - {given}"));
        let (name, port) =
            split_port(bare.trim_end_matches('/')).filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
        let port = port.map_or(Ok(PORTS[usize::from(self.secure)]), u16::try_from).map_err(|_| wrong())?;
        let secure = self.secure || self.wanted != tls::Wanted::default();
        let tls = secure.then(|| Box::new(std::mem::take(&mut self.wanted)));
        Ok(Place::Host { name: name.to_owned(), port, family: self.family, tls })
    }
}
