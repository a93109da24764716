//! From the frames of a shard, which are those of one y-websocket session, to what a particular socket gets. Does not know who gets it.
//!
//! A frame goes to many sockets in the same moment, and most of them want it encoded alike: what was made is kept until the end of the
//! turn, so that it is made once.

use selvedge_protocol::websocket::{
    Compressor, Deflate, FrameHeader, OpCode, Role, WindowBits, put_compressed_frame, put_frame_header,
};
use selvedge_shards::Frame;

/// Encodings that are kept. A turn has more frames than this; a frame's receivers come one after the other.
const MADE_MAX: usize = 16;

/// How a socket wants its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding<'a> {
    /// Bytes in front of every message: a Hocuspocus address. Empty for a socket with one document.
    pub address: &'a [u8],
    /// How messages are compressed, where they are.
    pub deflate: Option<Deflate>,
}

impl Encoding<'_> {
    /// The shard's frames as they are.
    fn is_plain(self) -> bool {
        self.address.is_empty() && self.deflate.is_none()
    }

    fn window(self) -> Option<WindowBits> {
        self.deflate.map(Deflate::server_window)
    }
}

#[derive(Debug)]
struct Made {
    from: Frame,
    address: Box<[u8]>,
    window: Option<WindowBits>,
    frame: Frame,
}

/// One core's encodings of this turn.
#[derive(Debug)]
pub struct Encoder {
    compressor: Compressor,
    /// Smaller messages are not compressed.
    compression_bytes_min: usize,
    made: Vec<Made>,
    /// The place that is used next.
    next: usize,
}

impl Encoder {
    /// Nothing is made. Messages of less than `compression_bytes_min` are not compressed.
    #[must_use]
    pub fn new(compression_bytes_min: usize) -> Self {
        Self { compressor: Compressor::default(), compression_bytes_min, made: Vec::new(), next: 0 }
    }

    /// From the next turn on smaller messages are not compressed.
    pub fn set_compression_bytes_min(&mut self, compression_bytes_min: usize) {
        self.compression_bytes_min = compression_bytes_min;
    }

    /// The frame as a socket wants it.
    pub fn encode(&mut self, from: Frame, encoding: Encoding<'_>) -> Frame {
        if encoding.is_plain() {
            return from;
        }
        if encoding.address.is_empty() && from.len() < self.compression_bytes_min {
            return from;
        }
        let same = |made: &&Made| {
            made.from.is_same(&from) && *made.address == *encoding.address && made.window == encoding.window()
        };
        if let Some(made) = self.made.iter().find(same) {
            return made.frame.clone();
        }
        let addressed = if encoding.address.is_empty() {
            from.clone()
        } else {
            Frame::new(addressed(from.as_ref(), encoding.address))
        };
        let frame = self.compress(addressed, encoding.deflate);
        let made = Made { from, address: encoding.address.into(), window: encoding.window(), frame: frame.clone() };
        match self.made.get_mut(self.next) {
            Some(place) => *place = made,
            None => self.made.push(made),
        }
        self.next = (self.next + 1) % MADE_MAX;
        frame
    }

    /// The same frames with those messages compressed where that pays, for one receiver: nothing is kept.
    pub fn compress(&mut self, from: Frame, deflate: Option<Deflate>) -> Frame {
        match deflate {
            Some(deflate) if from.len() >= self.compression_bytes_min => {
                let bytes_min = self.compression_bytes_min;
                compressed(from.as_ref(), &mut self.compressor, deflate.server_window(), bytes_min)
                    .map_or(from, Frame::new)
            }
            Some(_) | None => from,
        }
    }

