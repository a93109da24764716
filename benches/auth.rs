//! What letting somebody in costs a core: a token of each algorithm, checked and read, that comes for the first time, and one that has come before; and one
//! that is forged.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use selvedge::auth::{self, Authority, Issued, Keeper, Right, Sources};
use selvedge::settings::Settings;

/// Tokens that come for the first time, before the server forgets them.
const TOKENS: usize = 1_000;

/// What a token that was made for one user may say: a few patterns.
fn issued(number: usize, key: Option<PathBuf>) -> Issued {
    Issued {
        subject: format!("user-{number}"),
        documents: ["notes/*", "teams/7/*", "shared"].map(|pattern| (pattern.to_owned(), Right::Write)).to_vec(),
        ttl: Duration::from_secs(3_600),
        audience: Some("selvedge".into()),
        issuer: Some("https://issuer.example".into()),
        key_id: None,
        key,
        admin: false,
    }
}

/// A server that has seen no token.
fn fresh(settings: &Settings) -> (Keeper, Arc<Authority>) {
    let sources = Sources::read(settings).unwrap_or_else(|error| panic!("{error}"));
    Keeper::spawn(sources, Box::new(|_| {})).expect("a thread")
}

/// A kind of tokens: what they are checked with, and some that are good.
struct Case {
    name: &'static str,
    settings: Settings,
    tokens: Vec<String>,
}

impl Case {
    fn new(name: &'static str, settings: Settings, key: Option<&Path>) -> Self {
        let now = SystemTime::now();
        let token = |number| {
            let issued = issued(number, key.map(Path::to_owned));
            auth::issue(&issued, &settings, now).unwrap_or_else(|error| panic!("{error}"))
        };
        Self { name, tokens: (0..TOKENS).map(token).collect(), settings }
    }

    /// The time that so many take of which none has come before.
    fn first_times(&self, count: u64, now: SystemTime) -> Duration {
        let (mut left, mut spent) = (usize::try_from(count).expect("a count of what is measured"), Duration::ZERO);
        while left > 0 {
            let (keeper, authority) = fresh(&self.settings);
            let tokens = &self.tokens[..left.min(TOKENS)];
            let begun = Instant::now();
            for token in tokens {
                authority.admit(Some(black_box(token)), now).expect("it is good");
            }
            spent += begun.elapsed();
            keeper.stop();
            left -= tokens.len();
        }
        spent
    }
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
    let mut cases = vec![Case::new("HS256", Settings { auth_secret_file: Some(secret), ..base.clone() }, None)];
    for (name, pair) in [("RS256", rsa), ("ES256", ec), ("EdDSA", ed)] {
        let public = file(&format!("{name}.pub"), &pair.public_key_pem());
        let private = file(&format!("{name}.key"), &pair.serialize_pem());
        cases.push(Case::new(name, Settings { auth_keys_file: Some(public), ..base.clone() }, Some(&private)));
    }
    let now = SystemTime::now();
    let mut group = criterion.benchmark_group("admit");
    for case in &cases {
        let name = case.name;
        let (keeper, authority) = fresh(&case.settings);
        let token = &case.tokens[0];
        group.bench_function(name, |bencher| bencher.iter_custom(|count| case.first_times(count, now)));
        group.bench_function(format!("{name}, again"), |bencher| {
            bencher.iter(|| authority.admit(Some(black_box(token)), now).expect("it is good"));
        });
        let mut forged = token.clone();
        let place = forged.rfind('.').expect("three parts") + 2;
        let other = if forged.as_bytes()[place] == b'A' { "B" } else { "A" };
        forged.replace_range(place..=place, other);
        group.bench_function(format!("{name}, forged"), |bencher| {
            bencher.iter(|| authority.admit(Some(black_box(&forged)), now).expect_err("it is forged"));
        });
        keeper.stop();
    }
    let (keeper, authority) = fresh(&cases[0].settings);
    let nonsense = "A".repeat(auth::TOKEN_BYTES_MAX);
    group.bench_function("no token at all", |bencher| {
        bencher.iter(|| authority.admit(Some(black_box(&nonsense)), now).expect_err("it is none"));
    });
    keeper.stop();
    group.finish();
    std::fs::remove_dir_all(&folder).expect("it was made here");
}

criterion_group!(benches, bench);
criterion_main!(benches);
