//! From where a request comes. Does not know whose word about that counts.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;

use crate::audit::Address;

/// The other end of the connection; behind the layer of bans the client, where a trusted proxy has named it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl Peer {
    /// Of a request with these.
    pub(super) fn of(extensions: &Extensions) -> Self {
        *extensions.get().expect("each connection gives it to its requests")
    }

    /// As the audit log has it.
    pub(super) fn address(self) -> Address {
        Address::Exact(self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
