//! The table: attempts to get a session of [`TARGET`] without being allowed to. Each is a whole request, and how it has to end.

use super::client::with_headers;
use super::forge::{AUDIENCE, ISSUER, Keys, SECRET, Signed, base64url, by_secret, claims, now, token, until};

/// The document that the attackers want, as a path and as a name.
pub(crate) const TARGET: &str = "/yjs/tenant-a%2Fplan";
pub(crate) const TARGET_NAME: &str = "tenant-a/plan";

/// What the attackers may have: a good token for another tenant's document.
pub(crate) const OTHER_NAME: &str = "tenant-b/plan";

/// Whose tokens are refused from the start.
pub(crate) const REVOKED: &str = "revoked-user";

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A WebSocket that says permission denied, and closes with this code.
    Closed(u16),
    /// No WebSocket, but a response with this status.
    Status(u16),
}

pub(crate) struct Attempt {
    pub(crate) name: String,
    pub(crate) request: Vec<u8>,
    pub(crate) end: End,
}

/// Final for clients: there is no token that lets them in.
const DENIED: End = End::Closed(4401);
/// Final for clients: the token is good, and not for this document.
const FORBIDDEN: End = End::Closed(4403);
/// Clients try again.
const LATER: End = End::Closed(1013);

/// A token in the query, for the target.
fn query(token: &str) -> Vec<u8> {
    with_headers(&format!("{TARGET}?token={token}"), "")
}

fn path(path: &str, token: &str) -> Vec<u8> {
    with_headers(&format!("{path}?token={token}"), "")
}

fn header(header: &str) -> Vec<u8> {
    with_headers(TARGET, &format!("{header}\r\n"))
}

/// What a good header and good claims are here: an attacker changes one thing.
const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What the attackers have: keys, and a good token for the target of which they change one thing.
#[derive(Clone, Copy)]
struct Wares<'a> {
    keys: &'a Keys,
    strangers: &'a Keys,
    /// A port of theirs.
    elsewhere: u16,
    good: &'a str,
    hmac: Signed<'a>,
    legitimate: &'a str,
}

/// Adds an attempt to the table.
type Row<'a> = dyn FnMut(&str, Vec<u8>, End) + 'a;

/// A part of the table.
type Part = fn(&mut Row<'_>, Wares<'_>);

const PARTS: &[Part] = &[
    misplaced,
    two_at_once,
    unsigned,
    other_signatures,
    known_secrets,
    other_algorithms,
    keys_of_others,
    brought_along,
    expiries,
    parties,
    rights,
    shapes,
    other_documents,
];

pub(crate) fn attempts(keys: &Keys, strangers: &Keys, elsewhere: u16) -> Vec<Attempt> {
    let good = claims("user-1", "tenant-a/*", "write");
    let legitimate = by_secret(&good);
    let hmac = Signed::Hmac(SECRET.as_bytes());
    let wares = Wares { keys, strangers, elsewhere, good: &good, hmac, legitimate: &legitimate };
    let mut table = Vec::new();
    let mut row = |name: &str, request: Vec<u8>, end: End| table.push(Attempt { name: name.to_owned(), request, end });
    for part in PARTS {
        part(&mut row, wares);
    }
    table
}

/// No token, or not where one belongs.
fn misplaced(row: &mut Row<'_>, Wares { legitimate, .. }: Wares<'_>) {
    row("no token", with_headers(TARGET, ""), DENIED);
    row("an empty token", query(""), DENIED);
    row("a word", query("admin"), DENIED);
    row("two dots", query(".."), DENIED);
    row("in a cookie", header(&format!("Cookie: token={legitimate}")), DENIED);
    row("in another header", header(&format!("X-Auth-Token: {legitimate}")), DENIED);
    row("for a proxy", header(&format!("Proxy-Authorization: Bearer {legitimate}")), DENIED);
    row("as a password", header(&format!("Authorization: Basic {legitimate}")), DENIED);
    row("without a scheme", header(&format!("Authorization: {legitimate}")), DENIED);
    row(
        "as a subprotocol that is not behind bearer",
        header(&format!("Sec-WebSocket-Protocol: {legitimate}, bearer")),
        DENIED,
    );
    row("bearer with nothing behind it", header("Sec-WebSocket-Protocol: bearer"), DENIED);
    row("a parameter of another case", with_headers(&format!("{TARGET}?Token={legitimate}"), ""), DENIED);
    row("a parameter of another name", with_headers(&format!("{TARGET}?access_token={legitimate}"), ""), DENIED);
    row("a parameter whose name is encoded", with_headers(&format!("{TARGET}?%74oken={legitimate}"), ""), DENIED);
    row("behind a second question mark", with_headers(&format!("{TARGET}?a?token={legitimate}"), ""), DENIED);
    row("in a fragment", with_headers(&format!("{TARGET}#token={legitimate}"), ""), End::Status(400));
    row("in the path", with_headers(&format!("{TARGET}/{legitimate}"), ""), End::Status(404));
    row(
        "in the path, as a parameter of its segment",
        with_headers(&format!("{TARGET};token={legitimate}"), ""),
        End::Status(400),
    );
}

