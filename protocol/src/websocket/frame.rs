//! The header of a frame (RFC 6455, section 5.2). Knows one frame, not the messages they make up.

use super::{Role, Violation};

/// Longest header: two bytes, a 64-bit length and a masking key.
pub const FRAME_HEADER_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (section 5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// RSV1, which permessage-deflate gives a meaning (RFC 7692, section 6).
const COMPRESSED: u8 = 0x40;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_16_BIT: u8 = 126;
const LENGTH_64_BIT: u8 = 127;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpCode {
    /// Goes on with the message that an earlier frame began.
    Continuation = 0x0,
    /// Begins a text message.
    Text = 0x1,
    /// Begins a binary message.
    Binary = 0x2,
    /// Says that its sender will send nothing more.
    Close = 0x8,
    /// Asks for a Pong with the same payload.
    Ping = 0x9,
    /// Answers a Ping, or is a heartbeat nobody asked for.
    Pong = 0xa,
}

impl OpCode {
    /// Whether it may stand between the fragments of a message.
    pub const fn is_control(self) -> bool {
        match self {
            Self::Close | Self::Ping | Self::Pong => true,
            Self::Continuation | Self::Text | Self::Binary => false,
        }
    }

    /// Whether it is the first frame of a message.
    pub const fn begins_message(self) -> bool {
        match self {
            Self::Text | Self::Binary => true,
            Self::Continuation | Self::Close | Self::Ping | Self::Pong => false,
        }
    }

    const fn parse(opcode: u8) -> Result<Self, Violation> {
        match opcode {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            unknown => Err(Violation::UnknownOpCode { opcode: unknown }),
        }
    }
}

/// A frame without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The last frame of its message, possibly the only one.
    pub fin: bool,
    /// The message that begins with this frame is compressed.
    pub compressed: bool,
    /// What the frame is for.
    pub opcode: OpCode,
    /// The masking key; `None` when the payload is not masked.
    pub mask: Option<[u8; 4]>,
    /// Size of the payload as declared. Nothing of it needs to have arrived.
    pub payload_bytes: u64,
}

impl FrameHeader {
    /// Reads the header at the start of `bytes` and says how long it is, or `None` while it is incomplete.
    ///
    /// `role` is the end that reads. A violation is found at the byte that makes it one, even if the header is cut
    /// right behind. The size is checked for form only: how much is too much, the caller knows.
    #[inline]
    pub fn parse(bytes: &[u8], role: Role) -> Result<Option<(Self, usize)>, Violation> {
        Self::parse_with(bytes, role, false)
    }

    /// As [`FrameHeader::parse`]; with `deflate`, the first frame of a message may say that it is compressed.
    #[inline]
    pub fn parse_with(bytes: &[u8], role: Role, deflate: bool) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let reserved = first & RESERVED;
        let compressed = deflate && reserved == COMPRESSED;
        if reserved != 0 && !compressed {
            return Err(Violation::ReservedBits { bits: reserved });
        }
        let opcode = OpCode::parse(first & OPCODE)?;
        if compressed && !opcode.begins_message() {
            return Err(Violation::ReservedBits { bits: reserved });
        }
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(Violation::FragmentedControl { opcode });
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let masked = second & MASKED != 0;
        match role {
            Role::Server if !masked => return Err(Violation::Unmasked),
            Role::Client if masked => return Err(Violation::Masked),
            Role::Server | Role::Client => {}
        }
        let short_length = second & LENGTH;
        if opcode.is_control() && usize::from(short_length) > CONTROL_PAYLOAD_BYTES_MAX {
            return Err(Violation::OversizedControl { opcode });
        }

        let Some((payload_bytes, length_end)) = parse_length(bytes, short_length)? else { return Ok(None) };
        if !masked {
            return Ok(Some((Self { fin, compressed, opcode, mask: None, payload_bytes }, length_end)));
        }
        let Some(&key) = bytes[length_end..].first_chunk::<4>() else { return Ok(None) };
        Ok(Some((Self { fin, compressed, opcode, mask: Some(key), payload_bytes }, length_end + key.len())))
    }

    /// Appends the header, with the length in its shortest form.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>) {
        let first = self.opcode as u8 | if self.fin { FIN } else { 0 } | if self.compressed { COMPRESSED } else { 0 };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        // One append for each form: a header is written for every message that leaves, and most are of two bytes.
        if let Ok(length) = u8::try_from(self.payload_bytes)
            && length < LENGTH_16_BIT
        {
            out.extend_from_slice(&[first, masked | length]);
        } else if let Ok(length) = u16::try_from(self.payload_bytes) {
            let [high, low] = length.to_be_bytes();
            out.extend_from_slice(&[first, masked | LENGTH_16_BIT, high, low]);
        } else {
            let mut bytes = [0; 10];
            bytes[0] = first;
            bytes[1] = masked | LENGTH_64_BIT;
            bytes[2..].copy_from_slice(&self.payload_bytes.to_be_bytes());
            out.extend_from_slice(&bytes);
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }
}

