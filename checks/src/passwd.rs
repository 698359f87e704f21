//! Who is who on this host, as `/etc/passwd` has it: other sources of users need libraries that a static program cannot load.

const PATH: &str = "/etc/passwd";

/// Number and name of a user by either.
pub fn user(text: &str) -> Option<(u32, String)> {
    let passwd = std::fs::read(PATH).unwrap_or_default();
    find(&String::from_utf8_lossy(&passwd), text)
}

/// The name of who runs the check, or the number where it has none.
pub fn own_name() -> String {
    let uid = rustix::process::geteuid().as_raw().to_string();
    user(&uid).map_or(uid, |(_, name)| name)
}

/// Number and name of a user by either, of a text like `/etc/passwd`.
pub fn find(passwd: &str, text: &str) -> Option<(u32, String)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next()?, fields.nth(1)?);
        let found = name == text || uid == text;
        (found && !name.is_empty()).then_some((uid.parse().ok()?, name.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_or_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/:\nbroken\n::5:\n";
        assert_eq!(find(passwd, "www"), Some((33, "www".to_owned())));
        assert_eq!(find(passwd, "0"), Some((0, "root".to_owned())));
        for text in ["5", "", "x", "broken"] {
            assert_eq!(find(passwd, text), None, "{text}");
        }
    }
}
