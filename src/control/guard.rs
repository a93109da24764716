//! Keeps pages of other sites out where no token does it: a browser on this machine would carry their requests to us. Where tokens are asked
//! for, no page has one but our own. And keeps out whoever says two hosts.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Context;
use super::problem::Problem;

/// What programs ask for, and our own pages.
const API: &str = "/v1/";

/// What a browser says of a page that made it ask: one of ours, or none at all. Programs do not say it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OWN_SITES: [&str; 2] = ["same-origin", "none"];

/// The layer.
pub(super) async fn guard(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    // Which of two is meant, proxies and servers do not agree on (RFC 9112, section 3.2).
    if request.headers().get_all(HOST).iter().nth(1).is_some() {
        return Problem::bad_request("Host may be given once only (RFC 9112, section 3.2)").into_response();
    }
    if context.authority().is_open()
        && let Err(problem) = check(request.method(), request.uri().path(), request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn check(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A name that somebody else lets point here (DNS rebinding) makes their page one of the same origin.
    if !is_of_this_machine(host) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "without tokens the control plane answers to an IP address or localhost only (Host)",
        ));
    }
    // Who reads holds streams and workers, too, though the page gets to see nothing of it. What a person follows a link to stays open.
    if path.starts_with(API) && headers.get(SEC_FETCH_SITE).is_some_and(|site| !OWN_SITES.iter().any(|own| site == own))
    {
        return Err(Problem::forbidden("a page of another site must not ask for this (Sec-Fetch-Site)"));
    }
    if method.is_safe() {
        return Ok(());
    }
    match headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
        None => Ok(()),
        Some(origin) if origin.split_once("://").is_some_and(|(_, authority)| authority == host) => Ok(()),
        Some(_) => Err(Problem::forbidden("a page of another site must not do this (Origin)")),
    }
}

fn is_of_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a header"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().expect("a header"));
        }
        headers
    }

    #[test]
    fn pages_of_other_sites_change_nothing_and_names_of_others_read_nothing() {
        let cases = [
            ("127.0.0.1:8421", None, true, true),
            ("[::1]:8421", None, true, true),
            ("localhost:8421", Some("http://localhost:8421"), true, true),
            ("localhost", None, true, true),
            ("localhost:8421", Some("http://localhost:8422"), true, false),
            ("127.0.0.1:8421", Some("http://evil.example"), true, false),
            ("127.0.0.1:8421", Some("null"), true, false),
            ("evil.example:8421", None, false, false),
            ("localhost.evil.example", None, false, false),
            ("127.0.0.1.evil.example", None, false, false),
            ("[::1", None, false, false),
            ("", None, false, false),
        ];
        for (host, origin, read, write) in cases {
            let headers = headers(host, origin);
            let path = "/v1/documents";
            assert_eq!(check(&Method::GET, path, &headers).is_ok(), read, "GET {host} {origin:?}");
            assert_eq!(check(&Method::POST, path, &headers).is_ok(), write, "POST {host} {origin:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_start_nothing_by_reading() {
        let paths = ["/v1/events", "/v1/export", "/", "/play", "/healthz", "/readyz", "/metrics", "/openapi.json"];
        for (site, asks) in [
            (None, true),
            (Some("same-origin"), true),
            (Some("none"), true),
            (Some("same-site"), false),
            (Some("cross-site"), false),
        ] {
            let mut headers = headers("localhost:8421", None);
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, site.parse().expect("a header"));
            }
            for path in paths {
                let expected = asks || !path.starts_with("/v1/");
                assert_eq!(check(&Method::GET, path, &headers).is_ok(), expected, "{path} {site:?}");
            }
        }
    }
}
