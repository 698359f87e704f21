//! What openssl's own client makes of it, as testssl asks: old versions, weak ciphers, renegotiation.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::Exporter;

use crate::files::Files;
use crate::{curl, start};

const TLS: &str = "tls_server_config:\n  cert_file: good.pem\n  key_file: good.key\n";

/// What the client says, given these arguments and this input; and whether it shook hands.
fn s_client(exporter: &Exporter, args: &[&str], input: &str) -> Result<(bool, String)> {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &exporter.address().to_string(), "-servername", "localhost"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("openssl")?;
    // It may have given up before it reads.
    let _ = child.stdin.take().context("no pipe")?.write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// The certificate that is shown.
pub(crate) fn fingerprint(exporter: &Exporter) -> Result<String> {
    let (_, said) = s_client(exporter, &[], "")?;
    let begin = said.find("-----BEGIN CERTIFICATE-----").with_context(|| said.clone())?;
    let end = said.find("-----END CERTIFICATE-----").with_context(|| said.clone())?;
    Ok(said[begin..end].to_owned())
}

#[test]
fn versions_from_1_2_on_and_no_compression() -> Result<()> {
    let files = Files::new()?;
    let exporter = start(&files, TLS)?;
    // Below this level openssl offers what is broken.
    let any = "DEFAULT@SECLEVEL=0";
    for (version, spoken) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let (shaken, said) = s_client(&exporter, &[version, "-cipher", any], "")?;
        assert_eq!(shaken, spoken, "{version}: {said}");
        assert!(!spoken || said.contains("Compression: NONE"), "{version}: {said}");
    }
    let only = start(&files, &format!("{TLS}  min_version: TLS13\n"))?;
    for (version, spoken) in [("-tls1_2", false), ("-tls1_3", true)] {
        assert_eq!(s_client(&only, &[version], "")?.0, spoken, "{version}");
    }
    let old = start(&files, &format!("{TLS}  max_version: TLS12\n"))?;
    assert_eq!((s_client(&old, &["-tls1_2"], "")?.0, s_client(&old, &["-tls1_3"], "")?.0), (true, false));
    Ok(())
}

/// Every cipher of 1.2 that openssl has, one after the other, and every one of 1.3.
fn ciphers(exporter: &Exporter) -> Result<BTreeSet<String>> {
    let mut spoken = BTreeSet::new();
    let all =
        Command::new("openssl").args(["ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL@SECLEVEL=0"]).output()?;
    let all = String::from_utf8(all.stdout)?;
    let of_1_3 = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
    ];
    let old = all.trim().split(':').filter(|cipher| !cipher.starts_with("TLS_"));
    ensure!(old.clone().count() > 50, "{all}");
    for cipher in old {
        let args = ["-tls1_2", "-cipher", &format!("{cipher}@SECLEVEL=0")];
        if s_client(exporter, &args, "")?.0 {
            spoken.insert(cipher.to_owned());
        }
    }
    for cipher in of_1_3 {
        if s_client(exporter, &["-tls1_3", "-ciphersuites", cipher], "")?.0 {
            spoken.insert(cipher.to_owned());
        }
    }
    Ok(spoken)
}

#[test]
fn ciphers_with_forward_secrecy_and_authentication_alone() -> Result<()> {
    let files = Files::new()?;
    let of_1_3 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
    let of_1_2 =
        ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"];
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(ciphers(&start(&files, TLS)?)?, set(&[of_1_2, of_1_3].concat()));
    let chosen =
        format!("{TLS}  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]\n");
    let exporter = start(&files, &chosen)?;
    assert_eq!(ciphers(&exporter)?, set(&["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_128_GCM_SHA256"]));
    Ok(())
}

#[test]
fn our_order_of_ciphers_or_the_clients() -> Result<()> {
    let files = Files::new()?;
    const TWO: &str = "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n";
    let offered = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"];
    for (own, wanted) in [(true, "ECDHE-ECDSA-AES256-GCM-SHA384"), (false, "ECDHE-ECDSA-AES128-GCM-SHA256")] {
        let exporter = start(&files, &format!("{TLS}{TWO}  prefer_server_cipher_suites: {own}\n"))?;
        let (_, said) = s_client(&exporter, &offered, "")?;
        assert!(said.contains(&format!("Cipher is {wanted}")), "{own}: {said}");
    }
    Ok(())
}

#[test]
fn curves_as_the_file_has_them() -> Result<()> {
    let files = Files::new()?;
    let exporter = start(&files, &format!("{TLS}  curve_preferences: [CurveP384]\n"))?;
    for (curve, spoken) in [("P-384", true), ("X25519", false), ("P-256", false)] {
        assert_eq!(s_client(&exporter, &["-curves", curve], "")?.0, spoken, "{curve}");
    }
    Ok(())
}

#[test]
fn nobody_renegotiates() -> Result<()> {
    let files = Files::new()?;
    let exporter = start(&files, TLS)?;
    let (_, said) = s_client(&exporter, &["-tls1_2"], "R\n")?;
    assert!(said.contains("RENEGOTIATING") && said.contains("no renegotiation"), "{said}");
    assert_eq!(curl(&exporter, &files, "/-/healthy", &[])?.0, "200");
    Ok(())
}
