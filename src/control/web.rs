//! The pages for people: the dashboard at `/`, the playground at `/play`, and the files that they load. All of it is in the binary, so it
//! works without internet, and nothing else can be asked for. Knows nothing of what the pages show.
//!
//! Nobody is asked for a token here: the pages hold nothing that is not in the source tree, and ask for one themselves.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Context;
use super::playground::Place;
use super::problem::Problem;

/// What `npm run build` has made of `web/`.
#[derive(RustEmbed)]
#[folder = "web/dist/"]
struct Files;

/// What a page may load and do. Scripts and styles are files of ours, and nothing is said to anybody but the server that the page is from.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                                base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The playground opens a WebSocket too, which is on another port.
fn playground_policy(place: Place) -> HeaderValue {
    let policy = DASHBOARD_POLICY.replace("connect-src 'self'", &format!("connect-src 'self' {}", place.source()));
    HeaderValue::try_from(policy).expect("an address has no control characters")
}

/// A page is asked for anew each time, and is mostly not sent again.
const PAGE_CACHING: &str = "no-cache";

/// The name of an asset has a hash of what is in it.
const ASSET_CACHING: &str = "public, max-age=31536000, immutable";

pub(super) fn routes() -> Router<Arc<Context>> {
    let dashboard =
        get(async |headers| page("dashboard/index.html", HeaderValue::from_static(DASHBOARD_POLICY), &headers));
    let playground = get(async |State(context): State<Arc<Context>>, headers| {
        page("play/index.html", playground_policy(Place::of(&context)), &headers)
    });
    Router::new()
        .route("/", dashboard)
        .route("/play", playground.clone())
        .route("/play/", playground)
        .route("/assets/{name}", get(asset))
}

fn page(name: &str, policy: HeaderValue, headers: &HeaderMap) -> Result<Response, Problem> {
    let mut response = file(name, PAGE_CACHING, headers)?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    file(&format!("assets/{name}"), ASSET_CACHING, &headers)
}

/// Names are looked up among those that were embedded; none is a path.
fn file(name: &str, caching: &'static str, headers: &HeaderMap) -> Result<Response, Problem> {
    let Some(file) = Files::get(name) else {
        return Err(Problem::not_found("there is no such file; the pages are at / and /play"));
    };
    let tag = tag(&file);
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|tags| matches(tags, &tag));
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits and quotes");
    let shared = [(ETAG, tag), (CACHE_CONTROL, HeaderValue::from_static(caching))];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, shared).into_response());
    }
    let kind = [(CONTENT_TYPE, content_type(file.metadata.mimetype()))];
    let body = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Ok((shared, kind, body).into_response())
}

/// A weak one: what is sent may be compressed, and is then other bytes with the same meaning (RFC 9110, section 8.8.3).
fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    // Half of it tells any two builds apart.
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{digits}\"")
}

/// Whether a list of tags has this one (RFC 9110, section 13.1.2). A star asks whether there is anything, and there is.
fn matches(tags: &HeaderValue, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.to_str().is_ok_and(|tags| tags.split(',').any(|one| one.trim() == "*" || opaque(one) == opaque(tag)))
}

fn content_type(media_type: &str) -> HeaderValue {
    // Text is UTF-8, whatever a browser would guess.
    let value =
        if media_type.starts_with("text/") { format!("{media_type}; charset=utf-8") } else { media_type.to_owned() };
    HeaderValue::try_from(value).expect("a media type of a table")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, if_none_match: Option<&str>) -> Result<Response, Problem> {
        let mut headers = HeaderMap::new();
        if let Some(tags) = if_none_match {
            headers.insert(IF_NONE_MATCH, tags.parse().expect("a header"));
        }
        file(name, ASSET_CACHING, &headers)
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let first = answer("play/index.html", None).expect("a page");
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[ETAG].to_str().expect("text").to_owned();
        let strong = tag.trim_start_matches("W/");
        for (tags, status) in [
            (tag.as_str(), StatusCode::NOT_MODIFIED),
            (strong, StatusCode::NOT_MODIFIED),
            ("*", StatusCode::NOT_MODIFIED),
            (&format!("\"other\", {tag}"), StatusCode::NOT_MODIFIED),
            ("W/\"other\"", StatusCode::OK),
            ("", StatusCode::OK),
        ] {
            assert_eq!(answer("play/index.html", Some(tags)).expect("a page").status(), status, "{tags}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_embedded_files() {
        for name in [
            "",
            "/",
            "assets",
            "assets/",
            "assets/..",
            "assets/../play/index.html",
            "../Cargo.toml",
            "/etc/passwd",
            "play/index.html\0",
        ] {
            assert!(answer(name, None).is_err(), "{name}");
        }
    }

    #[test]
    fn no_source_map_is_embedded() {
        assert!(Files::iter().count() > 2);
        assert!(!Files::iter().any(|name| name.ends_with(".map")));
    }
}
