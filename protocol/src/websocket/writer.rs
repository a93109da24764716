//! Writing of whole frames. Never fragments, and asks nothing: the bytes are appended to what the caller has.

use super::{
    CLOSE_REASON_BYTES_MAX, CONTROL_PAYLOAD_BYTES_MAX, CloseFrame, FRAME_HEADER_BYTES_MAX, FrameHeader, OpCode,
    apply_mask,
};

/// Size of the header of an unmasked frame with a payload of `payload_bytes`.
pub const fn frame_header_len(payload_bytes: usize) -> usize {
    match payload_bytes {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// Appends the header of an unmasked, unfragmented frame. The caller appends the payload.
#[inline]
pub fn put_frame_header(out: &mut Vec<u8>, opcode: OpCode, payload_bytes: usize) {
    assert!(
        !opcode.is_control() || payload_bytes <= CONTROL_PAYLOAD_BYTES_MAX,
        "the payload of a control frame fits into it (RFC 6455, section 5.5)"
    );
    FrameHeader { fin: true, compressed: false, opcode, mask: None, payload_bytes: payload_bytes as u64 }.put(out);
}

/// Appends an unmasked, unfragmented frame, as a server sends it.
#[inline]
pub fn put_frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    out.reserve(frame_header_len(payload.len()) + payload.len());
    put_frame_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends an unmasked, unfragmented frame whose payload a [`Compressor`](super::Compressor) has made.
pub fn put_compressed_frame(out: &mut Vec<u8>, opcode: OpCode, compressed: &[u8]) {
    assert!(opcode.begins_message(), "only messages are compressed (RFC 7692, section 6.1)");
    out.reserve(frame_header_len(compressed.len()) + compressed.len());
    FrameHeader { fin: true, compressed: true, opcode, mask: None, payload_bytes: compressed.len() as u64 }.put(out);
    out.extend_from_slice(compressed);
}

/// Appends a masked, unfragmented frame, as a client sends it.
pub fn put_masked_frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8], key: [u8; 4]) {
    out.reserve(FRAME_HEADER_BYTES_MAX + payload.len());
    FrameHeader { fin: true, compressed: false, opcode, mask: Some(key), payload_bytes: payload.len() as u64 }.put(out);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], key, 0);
}

/// Appends an unmasked Close frame, as a server sends it. A reason that is too long is cut, at the end of a character.
pub fn put_close(out: &mut Vec<u8>, close: Option<CloseFrame<'_>>) {
    let Some(CloseFrame { code, reason }) = close else {
        return put_frame(out, OpCode::Close, b"");
    };
    let reason = &reason[..reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX)];
    put_frame_header(out, OpCode::Close, 2 + reason.len());
    out.extend_from_slice(&code.value().to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::{CloseCode, Role};
    use super::*;

    #[test]
    fn the_header_is_as_long_as_announced() {
        for payload_bytes in [0, 1, 125, 126, 65_535, 65_536, 1 << 30] {
            let mut out = Vec::new();
            put_frame_header(&mut out, OpCode::Binary, payload_bytes);
            assert_eq!(out.len(), frame_header_len(payload_bytes), "{payload_bytes}");
            let (header, length) = FrameHeader::parse(&out, Role::Client).expect("valid").expect("complete");
            assert_eq!((header.payload_bytes, length), (payload_bytes as u64, out.len()));
        }
    }

    #[test]
    fn frames_are_written_as_in_the_examples_of_the_rfc() {
        let mut out = Vec::new();
        put_frame(&mut out, OpCode::Text, b"Hello");
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);

        out.clear();
        put_masked_frame(&mut out, OpCode::Text, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn a_long_close_reason_is_cut_between_characters() {
        let mut out = Vec::new();
        put_close(&mut out, Some(CloseFrame { code: CloseCode::TRY_AGAIN_LATER, reason: &"ж".repeat(100) }));
        assert_eq!(out[..4], [0x88, 2 + 122, 0x03, 0xf5]);
        assert_eq!(std::str::from_utf8(&out[4..]), Ok("ж".repeat(61).as_str()));

        out.clear();
        put_close(&mut out, None);
        assert_eq!(out, [0x88, 0x00]);
    }

    #[test]
    #[should_panic(expected = "the payload of a control frame fits into it")]
    fn an_oversized_control_frame_is_never_written() {
        put_frame(&mut Vec::new(), OpCode::Pong, &[0; 126]);
    }
}
