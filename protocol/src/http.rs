//! The little HTTP/1.1 that a WebSocket server needs: one request head in, one response out (RFC 9112, RFC 6455); and the same of a
//! client's upgrade.
//!
//! Knows nothing of routes, of who may ask, or of sockets. There are no request bodies: a head that announces one is
//! refused, so that bytes behind a head are always the next head or the first frame.

mod percent;
mod request;
mod request_error;
mod response;
mod upgrade;
mod upgrade_key;

pub use percent::{BadEscape, percent_decode};
pub use request::{HEADERS_MAX, Limits, Request, RequestKind, parse_request};
pub use request_error::RequestError;
pub use response::{Connection, Status, write_refusal, write_response, write_upgrade};
pub use upgrade::{RESPONSE_HEAD_BYTES_MAX, UpgradeRefused, parse_upgrade_response, write_upgrade_request};
pub use upgrade_key::UpgradeKey;
