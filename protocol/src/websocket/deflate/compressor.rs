//! Messages compressed, one by one. Does not know who gets them.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::{KEPT_BYTES_MAX, TAIL, WindowBits, forget};

/// Of nine: the fastest. `cargo bench --workspace --bench deflate` says what each costs and saves on editing traffic.
const LEVEL: u32 = 1;

const WINDOWS: usize = (WindowBits::MAX.value() - WindowBits::MIN.value() + 1) as usize;

/// Compresses messages of any number of connections: nothing of one is left when the next begins.
///
/// It holds about 260 KiB for the usual window, less for a smaller one, from the first message on that is compressed with it.
#[derive(Debug, Default)]
pub struct Compressor {
    streams: [Option<Compress>; WINDOWS],
    out: Vec<u8>,
}

impl Compressor {
    /// The payload of a compressed message, or `None` where it would not be smaller than `payload`.
    pub fn compress(&mut self, payload: &[u8], window: WindowBits) -> Option<&[u8]> {
        let slot = &mut self.streams[usize::from(window.value() - WindowBits::MIN.value())];
        let mut stream = slot
            .take()
            .unwrap_or_else(|| Compress::new_with_window_bits(Compression::new(LEVEL), false, window.value()));
        stream.reset();
        forget(&mut self.out);
        // No room for more than would be of use: where it does not suffice, compressing does not pay.
        self.out.reserve(payload.len());
        let status = stream.compress_vec(payload, &mut self.out, FlushCompress::Sync);
        debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "there is nothing that could be wrong");
        // A flush has ended only where there is room left.
        if stream.total_in() != payload.len() as u64 || self.out.len() == self.out.capacity() {
            // The stream is not used again: zlib-rs 0.6.8 forgets in `reset` where in its buffer the output had stopped, and panics
            // when the next large message fills that.
            return None;
        }
        *slot = Some(stream);
        self.out.strip_suffix(&TAIL).filter(|compressed| compressed.len() < payload.len())
    }

    /// Gives back the memory that a large message has taken.
    pub fn tidy(&mut self) {
        if self.out.capacity() > KEPT_BYTES_MAX {
            forget(&mut self.out);
        }
    }
}