/// Reads the length that follows the first two bytes; gives it and where it ends.
#[inline]
fn parse_length(bytes: &[u8], short_length: u8) -> Result<Option<(u64, usize)>, Violation> {
    let (payload_bytes, end, shorter_form_max) = match short_length {
        LENGTH_16_BIT => {
            let Some(length) = bytes[2..].first_chunk::<2>() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*length)), 4, u64::from(LENGTH_16_BIT - 1))
        }
        LENGTH_64_BIT => {
            if bytes.get(2).is_some_and(|high| high & 0x80 != 0) {
                return Err(Violation::LengthTopBit);
            }
            let Some(length) = bytes[2..].first_chunk::<8>() else { return Ok(None) };
            (u64::from_be_bytes(*length), 10, u64::from(u16::MAX))
        }
        short => return Ok(Some((u64::from(short), 2))),
    };
    if payload_bytes <= shorter_form_max {
        return Err(Violation::LengthNotMinimal { payload_bytes });
    }
    Ok(Some((payload_bytes, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [1, 2, 3, 4];

    #[test]
    fn a_header_is_read_back_as_it_was_written_and_incomplete_one_byte_earlier() {
        for payload_bytes in [0, 1, 125, 126, 127, 65_535, 65_536, u64::from(u32::MAX) + 1, u64::MAX >> 1] {
            for (mask, role) in [(Some(KEY), Role::Server), (None, Role::Client)] {
                for (fin, opcode) in [(true, OpCode::Text), (false, OpCode::Binary), (false, OpCode::Continuation)] {
                    let header = FrameHeader { fin, compressed: false, opcode, mask, payload_bytes };
                    let mut bytes = Vec::new();
                    header.put(&mut bytes);
                    assert!(bytes.len() <= FRAME_HEADER_BYTES_MAX);
                    for cut in 0..bytes.len() {
                        assert_eq!(FrameHeader::parse(&bytes[..cut], role), Ok(None), "{header:?} cut at {cut}");
                    }
                    let header_bytes = bytes.len();
                    bytes.extend_from_slice(b"payload");
                    assert_eq!(FrameHeader::parse(&bytes, role), Ok(Some((header, header_bytes))));
                }
            }
        }
    }

    #[test]
    fn a_violation_is_found_at_the_byte_that_makes_it_one() {
        use Violation as V;
        let cases: &[(&[u8], Role, V)] = &[
            (b"\xc2", Role::Server, V::ReservedBits { bits: 0x40 }),
            (b"\xa2", Role::Server, V::ReservedBits { bits: 0x20 }),
            (b"\x92", Role::Server, V::ReservedBits { bits: 0x10 }),
            (b"\xf2", Role::Server, V::ReservedBits { bits: 0x70 }),
            (b"\x08", Role::Server, V::FragmentedControl { opcode: OpCode::Close }),
            (b"\x09", Role::Server, V::FragmentedControl { opcode: OpCode::Ping }),
            (b"\x0a", Role::Server, V::FragmentedControl { opcode: OpCode::Pong }),
            (b"\x89\xfe", Role::Server, V::OversizedControl { opcode: OpCode::Ping }),
            (b"\x88\xff", Role::Server, V::OversizedControl { opcode: OpCode::Close }),
            (b"\x82\x05", Role::Server, V::Unmasked),
            (b"\x82\x85", Role::Client, V::Masked),
            (b"\x82\xfe\x00\x7d", Role::Server, V::LengthNotMinimal { payload_bytes: 125 }),
            (b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", Role::Server, V::LengthNotMinimal { payload_bytes: 65_535 }),
            (b"\x82\xff\x80", Role::Server, V::LengthTopBit),
        ];
        for &(bytes, role, violation) in cases {
            assert_eq!(FrameHeader::parse(bytes, role), Err(violation), "{bytes:02x?}");
            assert_eq!(FrameHeader::parse(&bytes[..bytes.len() - 1], role), Ok(None), "{bytes:02x?}, one byte less");
        }
    }

    #[test]
    fn only_the_first_frame_of_a_message_may_be_compressed_and_only_where_that_was_agreed() {
        for (first, compressed) in [
            (0xc1, Some(true)),
            (0x42, Some(true)),
            (0x82, Some(false)),
            (0xc0, None),
            (0xc8, None),
            (0xc9, None),
            (0xca, None),
            (0xe2, None),
            (0xd2, None),
        ] {
            let bytes = [first, 0x80, 1, 2, 3, 4];
            let parsed = FrameHeader::parse_with(&bytes, Role::Server, true);
            let refused = Err(Violation::ReservedBits { bits: first & RESERVED });
            match compressed {
                Some(compressed) => {
                    let (header, length) = parsed.expect("legal").expect("whole");
                    assert_eq!((header.compressed, length), (compressed, bytes.len()));
                    let mut written = Vec::new();
                    header.put(&mut written);
                    assert_eq!(written, bytes);
                }
                None => assert_eq!(parsed, refused, "{first:#04x}"),
            }
            if first & RESERVED != 0 {
                assert_eq!(FrameHeader::parse(&bytes, Role::Server), refused, "{first:#04x} without agreement");
            }
        }
    }

    #[test]
    fn every_reserved_opcode_is_refused() {
        for opcode in (0x3..=0x7).chain(0xb..=0xf) {
            let refused = FrameHeader::parse(&[FIN | opcode], Role::Server);
            assert_eq!(refused, Err(Violation::UnknownOpCode { opcode }));
        }
    }
}
