//! Files by FTP, with TLS after `AUTH TLS` and with TLS from the start: vsftpd.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Services, free_port, until};
use crate::servers::Servers;
use crate::tools;

impl Services {
    /// `vsftpd` and `vsftpds`, the TLS of which is that of `good`.
    pub(super) fn files(&mut self, servers: &mut Servers, certificates: &Path) -> Result<()> {
        let (vsftpd, libraries) = tools::service("vsftpd")?;
        let empty = self.directory.join("empty");
        std::fs::create_dir_all(&empty)?;
        for (name, implicit) in [("vsftpd", "NO"), ("vsftpds", "YES")] {
            let port = free_port()?;
            let conf = format!(
                "listen=YES\nbackground=NO\nlisten_address=127.0.0.1\nlisten_port={port}\nanonymous_enable=YES\n\
                 local_enable=NO\nftpd_banner=ready\nnopriv_user=nobody\nftp_username=nobody\n\
                 secure_chroot_dir={}\nseccomp_sandbox=NO\nssl_enable=YES\nimplicit_ssl={implicit}\n\
                 rsa_cert_file={certificates}/good.pem\nrsa_private_key_file={certificates}/good.key\n",
                empty.display(),
                certificates = certificates.display()
            );
            let path = self.directory.join(format!("{name}.conf"));
            std::fs::write(&path, conf)?;
            let mut command = Command::new(&vsftpd);
            command.arg(path).env("LD_LIBRARY_PATH", &libraries);
            self.spawn(name, command)?;
            servers.name(name, port);
            until(name, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        }
        Ok(())
    }
}
