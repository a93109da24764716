//! Masking of payloads (RFC 6455, section 5.3). Knows nothing of frames.

/// Masks or unmasks `payload`, which begins `offset` bytes into the payload of its frame.
///
/// The key repeats every four bytes, so a frame that arrives in several reads is unmasked piece by piece.
#[inline]
pub fn apply_mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    // Little-endian on every machine, so that the lowest byte is the one that comes first.
    let phase_bits = 8 * (offset % key.len()) as u32;
    let key = u64::from(u32::from_le_bytes(key).rotate_right(phase_bits));
    let word = key << 32 | key;

    // Words of fixed size are what the compiler turns into vector instructions, without any of ours being unsafe.
    let (words, rest) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_le_bytes(*bytes) ^ word).to_le_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(word.to_le_bytes()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn byte_by_byte(payload: &mut [u8], key: [u8; 4], offset: usize) {
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= key[(offset + index) % 4];
        }
    }

    #[test]
    fn the_example_of_the_rfc_unmasks_to_hello() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply_mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&payload, b"Hello");
    }

    #[test]
    fn every_length_and_phase_equals_the_definition() {
        let key = [0x01, 0x80, 0xff, 0x3c];
        for length in 0..200 {
            for offset in [0, 1, 2, 3, 4, 5, usize::MAX - 1, usize::MAX] {
                let original: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
                let (mut fast, mut slow) = (original.clone(), original);
                apply_mask(&mut fast, key, offset);
                byte_by_byte(&mut slow, key, offset % 4);
                assert_eq!(fast, slow, "length {length}, offset {offset}");
            }
        }
    }

    proptest! {
        #[test]
        fn masking_in_pieces_equals_masking_the_whole(
            payload in proptest::collection::vec(any::<u8>(), 0..600),
            key in any::<[u8; 4]>(),
            cuts in proptest::collection::vec(0usize..600, 0..6),
        ) {
            let mut whole = payload.clone();
            apply_mask(&mut whole, key, 0);

            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(payload.len())).collect();
            cuts.extend([0, payload.len()]);
            cuts.sort_unstable();
            let mut pieces = payload;
            for pair in cuts.windows(2) {
                apply_mask(&mut pieces[pair[0]..pair[1]], key, pair[0]);
            }
            prop_assert_eq!(pieces, whole);
        }
    }
}
