//! Mailboxes by IMAP and POP, with TLS and without: dovecot.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Services, free_port, until};
use crate::servers::Servers;
use crate::tools;

const LISTENERS: [(&str, &str, bool); 4] = [
    ("imap", "real-imap", false),
    ("imap", "real-imaps", true),
    ("pop3", "real-pop", false),
    ("pop3", "real-pops", true),
];

impl Services {
    /// `real-imap`, `real-imaps`, `real-pop` and `real-pops`, the TLS of which is that of `good`.
    pub(super) fn mailboxes(&mut self, servers: &mut Servers, certificates: &Path) -> Result<()> {
        let place = self.directory.join("dovecot");
        std::fs::create_dir_all(&place)?;
        let (place, certificates) = (place.display(), certificates.display());
        let mut conf = format!(
            "protocols = imap pop3\nlisten = 127.0.0.1\nbase_dir = {place}\nstate_dir = {place}\n\
             log_path = /dev/stderr\ndefault_internal_user = nobody\ndefault_internal_group = nogroup\n\
             default_login_user = nobody\nssl = yes\nssl_cert = <{certificates}/good.pem\n\
             ssl_key = <{certificates}/good.key\nlogin_greeting = ready\nservice anvil {{\n chroot =\n}}\n\
             passdb {{\n driver = static\n args = nopassword=y\n}}\n"
        );
        for protocol in ["imap", "pop3"] {
            conf.push_str(&format!("service {protocol}-login {{\n chroot =\n"));
            for (_, name, tls) in LISTENERS.iter().filter(|(of, ..)| *of == protocol) {
                let (port, suffix) = (free_port()?, if *tls { "s" } else { "" });
                let ssl = if *tls { "  ssl = yes\n" } else { "" };
                conf.push_str(&format!(" inet_listener {protocol}{suffix} {{\n  port = {port}\n{ssl} }}\n"));
                servers.name(name, port);
            }
            conf.push_str("}\n");
        }
        let path = self.directory.join("dovecot.conf");
        std::fs::write(&path, conf)?;
        // It finds its other programs where they would be installed, and nowhere else.
        let mut command = Command::new("unshare");
        command.args(["--mount", "/bin/sh", "-c"]);
        command.arg(
            "mount -t overlay overlay -o \"lowerdir=$1:/usr\" /usr && exec /usr/sbin/dovecot -F -c \"$2\"",
        );
        command.arg("sh").arg(tools::services()?.join("usr")).arg(path);
        self.spawn("dovecot", command)?;
        for (_, name, _) in LISTENERS {
            let port: u16 = servers.place(name)?.parse()?;
            until(name, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        }
        Ok(())
    }
}
