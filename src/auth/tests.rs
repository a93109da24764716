//! Authorities made from settings and files, and what they say to tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};

use super::*;
use crate::settings::{AuthChoice, Settings};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The time of these tests, in seconds.
const NOW: u64 = 1_800_000_000;

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("selvedge-auth-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for tests");
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("the folder can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the way of nobody.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn with_secret(folder: &Folder) -> Settings {
    Settings { auth_secret_file: Some(folder.file("secret", SECRET)), ..Settings::default() }
}

/// What holds with these settings, and the thread behind it.
fn keeper(settings: &Settings) -> (Keeper, Arc<Authority>, mpsc::Receiver<Arc<Authority>>) {
    let (told, heard) = mpsc::channel();
    let publish = move |authority: &Arc<Authority>| {
        // A test that has ended hears nothing.
        let _ = told.send(Arc::clone(authority));
    };
    let sources = Sources::read(settings).unwrap_or_else(|error| panic!("{error}"));
    let (keeper, authority) = Keeper::spawn(sources, Box::new(publish)).expect("a thread");
    (keeper, authority, heard)
}

fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).expect("it can be signed")
}

fn refusal(settings: &Settings) -> String {
    match Sources::read(settings) {
        Ok(_) => panic!("this cannot be taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn without_keys_only_this_machine_is_served() {
    let settings =
        |listen: &str, auth| Settings { listen: listen.parse().expect("an address"), auth, ..Settings::default() };
    for listen in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        let (keeper, authority, _) = keeper(&settings(listen, AuthChoice::Auto));
        assert!(authority.is_open() && authority.admit(None, at(NOW)).is_ok(), "{listen}");
        assert_eq!(keeper.revoker().revoke("user-1"), Err(RevokeError::NoTokens));
        assert!(refusal(&settings(listen, AuthChoice::Jwt)).contains("auth = jwt: there are no keys"));
    }
    for listen in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:192.0.2.1]:1", "[fe80::1]:1"] {
        let said = refusal(&settings(listen, AuthChoice::Auto));
        assert!(said.contains("auth_secret_file") && said.contains("auth = none"), "{said}");
        assert!(Sources::read(&settings(listen, AuthChoice::None)).is_ok());
    }
}

#[test]
fn what_a_token_says_is_held_against_the_settings_and_the_time() {
    let folder = Folder::new();
    let settings = Settings {
        auth_audience: Some("selvedge".into()),
        auth_issuer: Some("me".into()),
        auth_leeway_ms: 5_000,
        ..with_secret(&folder)
    };
    let (_keeper, authority, _) = keeper(&settings);
    let good = json!({"sub": "a", "exp": NOW + 60, "nbf": NOW, "aud": "selvedge", "iss": "me",
        "selvedge": {"documents": {"notes/*": "write"}}});
    let grant = authority.admit(Some(&signed(&good)), at(NOW)).expect("it is good");
    assert_eq!(grant.subject.as_deref(), Some("a"));
    assert_eq!(grant.expires_at, Some(at(NOW + 65)));
    assert_eq!((grant.right_on("notes/x"), grant.right_on("other")), (Some(Right::Write), None));

    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        authority.admit(Some(&signed(&claims)), at(NOW)).map(|_| ())
    };
    assert_eq!(with("aud", json!(["other", "selvedge"])), Ok(()));
    assert_eq!(with("aud", json!("selvedge ")), Err(Denied::Audience));
    assert_eq!(with("aud", json!([])), Err(Denied::Audience));
    assert_eq!(with("iss", json!("you")), Err(Denied::Issuer));
    assert_eq!(with("nbf", json!(NOW + 5)), Ok(()));
    assert_eq!(with("nbf", json!(NOW + 6)), Err(Denied::NotYetValid));
    assert_eq!(with("exp", json!(NOW - 4)), Ok(()));
    assert_eq!(with("exp", json!(NOW - 5)), Err(Denied::Expired));
    assert_eq!(with("exp", json!(0)), Err(Denied::Expired));
    for claim in ["aud", "iss"] {
        let mut claims = good.clone();
        claims.as_object_mut().expect("an object").remove(claim);
        assert!(authority.admit(Some(&signed(&claims)), at(NOW)).is_err(), "{claim}");
    }
    assert_eq!(authority.admit(None, at(NOW)).err(), Some(Denied::Missing));
    assert_eq!(authority.admit(Some(""), at(NOW)).err(), Some(Denied::Malformed));
    assert_eq!(authority.uphold(&grant, at(NOW + 64)), Ok(()));
    assert_eq!(authority.uphold(&grant, at(NOW + 65)), Err(Denied::Expired));
    let farthest = with("exp", json!(253_402_300_799_u64));
    assert_eq!(farthest, Ok(()), "the end of the year 9999 can be told");
}

