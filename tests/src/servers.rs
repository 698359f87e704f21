//! Servers that answer in every manner, good and hostile, each on a port of its own.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use rustix::net::{AddressFamily, SocketAddrAny, SocketType};

mod manners;

use manners::MANNERS;

/// What a server does with whoever connects.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// Says this, then reads until the other side ends.
    Says(&'static [u8]),
    /// Says this and ends.
    SaysAndEnds(&'static [u8]),
    /// Says this a byte at a time, one for each tenth of a second.
    Trickles(&'static [u8]),
    /// Says back what it hears.
    Echoes,
    /// Never ends to say this.
    Floods(&'static [u8]),
    /// Hears a request, says this, and ends.
    Answers(&'static [u8]),
    /// Hears a request, says this, and never ends to say what it says last.
    AnswersWithoutEnd(&'static [u8]),
}

/// Servers by the names that the cases call them by: `{ftp}` becomes the port, or the path of a socket.
#[derive(Debug)]
pub struct Servers {
    places: BTreeMap<String, String>,
    /// Bound, and never listened on: nobody else gets this port, and who connects is refused.
    _closed: OwnedFd,
    files: Vec<PathBuf>,
    /// Bound, and never read.
    _silent: Option<UdpSocket>,
}

impl Servers {
    /// Those that every check of a greeting can be held against.
    pub fn start() -> Result<Self> {
        let closed = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&closed, &SocketAddrAny::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0))))?;
        let port = std::net::SocketAddr::try_from(rustix::net::getsockname(&closed)?)?.port();
        let mut servers = Self { places: BTreeMap::new(), _closed: closed, files: Vec::new(), _silent: None };
        servers.name("closed", port);
        servers.listen_on_socket()?;
        for (name, manner) in MANNERS {
            servers.tcp(name, *manner)?;
        }
        let silent = UdpSocket::bind("127.0.0.1:0")?;
        servers.name("udp-silent", silent.local_addr()?.port());
        servers._silent = Some(silent);
        servers.udp("udp-echo", None)?;
        servers.udp("udp-greets", Some(b"barbar\n"))?;
        Ok(servers)
    }

    /// One more, by a name.
    pub fn tcp(&mut self, name: &str, manner: Manner) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        self.name(name, listener.local_addr()?.port());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up in the middle is expected to.
                std::thread::spawn(move || behave(stream, manner));
            }
        });
        Ok(())
    }

    /// One that answers each datagram with this, or with the datagram itself.
    fn udp(&mut self, name: &str, answer: Option<&'static [u8]>) -> Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        self.name(name, socket.local_addr()?.port());
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(answer.unwrap_or(&buffer[..length]), from);
            }
        });
        Ok(())
    }

    /// Gives something else a name.
    pub fn name(&mut self, name: &str, place: impl ToString) {
        self.places.insert(name.to_owned(), place.to_string());
    }

    /// A file with this text, by a name.
    pub fn file(&mut self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Where a name is.
    pub fn place(&self, name: &str) -> Result<&str> {
        self.places.get(name).map(String::as_str).with_context(|| format!("no server called {name}"))
    }

    /// The words of a command line: split at spaces save within `'…'`, with `{name}` as the server's place.
    pub fn words(&self, line: &str) -> Result<Vec<String>> {
        let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
        for c in line.chars() {
            match c {
                '\'' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                ' ' if !quoted => words.extend(word.take()),
                c => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words.into_iter().map(|word| self.placed(word)).collect()
    }

    /// A text with `{name}` as the server's place.
    pub fn placed(&self, mut word: String) -> Result<String> {
        while let Some((start, end)) = word.find('{').zip(word.find('}')).filter(|(start, end)| start < end) {
            word = format!("{}{}{}", &word[..start], self.place(&word[start + 1..end])?, &word[end + 1..]);
        }
        Ok(word)
    }

    /// A path of its own, removed at the end, by a name.
    pub fn path(&mut self, name: &str) -> PathBuf {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("plimsoll-checks-{}-{number}-{name}", std::process::id()));
        self.name(name, path.display());
        self.files.push(path.clone());
        path
    }

    fn listen_on_socket(&mut self) -> Result<()> {
        let path = self.path("socket");
        let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.write_all(b"hello\n");
            }
        });
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

fn behave(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    match manner {
        Manner::Says(text) => {
            stream.write_all(text)?;
            while stream.read(&mut buffer)? > 0 {}
        }
        Manner::SaysAndEnds(text) => stream.write_all(text)?,
        Manner::Trickles(text) => {
            for byte in text {
                stream.write_all(&[*byte])?;
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            while stream.read(&mut buffer)? > 0 {}
        }
        Manner::Echoes => loop {
            match stream.read(&mut buffer)? {
                0 => break,
                read => stream.write_all(&buffer[..read])?,
            }
        },
        Manner::Answers(text) => {
            hear_request(&mut stream)?;
            stream.write_all(text)?;
            stream.shutdown(std::net::Shutdown::Write)?;
            while stream.read(&mut buffer)? > 0 {}
        }
        Manner::AnswersWithoutEnd(text) => {
            hear_request(&mut stream)?;
            stream.write_all(text)?;
            let line = [b'x'; 16 * 1024];
            while stream.write_all(&line).is_ok() {}
        }
        Manner::Floods(text) => {
            let text = text.repeat(1024);
            while stream.write_all(&text).is_ok() {}
        }
    }
    Ok(())
}

/// Up to its empty line.
fn hear_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        heard.push(byte[0]);
    }
    Ok(())
}
