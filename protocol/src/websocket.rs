//! WebSocket framing (RFC 6455): bytes to messages and back, for either end of a connection.
//!
//! Knows nothing of sockets, of HTTP, or of what a message says. Reads through [`Reader`], which owns memory only while
//! a frame or a message is incomplete; writes by appending to a `Vec<u8>`. The one extension is permessage-deflate
//! ([`Deflate`]): where it was not agreed on, the three reserved bits of a frame must be zero.

mod close;
mod deflate;
mod frame;
mod mask;
mod reader;
mod utf8;
mod violation;
mod writer;

pub use close::{CLOSE_REASON_BYTES_MAX, CloseCode, CloseFrame};
pub use deflate::{Compressor, Deflate, Inflater, Inflation, WindowBits, negotiate};
pub use frame::{CONTROL_PAYLOAD_BYTES_MAX, FRAME_HEADER_BYTES_MAX, FrameHeader, OpCode};
pub use mask::apply_mask;
pub use reader::{Event, Limits, MessageKind, Read, Reader};
pub use utf8::{InvalidUtf8, Utf8Validator};
pub use violation::Violation;
pub use writer::{frame_header_len, put_close, put_compressed_frame, put_frame, put_frame_header, put_masked_frame};

/// Which end of a connection this is. A client masks every frame it sends, a server none (RFC 6455, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads masked frames and writes unmasked ones.
    Server,
    /// Reads unmasked frames and writes masked ones.
    Client,
}
