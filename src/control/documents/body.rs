//! Bodies of requests, read whole within their limits.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::room::{Held, Room};
use crate::control::problem::Problem;

/// A body of JSON: it is read on the control plane's thread, and takes many times its bytes in memory.
pub(in crate::control) const JSON_BYTES_MAX: usize = 1 << 20;

/// Reads a body of this media type, at most so long.
pub(in crate::control) async fn read(
    room: &Arc<Room>,
    headers: &HeaderMap,
    body: Body,
    media_types: &[&str],
    bytes_max: usize,
) -> Result<(Bytes, Held), Problem> {
    expect(headers, media_types)?;
    whole(room, headers, body, bytes_max).await
}

/// Reads a body of a media type that was looked at, or that nobody asks for.
pub(in crate::control) async fn whole(
    room: &Arc<Room>,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<(Bytes, Held), Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body may have {bytes_max} bytes"));
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_large());
    }
    let mut held = room.enter()?;
    // What is only announced takes no room.
    let mut whole = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Problem::bad_request(format!("the body did not arrive: {error}")))?;
        if piece.len() > bytes_max - whole.len() {
            return Err(too_large());
        }
        held.grow(whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok((whole.into(), held))
}

/// Reads a body of JSON.
pub(in crate::control) async fn read_json<T: DeserializeOwned>(
    room: &Arc<Room>,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let (bytes, _held) = read(room, headers, body, &["application/json"], JSON_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        Category::Data => Problem::unprocessable(format!("the body is not what this path takes: {error}")),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::bad_request(format!("the body is not JSON: {error}"))
        }
    })
}

/// Refuses a body where there is nothing to say.
pub(in crate::control) async fn expect_none(body: Body) -> Result<(), Problem> {
    match body.into_data_stream().next().await {
        None => Ok(()),
        Some(Ok(piece)) if piece.is_empty() => Ok(()),
        Some(_) => Err(Problem::bad_request("this takes no body")),
    }
}

/// Refuses bodies of other media types, and compressed ones: what they grow to would have to be bounded too.
pub(in crate::control) fn expect(headers: &HeaderMap, media_types: &[&str]) -> Result<(), Problem> {
    expect_plain(headers)?;
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    match media_types.iter().any(|media_type| media_type.eq_ignore_ascii_case(given)) {
        true => Ok(()),
        false => Err(unsupported(format!("Content-Type has to be {}, not {given:?}", media_types.join(" or ")))),
    }
}

/// Refuses compressed ones.
pub(in crate::control) fn expect_plain(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(unsupported("bodies of requests must not be compressed (Content-Encoding)".to_owned()));
    }
    Ok(())
}

fn unsupported(detail: String) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}
