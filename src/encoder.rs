//! From the frames of a shard, which are those of one y-websocket session, to what a particular socket gets. Does not know who gets it.
//!
//! A frame goes to many sockets in the same moment, and most of them want it encoded alike: what was made is kept until the end of the
//! turn, so that it is made once.

use selvedge_protocol::websocket::{FrameHeader, OpCode, Role, put_frame_header};
use selvedge_shards::Frame;

/// Encodings that are kept. A turn has more frames than this; a frame's receivers come one after the other.
const MADE_MAX: usize = 16;

/// How a socket wants its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding<'a> {
    /// Bytes in front of every message: a Hocuspocus address. Empty for a socket with one document.
    pub address: &'a [u8],
}

impl Encoding<'_> {
    /// The shard's frames as they are.
    fn is_plain(self) -> bool {
        self.address.is_empty()
    }
}

#[derive(Debug)]
struct Made {
    from: Frame,
    address: Box<[u8]>,
    frame: Frame,
}

/// One core's encodings of this turn.
#[derive(Debug, Default)]
pub struct Encoder {
    made: Vec<Made>,
    /// The place that is used next.
    next: usize,
}

impl Encoder {
    /// The frame as a socket wants it.
    pub fn encode(&mut self, from: Frame, encoding: Encoding<'_>) -> Frame {
        if encoding.is_plain() {
            return from;
        }
        if let Some(made) = self.made.iter().find(|made| made.from.is_same(&from) && *made.address == *encoding.address)
        {
            return made.frame.clone();
        }
        let frame = Frame::new(addressed(from.as_ref(), encoding.address));
        let made = Made { from, address: encoding.address.into(), frame: frame.clone() };
        match self.made.get_mut(self.next) {
            Some(place) => *place = made,
            None => self.made.push(made),
        }
        self.next = (self.next + 1) % MADE_MAX;
        frame
    }

    /// The turn has ended: what was made is not kept alive any longer.
    pub fn turn_ended(&mut self) {
        self.made.clear();
        self.next = 0;
    }
}

/// The same frames with `address` in front of each message.
fn addressed(mut frames: &[u8], address: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frames.len() + 2 * address.len());
    while let Some((header, header_bytes)) = FrameHeader::parse(frames, Role::Client).expect("a shard sends frames") {
        let end = header_bytes + header.payload_bytes as usize;
        put_frame_header(&mut out, OpCode::Binary, address.len() + header.payload_bytes as usize);
        out.extend_from_slice(address);
        out.extend_from_slice(&frames[header_bytes..end]);
        frames = &frames[end..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_protocol::websocket::put_frame;

    fn frame(payloads: &[&[u8]]) -> Frame {
        let mut bytes = Vec::new();
        for payload in payloads {
            put_frame(&mut bytes, OpCode::Binary, payload);
        }
        Frame::new(bytes)
    }

    #[test]
    fn every_message_gets_the_address_and_all_who_want_it_share_one_encoding() {
        let mut encoder = Encoder::default();
        let from = frame(&[b"one", &[7; 200]]);
        let encoding = Encoding { address: b"\x01a" };
        let first = encoder.encode(from.clone(), encoding);
        assert_eq!(first, frame(&[b"\x01aone", &[b"\x01a".as_slice(), &[7; 200]].concat()]));
        assert!(encoder.encode(from.clone(), encoding).is_same(&first));
        assert!(!encoder.encode(from.clone(), Encoding { address: b"\x01b" }).is_same(&first));
        assert!(encoder.encode(from.clone(), Encoding { address: b"" }).is_same(&from));
    }

    #[test]
    fn what_is_kept_is_bounded_and_goes_with_the_turn() {
        let mut encoder = Encoder::default();
        for number in 0..100_u8 {
            encoder.encode(frame(&[&[number]]), Encoding { address: b"\x01a" });
        }
        assert_eq!(encoder.made.len(), MADE_MAX);
        encoder.turn_ended();
        assert!(encoder.made.is_empty());
    }
}
