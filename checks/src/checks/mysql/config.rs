//! What the command lines of both checks say of the server, and what option files add.

use super::connection::Place;
use super::option_file;
use crate::deadline::Deadline;
use crate::frame::Call;
use crate::host::Host;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::Stop;
use crate::passwd;
use crate::tls::{Verify, Wanted};

/// Whom to ask: what is none is left to option files.
#[derive(Debug, Default)]
pub(in crate::checks) struct Client {
    host: Option<String>,
    port: Option<u16>,
    socket: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    file: Option<String>,
    group: Option<String>,
    tls: Tls,
}

#[derive(Debug, Default)]
struct Tls {
    wanted: bool,
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    name: bool,
}

/// What both checks have.
pub(in crate::checks) const OPTIONS: [Opt; 18] = [
    Opt::new(
        "H",
        "hostname",
        Arg::Value("ADDRESS"),
        "Host name or address, or a socket by its path; localhost is the socket too",
    ),
    Opt::new("P", "port", Arg::Value("INTEGER"), "Port (3306)"),
    Opt::new("s", "socket", Arg::Value("STRING"), "The socket (/run/mysqld/mysqld.sock)"),
    Opt::new("d", "database", Arg::Value("STRING"), "A database that has to be there"),
    Opt::new(
        "f",
        "file",
        Arg::Value("STRING"),
        "An option file, read instead of /etc/mysql/my.cnf and ~/.my.cnf",
    ),
    Opt::new("g", "group", Arg::Value("STRING"), "A group of option files, read besides [client]"),
    Opt::new("u", "username", Arg::Value("STRING"), "Who logs in (who runs the check)"),
    Opt::new(
        "p",
        "password",
        Arg::Value("STRING"),
        "The password, which others see in the list of processes; that of an option file they do not.\n\
         An empty one counts too",
    ),
    Opt::new("l", "ssl", Arg::No, "Speak TLS"),
    Opt::new(
        "C",
        "ca-cert",
        Arg::Value("STRING"),
        "A file with authorities, in PEM: one has to vouch for the server",
    ),
    Opt::new("D", "ca-dir", Arg::Value("STRING"), "The same, with a directory of such files"),
    Opt::new("a", "cert", Arg::Value("STRING"), "A certificate of our own, in PEM"),
    Opt::new("k", "key", Arg::Value("STRING"), "Its key"),
    Opt::new("L", "ciphers", Arg::Value("STRING"), "Ciphers of older versions, which are not spoken"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

/// Where Debian's servers have it.
const SOCKET: &str = "/run/mysqld/mysqld.sock";

impl Client {
    /// Takes an option of the table above, or one that every check has.
    pub(in crate::checks) fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" if text.starts_with('/') => self.socket = Some(text),
            "H" => self.host = Some(text),
            "P" => {
                let wrong = || call.usage(&format!("Port must be a positive integer - {text}"));
                self.port = Some(value::port(&text).ok_or_else(wrong)?);
            }
            "s" => self.socket = Some(text),
            "d" => self.database = Some(text),
            "f" => self.file = Some(text),
            "g" => self.group = Some(text),
            "u" => self.user = Some(text),
            "p" => self.password = Some(text),
            "l" => self.tls.wanted = true,
            "C" | "D" => self.tls.authorities = Some(text),
            "a" => self.tls.certificate = Some(text),
            "k" => self.tls.key = Some(text),
            _ => call.common(found)?,
        }
        Ok(())
    }

    /// Takes words that are no options: host, user, password, database and port, as far as they are not given otherwise.
    pub(in crate::checks) fn take_words(&mut self, words: impl Iterator<Item = String>) {
        for word in words {
            let places = [&mut self.host, &mut self.user, &mut self.password, &mut self.database];
            match places.into_iter().find(|place| place.is_none()) {
                Some(place) => *place = Some(word),
                None => self.port = value::port(&word).or(self.port),
            }
        }
    }

    /// With what option files say. A host that there is none of is a fault of the command line, as 2.x sees it.
    pub(in crate::checks) fn place(mut self, call: &Call, deadline: Deadline) -> Result<Place, Stop> {
        if let Some(name) = self.host.clone().filter(|name| name != "localhost") {
            Host { name, port: 0, family: Family::Any }.addresses(call, deadline)?;
        }
        // An empty file or group is none, as an argument that was not filled in.
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let options = option_file::read(given(&self.file).as_deref(), given(&self.group).as_deref())?;
        for (name, value) in options.into_iter().rev() {
            self.take_option(&name, value);
        }
        let identity = self.tls.certificate.as_ref().map(|certificate| {
            (certificate.clone(), self.tls.key.clone().unwrap_or_else(|| certificate.clone()))
        });
        let (chain, name) = (self.tls.authorities.is_some(), self.tls.name);
        let verify = Verify { chain: chain || name, name, key: true, authorities: self.tls.authorities };
        let verify = (chain || name).then_some(verify);
        let wanted = Wanted { identity, verify, ..Wanted::default() };
        Ok(Place {
            host: self.host.unwrap_or_default(),
            port: self.port.unwrap_or(3306),
            socket: given(&self.socket).unwrap_or_else(|| SOCKET.to_owned()),
            user: given(&self.user).unwrap_or_else(passwd::own_name),
            password: self.password.unwrap_or_default(),
            database: self.database.unwrap_or_default(),
            tls: self.tls.wanted.then_some(wanted),
        })
    }

    /// What an option file says counts where nothing was said yet.
    fn take_option(&mut self, name: &str, value: String) {
        let set = |place: &mut Option<String>, value: String| {
            if place.as_ref().is_none_or(String::is_empty) {
                *place = Some(value);
            }
        };
        match name {
            "host" => set(&mut self.host, value),
            "port" => self.port = self.port.or(value::port(&value)),
            "socket" => set(&mut self.socket, value),
            "user" => set(&mut self.user, value),
            // An empty one of the command line counts.
            "password" => self.password = self.password.take().or(Some(value)),
            "database" => set(&mut self.database, value),
            "ssl-ca" | "ssl-capath" => set(&mut self.tls.authorities, value),
            "ssl-cert" => set(&mut self.tls.certificate, value),
            "ssl-key" => set(&mut self.tls.key, value),
            "ssl-verify-server-cert" => self.tls.name |= value != "0",
            _ => {}
        }
        // Whoever says how, wants it.
        self.tls.wanted |= name.starts_with("ssl") && name != "ssl-cipher" && name != "ssl-crl";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(options: &[(&str, &str)], mut client: Client) -> Client {
        for (name, value) in options {
            client.take_option(name, (*value).to_owned());
        }
        client
    }

    #[test]
    fn an_option_file_fills_in_what_the_command_line_leaves() {
        let file = [("user", "b"), ("password", "y"), ("port", "1"), ("ssl-ca", "/x"), ("comments", "")];
        let text = |text: &str| Some(text.to_owned());
        let client = Client { user: text("a"), password: text(""), ..Client::default() };
        let client = with(&file, client);
        assert_eq!((client.user, client.password, client.port), (text("a"), text(""), Some(1)));
        assert!(client.tls.wanted && client.tls.authorities == text("/x"));
        let client = with(&file, Client::default());
        assert_eq!((client.user, client.password), (text("b"), text("y")));
    }

    #[test]
    fn words_are_host_user_password_database_and_port() {
        let mut client = Client { user: Some("u".to_owned()), ..Client::default() };
        client.take_words(["h", "p", "d", "33"].map(str::to_owned).into_iter());
        let all = [client.host, client.user, client.password, client.database];
        assert_eq!(all.map(Option::unwrap_or_default), ["h", "u", "p", "d"]);
        assert_eq!(client.port, Some(33));
    }
}
