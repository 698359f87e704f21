use std::time::Duration;

use super::*;

/// A user whose password is the name, backwards.
fn user(name: &str) -> User {
    let password: String = name.chars().rev().collect();
    User::new(name, &bcrypt::hash(password, 4).expect("hashes")).expect("valid")
}

fn login(text: &str) -> Login {
    let value = format!("Basic {}", BASE64_STANDARD.encode(text));
    read(&HeaderValue::from_str(&value).expect("valid")).expect("a login")
}

impl Logins {
    fn remembered_at_all(&self) -> (usize, usize) {
        let known = self.known.lock().expect("not poisoned");
        (known.right.len(), known.wrong.len())
    }
}

#[test]
fn what_a_header_says() {
    let parts = |value: &str| {
        read(&HeaderValue::from_str(value).expect("valid"))
            .map(|login| (login.parts().0.to_vec(), login.parts().1.to_vec()))
    };
    assert_eq!(parts("Basic YTpiOmM="), Some((b"a".to_vec(), b"b:c".to_vec())));
    assert_eq!(parts("bASIC  Og=="), Some((vec![], vec![])));
    for no in
        ["", "Basic", "Basic ", "Basic YTpiOmM", "Basic YQ==", "Bearer YTpiOmM=", "Basic a:b", "Basic\tOg=="]
    {
        assert_eq!(parts(no), None, "{no}");
    }
}

#[test]
fn hashes_good_and_bad() {
    const GOOD: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
    assert_eq!(
        User::new("a", GOOD).map(|user| format!("{user:?}")),
        Ok("User { name: \"a\", .. }".to_owned())
    );
    for (hash, error) in [
        ("", UserError::Hash),
        ("password", UserError::Hash),
        (&GOOD[1..], UserError::Hash),
        (&GOOD.replace("$2y", "$2q"), UserError::Hash),
        (&GOOD.replace("$10", "$17"), UserError::Cost(17)),
        (&GOOD.replace("$10", "$03"), UserError::Cost(3)),
        ("$apr1$1234567$UXEZJ8i8mJLxV8ES3z0vq.XXXXXXXXXXXXXXXXXXXXXXXXX", UserError::Hash),
    ] {
        assert_eq!(User::new("a", hash), Err(error), "{hash}");
    }
    assert_eq!(User::new("a:b", GOOD), Err(UserError::Name));
}

#[tokio::test]
async fn right_and_wrong_and_each_compared_once() {
    let (logins, users) = (Logins::default(), [user("ann"), user("bob")]);
    for (text, verdict, compared) in [
        ("ann:nna", Verdict::Right, (1, 0)),
        ("ann:nna", Verdict::Right, (1, 0)),
        ("ann:bob", Verdict::Wrong, (1, 1)),
        ("ann:bob", Verdict::Wrong, (1, 1)),
        ("ann:", Verdict::Wrong, (1, 2)),
        // Not even with the password of whoever stands in for an unknown user.
        ("eve:nna", Verdict::Wrong, (1, 3)),
        ("eve:bob", Verdict::Wrong, (1, 4)),
        (":", Verdict::Wrong, (1, 5)),
        ("bob:bob", Verdict::Right, (2, 5)),
    ] {
        assert_eq!(logins.check(&users, login(text)).await, verdict, "{text}");
        assert_eq!(logins.remembered_at_all(), compared, "{text}");
    }
    // Another password in the file counts at once, and one who is gone is nobody.
    let changed = [User::new("ann", &bcrypt::hash("new", 4).expect("hashes")).expect("valid")];
    assert_eq!(logins.check(&changed, login("ann:nna")).await, Verdict::Wrong);
    assert_eq!(logins.check(&changed, login("ann:new")).await, Verdict::Right);
    assert_eq!(logins.check(&changed, login("bob:bob")).await, Verdict::Wrong);
    // One that was compared for a stand-in says nothing of a user with the same hash.
    let eve = [User { name: "eve".to_owned(), hash: Arc::clone(&users[0].hash) }];
    assert_eq!(logins.check(&eve, login("eve:nna")).await, Verdict::Right);
}

#[tokio::test]
async fn guesses_are_forgotten_first_and_push_out_nobody() {
    let (logins, users) = (Logins::default(), [user("ann")]);
    assert_eq!(logins.check(&users, login("ann:nna")).await, Verdict::Right);
    for guess in 0..MAX_WRONG + 5 {
        assert_eq!(logins.check(&users, login(&format!("ann:{guess}"))).await, Verdict::Wrong);
    }
    assert_eq!(logins.remembered_at_all(), (1, MAX_WRONG));
}

#[tokio::test]
async fn one_is_compared_at_a_time_few_wait_and_who_is_known_waits_for_nobody() {
    let (logins, users) = (Arc::new(Logins::default()), Arc::new([user("ann")]));
    assert_eq!(logins.check(&*users, login("ann:nna")).await, Verdict::Right);
    // As if one were being compared.
    let turn = Arc::clone(&logins.turn).acquire_owned().await.expect("open");
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..MAX_WAITING + 10 {
        let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
        guesses.spawn(async move { logins.check(&*users, login(&format!("eve:{guess}"))).await });
    }
    for _ in 0..10 {
        let first = guesses.join_next().await.expect("one of them").expect("no panic");
        assert_eq!(first, Verdict::Busy, "only those that do not wait have ended");
    }
    let none = tokio::time::timeout(Duration::from_millis(1), guesses.join_next()).await;
    assert!(none.is_err(), "the others wait");
    assert_eq!(logins.check(&*users, login("ann:nna")).await, Verdict::Right);
    drop(turn);
    let rest = guesses.join_all().await;
    assert_eq!(rest, vec![Verdict::Wrong; MAX_WAITING]);
}
