//! Looks at files that change. No thread, and no time but the one that is given.

use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};

use super::*;

/// A folder with a pair in it, which goes with the test.
struct Pair {
    folder: PathBuf,
    files: Files,
}

/// A certificate that ends on the first day of this year, and its key, in PEM.
fn pair(year: i32) -> (String, String) {
    let mut parameters = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().expect("a key");
    (parameters.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

impl Pair {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("selvedge-reload-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let files = Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        Self { folder, files }
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(&self.files.certificate, certificate).expect("a file");
        std::fs::write(&self.files.key, key).expect("a file");
    }

    fn load(&self) -> Result<Identity, IdentityError> {
        Identity::load(&self.files, SystemTime::now())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Looks until something is said, as often as matters.
fn settle(watch: &mut Watch) -> Option<Result<String, IdentityError>> {
    let said = (0..3).find_map(|_| watch.look(SystemTime::now()))?;
    Some(said.map(|identity| identity.not_after().to_string()))
}

#[test]
fn a_new_pair_is_taken_once_and_a_half_is_waited_for() {
    let pair_files = Pair::new("rotation");
    let (old, old_key) = pair(2050);
    pair_files.write(&old, &old_key);
    let mut watch = Watch::new(pair_files.files.clone(), &pair_files.load().expect("a pair"));
    assert!(settle(&mut watch).is_none(), "nothing has changed");

    let (new, new_key) = pair(2051);
    pair_files.write(&new, &old_key);
    assert!(watch.look(SystemTime::now()).is_none(), "one look may be in the middle of a rotation");
    pair_files.write(&new, &new_key);
    assert_eq!(settle(&mut watch).expect("a new pair").expect("they match"), "2051-01-01T00:00:00Z");
    assert!(settle(&mut watch).is_none(), "it is taken once");
}

#[test]
fn what_cannot_be_used_is_said_once_and_what_mends_it_is_taken() {
    let pair_files = Pair::new("mistakes");
    let (old, old_key) = pair(2050);
    pair_files.write(&old, &old_key);
    let mut watch = Watch::new(pair_files.files.clone(), &pair_files.load().expect("a pair"));

    let (new, new_key) = pair(2051);
    pair_files.write(&new, &old_key);
    assert!(matches!(settle(&mut watch), Some(Err(IdentityError::Mismatch { .. }))));
    assert!(settle(&mut watch).is_none(), "said once");
    std::fs::remove_file(&pair_files.files.key).expect("it was written");
    assert!(matches!(settle(&mut watch), Some(Err(IdentityError::Unreadable { .. }))));
    assert!(settle(&mut watch).is_none(), "said once");
    pair_files.write(&new, &new_key);
    assert!(matches!(settle(&mut watch), Some(Ok(_))));
    std::fs::remove_file(&pair_files.files.key).expect("it was written");
    assert!(matches!(settle(&mut watch), Some(Err(IdentityError::Unreadable { .. }))), "a new fault is said again");
}

#[test]
fn what_is_no_pair_is_named() {
    let pair_files = Pair::new("named");
    let (good, key) = pair(2050);
    let (_, other) = pair(2050);
    let (expired, expired_key) = pair(2001);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old_encrypted =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cut = &good[..good.len() / 2];
    for (certificate, key, said) in [
        (good.as_str(), other.as_str(), "this is not the key of the certificate"),
        (&expired, &expired_key, "expired on 2001-01-01T00:00:00Z"),
        (&good, "", "there is no private key in it"),
        (&good, &good, "there is no private key in it"),
        (&good, encrypted, "is encrypted"),
        (&good, old_encrypted, "is encrypted"),
        (&good, bad_key, "cannot be used"),
        ("", &key, "there is no certificate in it"),
        (&key, &key, "there is no certificate in it"),
        (nonsense, &key, "is not a certificate"),
        (cut, &key, "certificate"),
    ] {
        pair_files.write(certificate, key);
        let error = pair_files.load().expect_err("this is no pair").to_string();
        assert!(error.contains(said) && error.contains(".pem"), "{error}");
    }
    pair_files.write(&good, &"x".repeat(2 << 20));
    assert!(pair_files.load().expect_err("no key is so long").to_string().contains("longer than"));
    std::fs::remove_file(&pair_files.files.key).expect("it was written");
    std::fs::create_dir(&pair_files.files.key).expect("a folder");
    assert!(pair_files.load().expect_err("a folder").to_string().contains("not a file"));
}
