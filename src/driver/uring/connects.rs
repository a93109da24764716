//! Addresses that the kernel is connecting to. Apart from the connections, so that one that was accepted pays nothing.
#![expect(unsafe_code, reason = "a connect refers to memory that must outlive the call")]

use std::collections::HashMap;
use std::net::SocketAddr;

use socket2::SockAddr;

use super::request::Request;
use super::target::Target;
use crate::driver::ConnectionKey;

/// All connects in flight of a core.
#[derive(Default)]
pub(super) struct Connects {
    // Boxed, so that they stay where they are while the map grows.
    addresses: HashMap<ConnectionKey, Box<SockAddr>>,
}

impl Connects {
    /// The request that connects a socket. The address is kept until [`Connects::remove`].
    pub(super) fn insert(&mut self, key: ConnectionKey, socket: Target, to: SocketAddr) -> Request {
        let address = self.addresses.entry(key).insert_entry(Box::new(to.into())).into_mut();
        // SAFETY: the address neither moves nor changes while it is in the map, and it stays there until the final completion has been
        // handled; if that never comes, `Uring::drop` leaks the map.
        unsafe { Request::connect(socket, address) }
    }

    /// The connect has given its final completion.
    pub(super) fn remove(&mut self, key: ConnectionKey) {
        self.addresses.remove(&key);
    }
}
