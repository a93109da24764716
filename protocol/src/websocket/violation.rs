//! What a peer can do against RFC 6455 or against our limits. Always the peer's fault; costs it the connection.

use std::{error::Error, fmt};

use super::{CONTROL_PAYLOAD_BYTES_MAX, CloseCode, OpCode};

/// Why the bytes of a peer were refused. After one, nothing that the peer sends can be trusted to begin a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A reserved bit is set, and no extension was negotiated that gives it a meaning there (section 5.2).
    ReservedBits {
        /// The three bits as they stand in the first byte, `0x70` at most.
        bits: u8,
    },
    /// An operation code that the standard reserves (section 5.2).
    UnknownOpCode {
        /// The code, 3 to 7 or 11 to 15.
        opcode: u8,
    },
    /// A control frame without the FIN bit (section 5.5).
    FragmentedControl {
        /// Which control frame.
        opcode: OpCode,
    },
    /// A control frame that declares more than 125 bytes (section 5.5).
    OversizedControl {
        /// Which control frame.
        opcode: OpCode,
    },
    /// A client sent a frame without a mask (section 5.1).
    Unmasked,
    /// A server sent a frame with a mask (section 5.1).
    Masked,
    /// A length in more bytes than it needs (section 5.2).
    LengthNotMinimal {
        /// The length declared.
        payload_bytes: u64,
    },
    /// A 64-bit length with its most significant bit set (section 5.2).
    LengthTopBit,
    /// A continuation frame, and no message to continue (section 5.4).
    UnexpectedContinuation,
    /// A new message before the fragmented one has ended (section 5.4).
    MessageInterrupted {
        /// How the new message begins.
        opcode: OpCode,
    },
    /// The message, by what its frames have declared so far, is larger than the limit.
    TooBig {
        /// The size declared so far.
        message_bytes: u64,
        /// The limit.
        message_bytes_max: usize,
    },
    /// The message is cut into more frames than the limit.
    TooManyFragments {
        /// The limit.
        fragments_max: u32,
    },
    /// A text message is not UTF-8 (section 8.1).
    TextNotUtf8 {
        /// Index in the message of the first byte that cannot be there.
        offset: usize,
    },
    /// A compressed message that is not whole DEFLATE blocks (RFC 7692, section 7.2.2).
    DeflateBroken,
    /// A Close frame with a payload of one byte (section 5.5.1).
    CloseCodeCut,
    /// A Close frame with a code that may not be sent (section 7.4).
    CloseCodeInvalid {
        /// The code.
        code: u16,
    },
    /// A Close frame whose reason is not UTF-8 (section 5.5.1).
    CloseReasonNotUtf8,
}

impl Violation {
    /// The code to close the connection with.
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits { .. }
            | Self::UnknownOpCode { .. }
            | Self::FragmentedControl { .. }
            | Self::OversizedControl { .. }
            | Self::Unmasked
            | Self::Masked
            | Self::LengthNotMinimal { .. }
            | Self::LengthTopBit
            | Self::UnexpectedContinuation
            | Self::MessageInterrupted { .. }
            | Self::CloseCodeCut
            | Self::CloseCodeInvalid { .. } => CloseCode::PROTOCOL_ERROR,
            // The RFC has no code for it; 1007 is what the clients know it by.
            Self::TextNotUtf8 { .. } | Self::CloseReasonNotUtf8 | Self::DeflateBroken => CloseCode::INVALID_PAYLOAD,
            // A client reads 1009 as "smaller messages", which is what would help in both cases.
            Self::TooBig { .. } | Self::TooManyFragments { .. } => CloseCode::MESSAGE_TOO_BIG,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits { bits } => {
                write!(f, "reserved bits {bits:#04x} set where nothing gives them a meaning")
            }
            Self::UnknownOpCode { opcode } => write!(f, "unknown opcode {opcode:#x}"),
            Self::FragmentedControl { opcode } => write!(f, "fragmented {opcode:?} frame"),
            Self::OversizedControl { opcode } => {
                write!(f, "{opcode:?} frame of more than {CONTROL_PAYLOAD_BYTES_MAX} bytes")
            }
            Self::Unmasked => f.write_str("frame from a client without a mask"),
            Self::Masked => f.write_str("frame from a server with a mask"),
            Self::LengthNotMinimal { payload_bytes } => {
                write!(f, "length {payload_bytes} in more bytes than it needs")
            }
            Self::LengthTopBit => f.write_str("length with its most significant bit set"),
            Self::UnexpectedContinuation => f.write_str("continuation frame without a message to continue"),
            Self::MessageInterrupted { opcode } => write!(f, "{opcode:?} frame inside a fragmented message"),
            Self::TooBig { message_bytes, message_bytes_max } => {
                write!(f, "message of {message_bytes} bytes or more, limit {message_bytes_max}")
            }
            Self::TooManyFragments { fragments_max } => write!(f, "message in more than {fragments_max} frames"),
            Self::TextNotUtf8 { offset } => write!(f, "text message is not UTF-8 at byte {offset}"),
            Self::DeflateBroken => f.write_str("compressed message is not valid DEFLATE data"),
            Self::CloseCodeCut => f.write_str("Close frame with half a code"),
            Self::CloseCodeInvalid { code } => write!(f, "Close frame with code {code}"),
            Self::CloseReasonNotUtf8 => f.write_str("Close frame with a reason that is not UTF-8"),
        }
    }
}

impl Error for Violation {}