    /// The turn has ended: what was made is not kept alive any longer.
    pub fn turn_ended(&mut self) {
        self.made.clear();
        self.next = 0;
        self.compressor.tidy();
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

/// The same frames with each message of at least `bytes_min` compressed, or `None` where that pays for none.
fn compressed(frames: &[u8], compressor: &mut Compressor, window: WindowBits, bytes_min: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut from, mut copied) = (0, 0);
    while let Some((header, header_bytes)) =
        FrameHeader::parse(&frames[from..], Role::Client).expect("only frames are sent")
    {
        let payload = from + header_bytes..from + header_bytes + header.payload_bytes as usize;
        let end = payload.end;
        if header.opcode.begins_message()
            && payload.len() >= bytes_min
            && let Some(smaller) = compressor.compress(&frames[payload], window)
        {
            out.extend_from_slice(&frames[copied..from]);
            put_compressed_frame(&mut out, header.opcode, smaller);
            copied = end;
        }
        from = end;
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(&frames[copied..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_protocol::websocket::{Event, Inflater, Limits, Read, Reader, negotiate, put_frame};

    fn frame(payloads: &[&[u8]]) -> Frame {
        let mut bytes = Vec::new();
        for payload in payloads {
            put_frame(&mut bytes, OpCode::Binary, payload);
        }
        Frame::new(bytes)
    }

    #[test]
    fn every_message_gets_the_address_and_all_who_want_it_share_one_encoding() {
        let mut encoder = Encoder::new(1024);
        let from = frame(&[b"one", &[7; 200]]);
        let encoding = Encoding { address: b"\x01a", deflate: None };
        let first = encoder.encode(from.clone(), encoding);
        assert_eq!(first, frame(&[b"\x01aone", &[b"\x01a".as_slice(), &[7; 200]].concat()]));
        assert!(encoder.encode(from.clone(), encoding).is_same(&first));
        assert!(!encoder.encode(from.clone(), Encoding { address: b"\x01b", deflate: None }).is_same(&first));
        assert!(encoder.encode(from.clone(), Encoding { address: b"", deflate: None }).is_same(&from));
    }

    fn agreed(offer: &[u8]) -> Option<Deflate> {
        Some(negotiate([offer]).expect("an offer that can be taken"))
    }

    fn messages(frame: &Frame) -> Vec<Vec<u8>> {
        let (mut reader, mut inflater) =
            (Reader::with_deflate(Role::Client, agreed(b"permessage-deflate").expect("agreed")), Inflater::default());
        let limits = Limits { message_bytes_max: 1 << 20, fragments_max: 1 };
        let (mut bytes, mut consumed) = (frame.as_ref().to_vec(), 0);
        let mut messages = Vec::new();
        while let Some(event) =
            reader.next_inflated(&mut bytes, &mut consumed, &limits, &mut inflater).expect("an encoder makes frames")
        {
            if let Read::Event(Event::Message { payload, .. }) = event {
                messages.push(payload.to_vec());
            }
        }
        messages
    }

    #[test]
    fn large_messages_are_compressed_once_for_all_with_the_same_window() {
        let mut encoder = Encoder::new(1024);
        let large = b"the quick brown fox ".repeat(100);
        let from = frame(&[b"small", &large, b"last"]);
        let encoding = Encoding { address: b"", deflate: agreed(b"permessage-deflate") };
        let first = encoder.encode(from.clone(), encoding);
        assert!(first.len() < 200, "{} bytes", first.len());
        assert_eq!(messages(&first), [b"small".to_vec(), large.clone(), b"last".to_vec()]);

        let named = Encoding { deflate: agreed(b"permessage-deflate; server_max_window_bits=15"), ..encoding };
        assert!(encoder.encode(from.clone(), named).is_same(&first));
        let narrow = Encoding { deflate: agreed(b"permessage-deflate; server_max_window_bits=9"), ..encoding };
        let narrowed = encoder.encode(from.clone(), narrow);
        assert!(!narrowed.is_same(&first));
        assert_eq!(messages(&narrowed), messages(&first));
        let addressed = encoder.encode(from, Encoding { address: b"\x01a", ..encoding });
        assert_eq!(messages(&addressed)[1], [b"\x01a".as_slice(), &large].concat());
    }

    #[test]
    fn what_does_not_get_smaller_stays_as_it_is() {
        let mut encoder = Encoder::new(1024);
        let encoding = Encoding { address: b"", deflate: agreed(b"permessage-deflate") };
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(4096)
        .collect();
        for from in [frame(&[&[7; 1000]]), frame(&[&[7; 1000], &[7; 1000]]), frame(&[&noise])] {
            assert!(encoder.encode(from.clone(), encoding).is_same(&from));
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_goes_with_the_turn() {
        let mut encoder = Encoder::new(1024);
        for number in 0..100_u8 {
            encoder.encode(frame(&[&[number]]), Encoding { address: b"\x01a", deflate: None });
        }
        assert_eq!(encoder.made.len(), MADE_MAX);
        encoder.turn_ended();
        assert!(encoder.made.is_empty());
    }
}
