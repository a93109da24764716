//! permessage-deflate (RFC 7692), always without context takeover: what was agreed on, and messages compressed and inflated, each by itself.
//! `flate2` has its home here. Knows nothing of frames or of connections: one [`Compressor`] and one [`Inflater`] serve all of a core.

mod compressor;
mod inflater;
mod offer;

use std::num::NonZeroU8;

pub use compressor::Compressor;
pub use inflater::{Inflater, Inflation};
pub use offer::negotiate;

/// Ends what a compressor flushes, is taken off before sending and put back before inflating (sections 7.2.1 and 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Scratch memory that is kept between messages. What a larger message has taken is given back.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// How far back what the server compresses may refer: 2 to the power of this, in bytes.
///
/// 8 is left out, though the standard has it: zlib takes 9 for it, which a peer with a window of 8 could not inflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowBits(NonZeroU8);

impl WindowBits {
    /// The smallest that can be asked for.
    pub const MIN: Self = Self(NonZeroU8::new(9).expect("9 is not 0"));
    /// The largest there is, and what holds where nothing is said.
    pub const MAX: Self = Self(NonZeroU8::new(15).expect("15 is not 0"));

    /// The window, if there is a compressor for it.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        match NonZeroU8::new(bits) {
            Some(nonzero) if bits >= Self::MIN.value() && bits <= Self::MAX.value() => Some(Self(nonzero)),
            Some(_) | None => None,
        }
    }

    /// The exponent.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0.get()
    }
}

/// What both ends of a connection have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deflate {
    /// What the client asked for, which the answer repeats (section 7.1.2.1).
    server_window: Option<WindowBits>,
}

impl Deflate {
    /// What the server has to compress with.
    #[must_use]
    pub fn server_window(self) -> WindowBits {
        self.server_window.unwrap_or(WindowBits::MAX)
    }

    /// The value of `Sec-WebSocket-Extensions` that says so to the client.
    #[must_use]
    pub fn answer(self) -> String {
        let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        match self.server_window {
            Some(window) => format!("{answer}; server_max_window_bits={}", window.value()),
            None => answer.to_owned(),
        }
    }
}

/// Gives back what a large message has taken.
fn forget(scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.shrink_to(KEPT_BYTES_MAX);
}

#[cfg(test)]
mod tests;