#[test]
fn files_that_cannot_be_taken_stop_the_start_and_say_why() {
    let folder = Folder::new();
    let keys = |content: &str| {
        refusal(&Settings { auth_keys_file: Some(folder.file("keys", content)), ..Settings::default() })
    };
    for (content, said) in [
        ("", "neither a JWK set nor a public key in PEM"),
        ("{}", "not a JWK set"),
        (r#"{"keys":[]}"#, "a JWK set without keys"),
        (r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"weak"}]}"#, "key 1 (\"weak\"): the secret has 3 bytes"),
        (r#"{"keys":[{"kty":"RSA","use":"enc"}]}"#, "key 1: it is not for signatures"),
        (r#"{"keys":[{"kty":"XYZ"}]}"#, "its type (\"kty\") is none of"),
    ] {
        let error = keys(content);
        assert!(error.starts_with("auth_keys_file = ") && error.contains(said), "{content}: {error}");
    }
    let secret = |path: &Path| refusal(&Settings { auth_secret_file: Some(path.into()), ..Settings::default() });
    let weak = secret(&folder.file("secret", "short\n"));
    assert!(weak.contains("the secret has 5 bytes, and needs 32") && weak.contains("openssl rand"), "{weak}");
    assert!(!weak.contains("short"), "{weak}");
    assert!(secret(&folder.0.join("absent")).contains("cannot be read"));
    assert!(secret(Path::new("/dev/zero")).contains("not a file"));
    let revoked = Settings { auth_revoked_file: Some(folder.file("revoked", "a\u{7}\n")), ..with_secret(&folder) };
    assert!(refusal(&revoked).contains("auth_revoked_file = ") && refusal(&revoked).contains("line 1"));
}

#[test]
fn files_are_read_again_and_a_bad_one_leaves_what_was() {
    let folder = Folder::new();
    let settings = Settings { auth_revoked_file: Some(folder.file("revoked", "")), ..with_secret(&folder) };
    let (keeper, authority, heard) = keeper(&settings);
    let token = signed(&json!({"sub": "user-1", "exp": NOW + 60, "selvedge.documents": {"*": "read"}}));
    let grant = authority.admit(Some(&token), at(NOW)).expect("it is good");

    folder.file("revoked", "somebody\nuser-1\n");
    let revoking = heard.recv().expect("the keeper lives");
    assert_eq!(revoking.admit(Some(&token), at(NOW)).err(), Some(Denied::Revoked));
    assert_eq!(revoking.uphold(&grant, at(NOW)), Err(Denied::Revoked));
    assert!(revoking.revokes_beyond(&authority) && !authority.revokes_beyond(&revoking));

    // Nothing is heard of what cannot be taken; what comes next is the good file.
    folder.file("secret", "too short");
    let admits = |authority: &Authority| authority.admit(Some(&token), at(NOW)).is_ok();
    folder.file("revoked", "");
    let free = loop {
        let authority = heard.recv().expect("the keeper lives");
        if admits(&authority) {
            break authority;
        }
    };
    assert!(!free.revokes_beyond(&authority));
    folder.file("secret", "another secret of a length that is enough");
    while admits(&heard.recv().expect("the keeper lives")) {}

    keeper.revoker().revoke("user-2").expect("a subject");
    let other = heard.recv().expect("the keeper lives");
    assert_eq!(
        other.uphold(&Grant { subject: Some("user-2".into()), ..(*grant).clone() }, at(NOW)),
        Err(Denied::Revoked)
    );
    assert_eq!(keeper.revoker().revoke("a\nb"), Err(RevokeError::NotASubject));
    keeper.stop();
}

#[test]
fn what_was_found_good_before_is_held_against_all_of_this_moment_again() {
    let folder = Folder::new();
    let [key, other] = [(); 2].map(|()| KeyPair::generate_for(&PKCS_ED25519).expect("a key"));
    let settings = Settings {
        auth_keys_file: Some(folder.file("keys", &key.public_key_pem())),
        auth_revoked_file: Some(folder.file("revoked", "")),
        auth_leeway_ms: 0,
        ..Settings::default()
    };
    let (keeper, authority, heard) = keeper(&settings);
    let claims = json!({"sub": "user-1", "nbf": NOW, "exp": NOW + 60, "selvedge.documents": {"*": "read"}});
    let signing = EncodingKey::from_ed_pem(key.serialize_pem().as_bytes()).expect("it is one");
    let header = Header::new(jsonwebtoken::Algorithm::EdDSA);
    let token = jsonwebtoken::encode(&header, &claims, &signing).expect("it can be signed");
    let said = |authority: &Authority, seconds| authority.admit(Some(&token), at(seconds)).map(|_| ()).err();
    let knows = |authority: &Authority, token: &str| match &authority.0 {
        Asks::Token(trusted) => {
            let key = key::Key::from_pem(&key.public_key_pem()).expect("it is one");
            trusted.verified.knows(trusted.verified.mark(&key, token).expect("it is no secret"))
        }
        Asks::Nothing(_) => panic!("there are keys"),
    };
    assert!(!knows(&authority, &token));
    assert_eq!(said(&authority, NOW + 60), Some(Denied::Expired));
    assert!(knows(&authority, &token), "that it is over does not hold for ever, that it is signed does");
    assert_eq!(said(&authority, NOW), None);
    assert_eq!(said(&authority, NOW - 1), Some(Denied::NotYetValid), "clocks go back too");
    assert_eq!(said(&authority, NOW + 60), Some(Denied::Expired));

    // What is not signed is not remembered, however often it comes.
    let at_signature = token.rfind('.').expect("three parts") + 1;
    let forged = format!("{}{}", &token[..at_signature], "A".repeat(token.len() - at_signature));
    for _ in 0..3 {
        assert_eq!(authority.admit(Some(&forged), at(NOW)).err(), Some(Denied::Untrusted));
        assert!(!knows(&authority, &forged));
    }

    let until = |expected: Option<Denied>| loop {
        let authority = heard.recv().expect("the keeper lives");
        if said(&authority, NOW) == expected {
            break authority;
        }
    };
    folder.file("keys", &other.public_key_pem());
    let rotated = until(Some(Denied::Untrusted));
    assert!(knows(&rotated, &token), "nobody asks for it");
    folder.file("keys", &key.public_key_pem());
    until(None);
    folder.file("revoked", "user-1\n");
    until(Some(Denied::Revoked));
    folder.file("revoked", "");
    until(None);
    let demands = Demands { audience: Some("selvedge".into()), issuer: None, leeway: Duration::ZERO };
    let Asks::Token(trusted) = &authority.0 else { panic!("there are keys") };
    let wants = Authority(Asks::Token(Box::new(Trusted { demands: Arc::new(demands), ..(**trusted).clone() })));
    assert_eq!(said(&wants, NOW), Some(Denied::Audience));
    keeper.stop();
}

#[test]
fn nothing_secret_is_in_a_debug_text() {
    let folder = Folder::new();
    let (_keeper, authority, _) = keeper(&with_secret(&folder));
    let text = format!("{authority:?}");
    assert!(!text.contains(SECRET) && !text.contains("48, 49, 50"), "{text}");
}

/// What may stand in a claim.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["a", "read", "write", "*", "notes/*", "me", "\0", ""]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let known = ["sub", "exp", "nbf", "iat", "aud", "iss", "selvedge", "selvedge.documents", "documents", "a", "*"];
    prop::sample::select(known.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn a_token_that_was_changed_anywhere_is_not_taken(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        change in 0..3,
    ) {
        let folder = Folder::new();
        let (_keeper, authority, _) = keeper(&with_secret(&folder));
        let good = signed(&json!({"sub": "a", "exp": NOW + 60, "selvedge": {"documents": {"*": "write"}}}));
        prop_assert!(authority.admit(Some(&good), at(NOW)).is_ok());
        let mut changed = good.clone().into_bytes();
        match change {
            0 => changed[place.index(good.len())] = byte,
            1 => changed.insert(place.index(good.len() + 1), byte),
            _ => drop(changed.remove(place.index(good.len()))),
        }
        prop_assume!(changed != good.as_bytes());
        let changed = String::from_utf8_lossy(&changed);
        prop_assert!(authority.admit(Some(&changed), at(NOW)).is_err(), "{changed}");
    }

    #[test]
    fn whatever_an_issuer_signs_is_understood_or_refused(claims in prop::collection::btree_map(name(), value(), 0..4)) {
        let folder = Folder::new();
        let (_keeper, authority, _) = keeper(&with_secret(&folder));
        let mut signed_claims = json!({"sub": "a", "exp": NOW + 60});
        signed_claims.as_object_mut().expect("an object").extend(claims);
        if let Ok(grant) = authority.admit(Some(&signed(&signed_claims)), at(NOW)) {
            prop_assert_eq!(signed_claims["sub"].as_str(), grant.subject.as_deref());
            prop_assert!(signed_claims["exp"].as_u64() > Some(NOW - 5) && grant.expires_at > Some(at(NOW)), "{signed_claims}");
            let says_something = ["selvedge", "selvedge.documents"].iter().any(|name| signed_claims.get(name).is_some());
            prop_assert!(says_something || grant.documents.is_empty(), "{signed_claims}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_breaks_nothing(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let text = String::from_utf8_lossy(&bytes);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        prop_assert!(key::Key::from_pem(&pem).is_err());
        let set = json!({"keys": [{"kty": "RSA", "n": text, "e": "AQAB"}, {"kty": "EC", "crv": "P-256", "x": text, "y": text}]});
        if let Ok(keys) = key::parse_set(set.to_string().as_bytes()) {
            prop_assert!(keys.into_iter().all(|(_, key)| key.is_err()), "{set}");
        }
    }
}
