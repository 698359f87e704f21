use std::path::PathBuf;

use prometheus::Registry;

use super::*;

const USERS: &str = "basic_auth_users: {ann: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n";

struct Files(PathBuf);

impl Files {
    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.0.join("new"), text).expect("written");
        std::fs::rename(self.0.join("new"), self.0.join(name)).expect("renamed");
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pair() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("valid");
    (params.self_signed(&key).expect("signs").pem(), key.serialize_pem())
}

#[test]
fn a_change_counts_and_a_bad_one_leaves_what_was() {
    let files = Files(std::env::temp_dir().join(format!("plimsoll-keeper-{}", std::process::id())));
    std::fs::create_dir_all(&files.0).expect("made");
    let registry = Registry::new();
    let metrics = || ConfigMetrics::web(&registry).expect("valid");
    let web = files.0.join("web.yml");
    let open = Keeper::open(web.clone(), ConfigMetrics::web(&Registry::new()).expect("valid"));
    assert_eq!(open.expect_err("no file").to_string(), "No such file or directory (os error 2)");
    files.put("web.yml", USERS);
    let mut keeper = Keeper::open(web, metrics()).expect("good");
    let door = keeper.door();
    let valid = || registry.gather()[1].get_metric()[0].get_gauge().get_value();
    let mut look = || {
        let before = door.rules();
        keeper.look();
        let now = door.rules();
        (!Arc::ptr_eq(&before, &now), now.tls.is_some(), valid())
    };
    assert_eq!(look(), (false, false, 1.0), "nothing has changed");
    let tls = format!("{USERS}tls_server_config: {{cert_file: a.pem, key_file: a.key}}\n");
    files.put("web.yml", &tls);
    assert_eq!(look(), (false, false, 0.0), "it names what is not there");
    let ((one, one_key), (two, two_key)) = (pair(), pair());
    files.put("a.pem", &one);
    assert_eq!(look(), (false, false, 0.0), "half of it");
    files.put("a.key", &one_key);
    assert_eq!(look(), (true, true, 1.0), "what was missing is there");
    assert_eq!(look(), (false, true, 1.0));
    files.put("a.pem", &two);
    assert_eq!(look(), (false, true, 0.0), "not the key's");
    files.put("a.key", &two_key);
    assert_eq!(look(), (true, true, 1.0));
    for cut in ["", USERS, "tls_server_config: {cert_file: a.pem, key_file: a.key}\n"] {
        files.put("web.yml", cut);
        assert_eq!(look(), (false, true, 0.0), "{cut:?} would open the door");
    }
    std::fs::remove_file(files.0.join("web.yml")).expect("removed");
    assert_eq!(look(), (false, true, 0.0));
    files.put("web.yml", &tls);
    assert_eq!(look(), (true, true, 1.0));
}
