//! What letting somebody in costs a core: one token of each algorithm, checked and read; and one that is forged.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use selvedge::auth::{self, Authority, Issued, Keeper, Right, Sources};
use selvedge::settings::Settings;

/// What a token that was made for one user may say: a few patterns.
fn issued(key: Option<std::path::PathBuf>) -> Issued {
    Issued {
        subject: "user-1".into(),
        documents: ["notes/*", "teams/7/*", "shared"].map(|pattern| (pattern.to_owned(), Right::Write)).to_vec(),
        ttl: Duration::from_secs(3_600),
        audience: Some("selvedge".into()),
        issuer: Some("https://issuer.example".into()),
        key_id: None,
        key,
        admin: false,
    }
}

/// A server's authority with the key in this file, and a token that it takes.
fn admitted(settings: &Settings, key: Option<std::path::PathBuf>) -> (Keeper, Arc<Authority>, String) {
    let sources = Sources::read(settings).unwrap_or_else(|error| panic!("{error}"));
    let (keeper, authority) = Keeper::spawn(sources, Box::new(|_| {})).expect("a thread");
    let token = auth::issue(&issued(key), settings, SystemTime::now()).unwrap_or_else(|error| panic!("{error}"));
    (keeper, authority, token)
}

fn bench(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("selvedge-bench-auth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("the folder can be written");
        path
    };
    let base = Settings {
        auth_audience: Some("selvedge".into()),
        auth_issuer: Some("https://issuer.example".into()),
        ..Settings::default()
    };
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let ed = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let secret = file("secret", "0123456789abcdef0123456789abcdef");
    let mut cases = vec![("HS256", admitted(&Settings { auth_secret_file: Some(secret), ..base.clone() }, None))];
    for (name, pair) in [("RS256", rsa), ("ES256", ec), ("EdDSA", ed)] {
        let public = file(&format!("{name}.pub"), &pair.public_key_pem());
        let private = file(&format!("{name}.key"), &pair.serialize_pem());
        cases.push((name, admitted(&Settings { auth_keys_file: Some(public), ..base.clone() }, Some(private))));
    }
    let now = SystemTime::now();
    let mut group = criterion.benchmark_group("admit");
    for (name, (_, authority, token)) in &cases {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| authority.admit(Some(black_box(token)), now).expect("it is good"));
        });
        let mut forged = token.clone();
        let place = forged.rfind('.').expect("three parts") + 2;
        let other = if forged.as_bytes()[place] == b'A' { "B" } else { "A" };
        forged.replace_range(place..=place, other);
        group.bench_function(format!("{name}, forged"), |bencher| {
            bencher.iter(|| authority.admit(Some(black_box(&forged)), now).expect_err("it is forged"));
        });
    }
    let (_, (_, authority, _)) = &cases[0];
    let nonsense = "A".repeat(auth::TOKEN_BYTES_MAX);
    group.bench_function("no token at all", |bencher| {
        bencher.iter(|| authority.admit(Some(black_box(&nonsense)), now).expect_err("it is none"));
    });
    group.finish();
    for (_, (keeper, _, _)) in cases {
        keeper.stop();
    }
    std::fs::remove_dir_all(&folder).expect("it was made here");
}

criterion_group!(benches, bench);
criterion_main!(benches);
