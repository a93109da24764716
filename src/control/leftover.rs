//! What is left of a request's body when it is answered before the body is read. A server that closes on a client that is still sending can take the
//! answer back with it: the kernel resets the connection, and the client never reads why it was refused (RFC 9112, section 9.6).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

use super::documents::body::JSON_BYTES_MAX;

/// So much is read for nothing, and so long; then the connection closes.
const LEFTOVER_BYTES_MAX: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

// Who sends JSON that is a little too large is to read that it is.
const _: () = assert!(LEFTOVER_BYTES_MAX >= 2 * JSON_BYTES_MAX);

/// Where a body comes back to that nobody has read to its end.
type Shelf = Arc<Mutex<Option<Left>>>;

struct Left {
    body: Body,
    is_begun: bool,
}

/// The layer.
pub(super) async fn leftover(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    // Who waits to be told to send (RFC 9110, section 10.1.1), and is refused, has nothing on its way.
    let waits = parts.headers.contains_key(EXPECT);
    let shelf = Shelf::default();
    let lent = Lent { body: Some(body), is_begun: false, shelf: Arc::clone(&shelf) };
    let mut response = next.run(Request::from_parts(parts, Body::new(lent))).await;
    let is_refusal = response.status().is_client_error() || response.status().is_server_error();
    // In any other case whoever has the body still reads it, or the answer is to come with its end.
    let left = shelf.lock().unwrap_or_else(PoisonError::into_inner).take().filter(|_| is_refusal);
    if let Some(left) = left
        && ((waits && !left.is_begun) || !discard(left.body).await)
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads it for nothing. Says whether that was all.
async fn discard(body: Body) -> bool {
    let mut pieces = body.into_data_stream();
    let mut left = LEFTOVER_BYTES_MAX;
    let all = async {
        while let Some(Ok(piece)) = pieces.next().await {
            match left.checked_sub(piece.len()) {
                Some(less) => left = less,
                None => return false,
            }
        }
        true
    };
    timeout(PATIENCE, all).await.unwrap_or(false)
}

/// A body that comes back.
struct Lent {
    /// Until it is dropped.
    body: Option<Body>,
    /// Somebody has asked for some of it.
    is_begun: bool,
    shelf: Shelf,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_begun = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let is_begun = self.is_begun;
        let left = self.body.take().filter(|body| !body.is_end_stream()).map(|body| Left { body, is_begun });
        *self.shelf.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}
