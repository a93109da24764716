//! The document that a path names, and the path of one. Does not know whether there is one.

use std::fmt::Write;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use selvedge_protocol::document_name::DocumentName;

use crate::control::problem::Problem;

/// Which segment of `/v1/documents/{name}` it is, where the first one is empty.
const SEGMENT: usize = 3;

/// The name in a path below `/v1/documents/`. The segment is read as it came, so that an escape is decoded once, and a malformed one refused
/// instead of taken for itself.
#[derive(Clone, Debug)]
pub(in crate::control) struct Named(pub(in crate::control) DocumentName);

impl<S: Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.uri.path().split('/').nth(SEGMENT).unwrap_or_default();
        DocumentName::from_path_segment(segment).map(Self).map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// A name as one segment of a path.
pub(in crate::control) fn escape(name: &str) -> String {
    let mut segment = String::new();
    for &byte in name.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => segment.push(char::from(byte)),
            _ => write!(segment, "%{byte:02X}").expect("a text takes everything"),
        }
    }
    segment
}
