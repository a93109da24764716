//! Tells the playground where documents are served, which is another port than the page's. Asks for no token: the page has none before it
//! knows that one is wanted.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Context;
use crate::settings::Fsync;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/api/playground", get(playground))
}

async fn playground(State(context): State<Arc<Context>>) -> Json<Value> {
    let place = Place::of(&context);
    Json(json!({
        "websocket": place.websocket(),
        "path": "/hocuspocus",
        "any_host": place.is_any_host(),
        "tokens": !context.authority().is_open(),
        "fsync": match context.settings().fsync {
            Fsync::Always => "always",
            Fsync::Interval { .. } => "interval",
            Fsync::Never => "never",
        },
    }))
}

/// Where WebSockets are accepted, as a page has to know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    address: SocketAddr,
    tls: bool,
}

impl Place {
    pub(super) fn of(context: &Context) -> Self {
        Self { address: context.address, tls: context.settings().tls_certificate_file.is_some() }
    }

    fn scheme(self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }

    fn websocket(self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// The address says nothing about how a browser reaches it: whatever host the page has come from is right.
    fn is_any_host(self) -> bool {
        let ip = self.address.ip().to_canonical();
        ip.is_unspecified() || ip.is_loopback()
    }

    /// What a content security policy has to allow for it.
    pub(super) fn source(self) -> String {
        match self.is_any_host() {
            true => format!("{}://*:{}", self.scheme(), self.address.port()),
            false => self.websocket(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_any_or_this_machine_is_reached_by_the_name_of_the_page() {
        for (address, tls, any_host, websocket, source) in [
            ("127.0.0.1:8420", false, true, "ws://127.0.0.1:8420", "ws://*:8420"),
            ("0.0.0.0:8420", true, true, "wss://0.0.0.0:8420", "wss://*:8420"),
            ("[::]:1", false, true, "ws://[::]:1", "ws://*:1"),
            ("[::ffff:127.0.0.1]:1", false, true, "ws://[::ffff:127.0.0.1]:1", "ws://*:1"),
            ("10.0.0.7:443", true, false, "wss://10.0.0.7:443", "wss://10.0.0.7:443"),
        ] {
            let place = Place { address: address.parse().expect("an address"), tls };
            assert_eq!(
                (place.is_any_host(), place.websocket().as_str(), place.source().as_str()),
                (any_host, websocket, source),
                "{address}"
            );
        }
    }
}
