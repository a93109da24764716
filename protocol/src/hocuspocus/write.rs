//! What a server says in this dialect, each in a frame of its own. `address` is [`super::Address::encoded`], or empty where the address
//! is put in front later.

use super::{AUTH, AUTHENTICATED, CLOSE, PERMISSION_DENIED, PING, STATELESS, SYNC_STATUS, TOKEN};
use crate::lib0::{put_uint, uint_size};
use crate::websocket::{OpCode, put_frame, put_frame_header};

/// Appends: the token is good, and the session may write or not.
pub fn put_authenticated(out: &mut Vec<u8>, address: &[u8], read_only: bool) {
    let scope = if read_only { "readonly" } else { "read-write" };
    put(out, address, &[AUTH, AUTHENTICATED], Some(scope));
}

/// Appends: what was asked for is refused.
pub fn put_permission_denied(out: &mut Vec<u8>, address: &[u8], reason: &str) {
    put(out, address, &[AUTH, PERMISSION_DENIED], Some(reason));
}

/// Appends: send your token again.
pub fn put_token_request(out: &mut Vec<u8>, address: &[u8]) {
    put(out, address, &[AUTH, TOKEN], None);
}

/// Appends: the session of this document has ended; the socket stays open.
pub fn put_close(out: &mut Vec<u8>, address: &[u8], reason: &str) {
    put(out, address, &[CLOSE], Some(reason));
}

/// Appends the answer to one SyncStep2 or Update: it is durable, or was refused.
pub fn put_sync_status(out: &mut Vec<u8>, address: &[u8], saved: bool) {
    put(out, address, &[SYNC_STATUS, u64::from(saved)], None);
}

/// Appends a stateless message.
pub fn put_stateless(out: &mut Vec<u8>, address: &[u8], payload: &str) {
    put(out, address, &[STATELESS], Some(payload));
}

/// Appends a ping of the dialect: clients count it as a sign of life, which they do not with those of WebSocket.
pub fn put_ping(out: &mut Vec<u8>) {
    put_frame(out, OpCode::Binary, &[PING]);
}

fn put(out: &mut Vec<u8>, address: &[u8], types: &[u64], text: Option<&str>) {
    let types_len: usize = types.iter().map(|&value| uint_size(value)).sum();
    let text_len = text.map_or(0, |text| uint_size(text.len() as u64) + text.len());
    put_frame_header(out, OpCode::Binary, address.len() + types_len + text_len);
    out.extend_from_slice(address);
    for &value in types {
        put_uint(out, value);
    }
    if let Some(text) = text {
        put_uint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}