/// Two tokens at once.
fn two_at_once(row: &mut Row<'_>, Wares { legitimate, .. }: Wares<'_>) {
    let other = by_secret(&claims("user-2", OTHER_NAME, "write"));
    row("two in the query", with_headers(&format!("{TARGET}?token={legitimate}&token={other}"), ""), DENIED);
    row(
        "two in the query, the other way round",
        with_headers(&format!("{TARGET}?token={other}&token={legitimate}"), ""),
        DENIED,
    );
    row(
        "one in the query, one in a header",
        with_headers(&format!("{TARGET}?token={legitimate}"), &format!("Authorization: Bearer {other}\r\n")),
        DENIED,
    );
    row(
        "one in the query, one as a subprotocol",
        with_headers(&format!("{TARGET}?token={legitimate}"), &format!("Sec-WebSocket-Protocol: bearer, {other}\r\n")),
        DENIED,
    );
    row(
        "the header twice",
        header(&format!("Authorization: Bearer {legitimate}\r\nAuthorization: Bearer {other}")),
        End::Status(400),
    );
    row("another's good token", query(&other), FORBIDDEN);
}

/// No signature.
fn unsigned(row: &mut Row<'_>, Wares { good, hmac, legitimate, .. }: Wares<'_>) {
    for name in ["none", "None", "NONE", "nOnE", "none ", ""] {
        let unsigned = format!(r#"{{"alg":"{name}"}}"#);
        row(
            &format!("algorithm {name:?}, nothing behind the dot"),
            query(&token(&unsigned, good, Signed::With(""))),
            DENIED,
        );
        row(&format!("algorithm {name:?}, signed all the same"), query(&token(&unsigned, good, hmac)), DENIED);
    }
    let (cut, _) = legitimate.rsplit_once('.').expect("three parts");
    row("no algorithm", query(&token("{}", good, hmac)), DENIED);
    row("no signature", query(&format!("{cut}.")), DENIED);
    row("no third part", query(cut), DENIED);
}

/// Other signatures.
fn other_signatures(row: &mut Row<'_>, Wares { good, legitimate, .. }: Wares<'_>) {
    let (cut, signature) = legitimate.rsplit_once('.').expect("three parts");
    let other = by_secret(&claims("user-2", OTHER_NAME, "write"));
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    row("one byte less", query(&format!("{cut}.{}", &signature[..signature.len() - 2])), DENIED);
    row("half of it", query(&format!("{cut}.{}", &signature[..20])), DENIED);
    row("one bit other", query(&format!("{cut}.{flipped}{}", &signature[1..])), DENIED);
    row("that of another token", query(&format!("{cut}.{}", other.rsplit_once('.').expect("three parts").1)), DENIED);
    row("zeros", query(&format!("{cut}.{}", base64url(&[0; 32]))), DENIED);
    row("more behind it", query(&format!("{legitimate}AAAA")), DENIED);
    row("with padding", query(&format!("{legitimate}%3D")), DENIED);
    row("with double padding", query(&format!("{legitimate}==")), DENIED);
    row("a space behind it", query(&format!("{legitimate}%20")), DENIED);
    row("a space in front of it", query(&format!("%20{legitimate}")), DENIED);
    row("a line end behind it", query(&format!("{legitimate}%0A")), DENIED);
    row("a NUL behind it", query(&format!("{legitimate}%00")), DENIED);
    row("a plus in it", query(&legitimate.replace('.', "+.")), DENIED);
    row("encoded twice", query(&legitimate.replace('.', "%252E")), DENIED);
    row("a fourth part", query(&format!("{legitimate}.{signature}")), DENIED);
    row("five parts, as if encrypted", query(&format!("{legitimate}.{signature}.{signature}")), DENIED);
    row("a dot in front", query(&format!(".{legitimate}")), DENIED);
    row("bytes that are no text", query("%ff%fe.%ff.%ff"), DENIED);
    row("a token as long as a request may be", query(&"A".repeat(7_000)), DENIED);
    row(
        "JSON serialization",
        header(&format!("Authorization: Bearer {{\"payload\":\"{}\"}}", base64url(good.as_bytes()))),
        DENIED,
    );
    let zeros = base64url(&[0; 64]);
    row("zeros on a curve", query(&token(r#"{"alg":"ES256","kid":"ec"}"#, good, Signed::With(&zeros))), DENIED);
    row("zeros of Ed25519", query(&token(r#"{"alg":"EdDSA","kid":"ed"}"#, good, Signed::With(&zeros))), DENIED);
    row("one for RSA", query(&token(r#"{"alg":"RS256","kid":"rsa"}"#, good, Signed::With("AQ"))), DENIED);
    let swapped =
        format!("{}.{}.{signature}", base64url(HS256.as_bytes()), base64url(claims("user-2", "*", "write").as_bytes()));
    row("other claims under a good signature", query(&swapped), DENIED);
}

/// Secrets that everybody knows.
fn known_secrets(row: &mut Row<'_>, Wares { keys, good, .. }: Wares<'_>) {
    let pem = keys.rsa.public_key_pem();
    let n = keys.rsa_jwk("rsa");
    for (name, secret) in [
        ("the RSA key in PEM", pem.as_bytes()),
        ("the RSA key in PEM, trimmed", pem.trim().as_bytes()),
        ("the RSA key in DER", keys.rsa.public_key_raw()),
        ("the RSA key as JWK", n.as_bytes()),
        ("the point of the EC key", keys.ec.public_key_raw()),
        ("the Ed25519 key", keys.ed.public_key_raw()),
        ("nothing", b"".as_slice()),
        ("a NUL", b"\0"),
        ("secret", b"secret"),
        ("its file with the line end", b"the secret that only the server and its issuer know\n"),
    ] {
        row(&format!("HS256 with {name} as the secret"), query(&token(HS256, good, Signed::Hmac(secret))), DENIED);
        for id in ["rsa", "ec", "ed"] {
            let named = format!(r#"{{"alg":"HS256","kid":"{id}"}}"#);
            row(&format!("the same, and the name of {id}"), query(&token(&named, good, Signed::Hmac(secret))), DENIED);
        }
    }
}

/// Every algorithm under every key, except its own.
fn other_algorithms(row: &mut Row<'_>, Wares { keys, good, hmac, .. }: Wares<'_>) {
    let signers = [
        ("HS256", "", hmac),
        ("RS256", "rsa", Signed::Rsa(keys)),
        ("ES256", "ec", Signed::Ec(keys)),
        ("EdDSA", "ed", Signed::Ed(keys)),
    ];
    for (said, _, _) in signers {
        for (done, id, signed) in signers.iter().filter(|(done, _, _)| *done != said) {
            let unnamed = token(&format!(r#"{{"alg":"{said}"}}"#), good, *signed);
            row(&format!("says {said}, is {done}"), query(&unnamed), DENIED);
            if !id.is_empty() {
                let named = token(&format!(r#"{{"alg":"{said}","kid":"{id}"}}"#), good, *signed);
                row(&format!("says {said}, is {done}, names its key"), query(&named), DENIED);
            }
        }
    }
    for other in ["HS384", "HS512", "RS384", "RS512", "PS256", "ES384", "ES256K", "EdDSA25519", "hs256", "HS256\\u0000"]
    {
        let said = format!(r#"{{"alg":"{other}"}}"#);
        row(&format!("algorithm {other:?}"), query(&token(&said, good, hmac)), DENIED);
    }
}

/// Keys of others, and names of keys.
fn keys_of_others(row: &mut Row<'_>, Wares { keys, strangers, good, hmac, .. }: Wares<'_>) {
    for (id, algorithm, signed) in [
        ("rsa", "RS256", Signed::Rsa(strangers)),
        ("ec", "ES256", Signed::Ec(strangers)),
        ("ed", "EdDSA", Signed::Ed(strangers)),
    ] {
        let named = format!(r#"{{"alg":"{algorithm}","kid":"{id}"}}"#);
        row(&format!("a stranger's {algorithm} key under our name"), query(&token(&named, good, signed)), DENIED);
        let unnamed = format!(r#"{{"alg":"{algorithm}"}}"#);
        row(&format!("a stranger's {algorithm} key without a name"), query(&token(&unnamed, good, signed)), DENIED);
        let unknown = format!(r#"{{"alg":"{algorithm}","kid":"{id}2"}}"#);
        row(
            &format!("a stranger's {algorithm} key under a name of its own"),
            query(&token(&unknown, good, signed)),
            DENIED,
        );
    }
    row(
        "the EC key under the name of the RSA key",
        query(&token(r#"{"alg":"ES256","kid":"rsa"}"#, good, Signed::Ec(keys))),
        DENIED,
    );
    row("the secret under the name of the EC key", query(&token(r#"{"alg":"HS256","kid":"ec"}"#, good, hmac)), DENIED);
    for id in [
        "../../../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "http://127.0.0.1/",
        "",
        "\\u0000",
        "rsa\\u0000",
        "RSA",
        "*",
    ] {
        let named = format!(r#"{{"alg":"HS256","kid":"{id}"}}"#);
        row(&format!("a key called {id:?}, an empty secret"), query(&token(&named, good, Signed::Hmac(b""))), DENIED);
    }
    for id in ["1", "null", "[\"rsa\"]", "{\"a\":1}"] {
        let named = format!(r#"{{"alg":"RS256","kid":{id}}}"#);
        row(&format!("a key called {id}"), query(&token(&named, good, Signed::Rsa(keys))), DENIED);
    }
}

/// Headers that bring a key, or say how to read it.
fn brought_along(row: &mut Row<'_>, Wares { strangers, elsewhere, good, hmac, .. }: Wares<'_>) {
    let own = strangers.rsa_jwk("mine");
    let away = format!("http://127.0.0.1:{elsewhere}/keys");
    for (name, said) in [
        ("a key in it", format!(r#"{{"alg":"RS256","jwk":{own}}}"#)),
        ("a key in it, by name", format!(r#"{{"alg":"RS256","kid":"mine","jwk":{own}}}"#)),
        ("the address of keys", format!(r#"{{"alg":"RS256","kid":"mine","jku":"{away}"}}"#)),
        ("the address of a certificate", format!(r#"{{"alg":"RS256","kid":"mine","x5u":"{away}"}}"#)),
        ("a certificate", format!(r#"{{"alg":"RS256","x5c":["{}"]}}"#, base64url(strangers.rsa.public_key_raw()))),
    ] {
        row(name, query(&token(&said, good, Signed::Rsa(strangers))), DENIED);
    }
    for (name, said) in [
        ("what must be understood: exp", r#"{"alg":"HS256","crit":["exp"],"exp":1}"#),
        ("what must be understood: nothing", r#"{"alg":"HS256","crit":[]}"#),
        ("an unencoded payload", r#"{"alg":"HS256","crit":["b64"],"b64":false}"#),
        ("an unencoded payload, not said to be critical", r#"{"alg":"HS256","b64":false}"#),
        ("the algorithm twice", r#"{"alg":"none","alg":"HS256"}"#),
        ("the algorithm twice, once escaped", r#"{"alg":"HS256","\u0061lg":"none"}"#),
        ("the algorithm as a list", r#"{"alg":["HS256"]}"#),
        ("a header that is a list", r#"[{"alg":"HS256"}]"#),
        ("more behind the header", r#"{"alg":"HS256"}{}"#),
        ("a header that is no JSON", "alg=HS256"),
    ] {
        row(name, query(&token(said, good, hmac)), DENIED);
    }
}

/// Claims, well signed: until when.
fn expiries(row: &mut Row<'_>, _: Wares<'_>) {
    let soon = now() + 600;
    let with = |exp: &str| {
        format!(
            r#"{{"sub":"user-1","exp":{exp},"aud":"{AUDIENCE}","iss":"{ISSUER}","selvedge":{{"documents":{{"*":"write"}}}}}}"#
        )
    };
    for (name, exp) in [
        ("expired a second ago", (now() - 1).to_string()),
        ("expired in 1970", "0".to_owned()),
        ("never expires: null", "null".to_owned()),
        ("expires at a fraction", format!("{soon}.5")),
        ("expires at a float", format!("{soon}.0")),
        ("expires at a power", "9e9".to_owned()),
        ("expires before 1970", "-1".to_owned()),
        ("expires after 64 bits", "18446744073709551616".to_owned()),
        ("expires at the end of 64 bits", "18446744073709551615".to_owned()),
        ("expires at the end of 63 bits", "9223372036854775807".to_owned()),
        ("expires in the year 10000", "253402300800".to_owned()),
        ("expires at a text", format!("\"{soon}\"")),
        ("expires at a list", format!("[{soon}]")),
        ("expires at true", "true".to_owned()),
        ("expires twice", format!("{soon},\"exp\":{soon}")),
        ("expires twice, once escaped", format!("1,\"\\u0065xp\":{soon}")),
    ] {
        row(name, query(&by_secret(&with(&exp))), DENIED);
    }
}

/// Claims, well signed: from whom, for whom, of whom, from when on.
fn parties(row: &mut Row<'_>, _: Wares<'_>) {
    let soon = now() + 600;
    let claims_of = |claims: String| query(&by_secret(&claims));
    let tail = |rest: &str| format!(r#"{{"exp":{soon},"selvedge":{{"documents":{{"*":"write"}}}},{rest}}}"#);
    let whole = |rest: &str| tail(&format!(r#""sub":"user-1","aud":"{AUDIENCE}","iss":"{ISSUER}",{rest}"#));
    row(
        "no expiry",
        claims_of(format!(
            r#"{{"sub":"a","aud":"{AUDIENCE}","iss":"{ISSUER}","selvedge":{{"documents":{{"*":"write"}}}}}}"#
        )),
        DENIED,
    );
    row("valid tomorrow", claims_of(whole(&format!(r#""nbf":{}"#, soon + 86_400))), LATER);
    row("valid from a text on", claims_of(whole(r#""nbf":"0""#)), DENIED);
    row("valid from before 1970 on", claims_of(whole(r#""nbf":-1"#)), DENIED);
    row("made at a text", claims_of(whole(r#""iat":"now""#)), DENIED);
    for (name, rest) in [
        ("for nobody", format!(r#""sub":"a","iss":"{ISSUER}""#)),
        ("for somebody else", format!(r#""sub":"a","iss":"{ISSUER}","aud":"other""#)),
        ("for several others", format!(r#""sub":"a","iss":"{ISSUER}","aud":["other","selvedge2"]"#)),
        ("for an empty list", format!(r#""sub":"a","iss":"{ISSUER}","aud":[]"#)),
        ("for our name in another case", format!(r#""sub":"a","iss":"{ISSUER}","aud":"Selvedge""#)),
        ("for our name in a list of lists", format!(r#""sub":"a","iss":"{ISSUER}","aud":[["{AUDIENCE}"]]"#)),
        ("for our name as a key", format!(r#""sub":"a","iss":"{ISSUER}","aud":{{"{AUDIENCE}":1}}"#)),
        ("for our name and a number", format!(r#""sub":"a","iss":"{ISSUER}","aud":["{AUDIENCE}",1]"#)),
        ("by nobody", format!(r#""sub":"a","aud":"{AUDIENCE}""#)),
        ("by somebody else", format!(r#""sub":"a","aud":"{AUDIENCE}","iss":"https://issuer.example.evil""#)),
        ("by our issuer with a slash", format!(r#""sub":"a","aud":"{AUDIENCE}","iss":"{ISSUER}/""#)),
        ("by our issuer in a list", format!(r#""sub":"a","aud":"{AUDIENCE}","iss":["{ISSUER}"]"#)),
        ("by two", format!(r#""sub":"a","aud":"{AUDIENCE}","iss":"other","iss":"{ISSUER}""#)),
        ("of nobody", format!(r#""aud":"{AUDIENCE}","iss":"{ISSUER}""#)),
        ("of an empty name", format!(r#""sub":"","aud":"{AUDIENCE}","iss":"{ISSUER}""#)),
        ("of a number", format!(r#""sub":1,"aud":"{AUDIENCE}","iss":"{ISSUER}""#)),
        ("of a name with a line end", format!(r#""sub":"a\nb","aud":"{AUDIENCE}","iss":"{ISSUER}""#)),
        ("of a very long name", format!(r#""sub":"{}","aud":"{AUDIENCE}","iss":"{ISSUER}""#, "a".repeat(257))),
        ("of two names", format!(r#""sub":"a","sub":"b","aud":"{AUDIENCE}","iss":"{ISSUER}""#)),
        ("of a revoked name", format!(r#""sub":"{REVOKED}","aud":"{AUDIENCE}","iss":"{ISSUER}""#)),
    ] {
        row(name, claims_of(tail(&rest)), DENIED);
    }
}

/// Claims, well signed: for which documents.
fn rights(row: &mut Row<'_>, _: Wares<'_>) {
    let soon = now() + 600;
    let claims_of = |claims: String| query(&by_secret(&claims));
    let documents = |documents: &str| {
        claims_of(format!(r#"{{"sub":"a","exp":{soon},"aud":"{AUDIENCE}","iss":"{ISSUER}",{documents}}}"#))
    };
    let many: Vec<String> = (0..257).map(|number| format!("\"{number}\":\"read\"")).collect();
    for (name, said, end) in [
        ("no documents", r#""scope":"*""#.to_owned(), FORBIDDEN),
        ("documents of another name", r#""documents":{"*":"write"}"#.to_owned(), FORBIDDEN),
        ("documents too deep", r#""selvedge":{"selvedge":{"documents":{"*":"write"}}}"#.to_owned(), FORBIDDEN),
        ("documents in a list", r#""selvedge":[{"documents":{"*":"write"}}]"#.to_owned(), DENIED),
        ("documents as a text", r#""selvedge":{"documents":"*"}"#.to_owned(), DENIED),
        ("documents as a list", r#""selvedge":{"documents":["*"]}"#.to_owned(), DENIED),
        ("documents twice", r#""selvedge":{"documents":{}},"selvedge":{"documents":{"*":"write"}}"#.to_owned(), DENIED),
        (
            "documents in two ways",
            r#""selvedge":{"documents":{}},"selvedge.documents":{"*":"write"}"#.to_owned(),
            DENIED,
        ),
        ("a pattern twice", r#""selvedge":{"documents":{"*":"read","*":"write"}}"#.to_owned(), DENIED),
        ("a right that is none", r#""selvedge":{"documents":{"*":"admin"}}"#.to_owned(), DENIED),
        ("a right in another case", r#""selvedge":{"documents":{"*":"WRITE"}}"#.to_owned(), DENIED),
        ("a right that is true", r#""selvedge":{"documents":{"*":true}}"#.to_owned(), DENIED),
        ("rights in a list", r#""selvedge":{"documents":{"*":["write"]}}"#.to_owned(), DENIED),
        (
            "one right that is none beside a good one",
            r#""selvedge":{"documents":{"tenant-a/plan":"write","x":1}}"#.to_owned(),
            DENIED,
        ),
        ("an empty pattern", r#""selvedge":{"documents":{"":"write"}}"#.to_owned(), DENIED),
        ("very many patterns", format!(r#""selvedge":{{"documents":{{{}}}}}"#, many.join(",")), DENIED),
        ("a dot for any character", r#""selvedge":{"documents":{"tenant-./plan":"write"}}"#.to_owned(), FORBIDDEN),
        (
            "a question mark for any character",
            r#""selvedge":{"documents":{"tenant-?/plan":"write"}}"#.to_owned(),
            FORBIDDEN,
        ),
        ("a class of characters", r#""selvedge":{"documents":{"tenant-[a-z]/plan":"write"}}"#.to_owned(), FORBIDDEN),
        ("a percent sign", r#""selvedge":{"documents":{"%":"write"}}"#.to_owned(), FORBIDDEN),
        (
            "the folder only",
            r#""selvedge":{"documents":{"tenant-a":"write","tenant-a/":"write"}}"#.to_owned(),
            FORBIDDEN,
        ),
    ] {
        row(name, documents(&said), end);
    }
}

/// Claims, well signed: what is no object of claims.
fn shapes(row: &mut Row<'_>, Wares { good, legitimate, .. }: Wares<'_>) {
    let claims_of = |claims: String| query(&by_secret(&claims));
    row("claims that are a list", claims_of("[]".to_owned()), DENIED);
    row("claims that are no JSON", claims_of("sub=a".to_owned()), DENIED);
    row("more behind the claims", claims_of(format!("{good}{{}}")), DENIED);
    row("a mark in front of the claims", claims_of(format!("\u{feff}{good}")), DENIED);
    row("claims that are very deep", claims_of(format!("{}{}", "[".repeat(2_000), "]".repeat(2_000))), DENIED);
    row("a token in a token", claims_of(format!("\"{legitimate}\"")), DENIED);
    row("until a moment ago", claims_of(until(now(), "user-1", "*", "write")), DENIED);
}

/// A good token for a document of one's own, and ways to name another.
fn other_documents(row: &mut Row<'_>, _: Wares<'_>) {
    let own = by_secret(&claims("user-2", OTHER_NAME, "write"));
    for (name, said, end) in [
        ("another tenant's", TARGET, FORBIDDEN),
        ("up and down again", "/yjs/tenant-b%2F..%2Ftenant-a%2Fplan", FORBIDDEN),
        ("up and down again, all encoded", "/yjs/tenant-b%2F%2e%2e%2Ftenant-a%2Fplan", FORBIDDEN),
        ("up and down again, with backslashes", "/yjs/tenant-b%5C..%5Ctenant-a%5Cplan", FORBIDDEN),
        ("up and down again, in the path", "/yjs/tenant-b%2Fplan/../tenant-a%2Fplan", End::Status(404)),
        ("from above", "/yjs/../yjs/tenant-a%2Fplan", End::Status(404)),
        ("two slashes", "/yjs//tenant-a%2Fplan", End::Status(404)),
        ("two slashes in the name", "/yjs/tenant-a%2F%2Fplan", FORBIDDEN),
        ("a slash that is none", "/yjs/tenant-a/plan", End::Status(404)),
        ("encoded twice", "/yjs/tenant-a%252Fplan", FORBIDDEN),
        ("encoded in full", "/yjs/%74%65%6e%61%6e%74%2d%61%2f%70%6c%61%6e", FORBIDDEN),
        ("another case", "/yjs/Tenant-A%2FPlan", FORBIDDEN),
        ("a route in another case", "/YJS/tenant-a%2Fplan", End::Status(404)),
        ("a route that is encoded", "/%79js/tenant-a%2Fplan", End::Status(404)),
        ("letters that look alike", "/yjs/tenant-%D0%B0%2Fplan", FORBIDDEN),
        ("letters that are composed", "/yjs/tenant-a%2Fpla%CC%80n", FORBIDDEN),
        ("wide letters", "/yjs/%EF%BD%94enant-a%2Fplan", FORBIDDEN),
        ("an invisible letter", "/yjs/tenant-a%2Fplan%E2%80%8B", FORBIDDEN),
        ("a slash behind it", "/yjs/tenant-a%2Fplan/", End::Status(404)),
        ("a slash at the end of the name", "/yjs/tenant-a%2Fplan%2F", FORBIDDEN),
        ("a slash at the end of one's own", "/yjs/tenant-b%2Fplan%2F", FORBIDDEN),
        ("a space behind it", "/yjs/tenant-a%2Fplan%20", FORBIDDEN),
        ("one's own and a NUL", "/yjs/tenant-b%2Fplan%00tenant-a%2Fplan", End::Status(400)),
        ("one's own and a line end", "/yjs/tenant-b%2Fplan%0Atenant-a%2Fplan", End::Status(400)),
        ("an overlong slash", "/yjs/tenant-a%C0%AFplan", End::Status(400)),
        ("a star", "/yjs/*", FORBIDDEN),
        ("one's own and a star", "/yjs/tenant-b%2Fplan*", FORBIDDEN),
        ("several, by commas", "/yjs/tenant-b%2Fplan,tenant-a%2Fplan", FORBIDDEN),
        ("the whole address", "http://tenant-b/yjs/tenant-a%2Fplan", FORBIDDEN),
        ("another place", "/yjs2/tenant-a%2Fplan", End::Status(404)),
    ] {
        row(&format!("document: {name}"), path(said, &own), end);
    }
    row(
        "document: one's own in the query",
        with_headers(&format!("{TARGET}?document=tenant-b%2Fplan&token={own}"), ""),
        FORBIDDEN,
    );
    row(
        "document: one's own in a header",
        with_headers(&format!("{TARGET}?token={own}"), "X-Original-URL: /yjs/tenant-b%2Fplan\r\n"),
        FORBIDDEN,
    );
}
