//! Passes over Any, the lib0 encoding of JavaScript values. Builds nothing.

use super::{DEPTH_MAX, Malformed, Reader};

/// Tag of an object, which is what the options of a sub-document must be.
pub const OBJECT: u8 = 118;
const BYTES: u8 = 116;
const ARRAY: u8 = 117;
const STRING: u8 = 119;
const TRUE: u8 = 120;
const FALSE: u8 = 121;
const BIG_INT: u8 = 122;
const FLOAT_64: u8 = 123;
const FLOAT_32: u8 = 124;
const INTEGER: u8 = 125;
const NULL: u8 = 126;
const UNDEFINED: u8 = 127;

/// Passes over one value that every client can read, nested at most [`DEPTH_MAX`] deep.
pub fn skip(r: &mut Reader<'_>) -> Result<(), Malformed> {
    skip_within(r, DEPTH_MAX)
}

/// Like [`skip`] with another bound. It is a `u8` because each level is one call on the stack.
#[inline]
pub fn skip_within(r: &mut Reader<'_>, depth_max: u8) -> Result<(), Malformed> {
    value(r, depth_max, depth_max)
}

fn value(r: &mut Reader<'_>, depth_left: u8, depth_max: u8) -> Result<(), Malformed> {
    match r.u8()? {
        TRUE | FALSE | NULL | UNDEFINED => {}
        INTEGER => r.skip_int()?,
        FLOAT_32 => drop(r.take(4)?),
        BIG_INT | FLOAT_64 => drop(r.take(8)?),
        STRING => drop(r.str()?),
        BYTES => drop(r.buf()?),
        OBJECT => {
            let inner = depth_left.checked_sub(1).ok_or(Malformed::TooDeep { depth_max })?;
            for _ in 0..r.count(2)? {
                r.str()?;
                value(r, inner, depth_max)?;
            }
        }
        ARRAY => {
            let inner = depth_left.checked_sub(1).ok_or(Malformed::TooDeep { depth_max })?;
            for _ in 0..r.count(1)? {
                value(r, inner, depth_max)?;
            }
        }
        tag => return Err(Malformed::UnknownAnyTag(tag)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<usize, Malformed> {
        let mut r = Reader::new(bytes);
        skip(&mut r).map(|()| r.left())
    }

    #[test]
    fn every_kind_of_value_is_passed_over_and_truncated_anywhere_refused() {
        let whole = [
            &[OBJECT, 3, 1, b'k', ARRAY, 5, TRUE, FALSE, NULL, UNDEFINED, INTEGER, 0x40, 2, b'\xc3', b'\xa9'][..],
            &[STRING, 1, b'x', 0, FLOAT_64, 1, 2, 3, 4, 5, 6, 7, 8],
        ]
        .concat();
        assert_eq!(check(&whole), Ok(0));
        for cut in 0..whole.len() {
            assert!(check(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert_eq!(check(&[BIG_INT, 1, 2, 3, 4, 5, 6, 7, 8]), Ok(0));
        assert_eq!(check(&[FLOAT_32, 1, 2, 3, 4]), Ok(0));
        assert_eq!(check(&[BYTES, 2, 0xff, 0xff]), Ok(0));
    }

    #[test]
    fn an_unknown_tag_is_refused() {
        for tag in (0..=255).filter(|tag| !(116..=127).contains(tag)) {
            assert_eq!(check(&[tag, 0, 0]), Err(Malformed::UnknownAnyTag(tag)));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [&[ARRAY, 1].repeat(depth)[..], &[NULL]].concat();
        assert_eq!(check(&nested(usize::from(DEPTH_MAX))), Ok(0));
        assert_eq!(check(&nested(usize::from(DEPTH_MAX) + 1)), Err(Malformed::TooDeep { depth_max: DEPTH_MAX }));
        assert_eq!(check(&nested(100_000)), Err(Malformed::TooDeep { depth_max: DEPTH_MAX }));
        assert_eq!(skip_within(&mut Reader::new(&nested(255)), 255), Ok(()));
        assert_eq!(skip_within(&mut Reader::new(&nested(1)), 0), Err(Malformed::TooDeep { depth_max: 0 }));
        assert_eq!(skip_within(&mut Reader::new(&nested(0)), 0), Ok(()));
    }

    #[test]
    fn huge_counts_are_refused_before_anything_is_read() {
        assert_eq!(check(&[ARRAY, 0xff, 0xff, 0xff, 0xff, 0x0f, NULL]), Err(Malformed::CountTooLarge));
        assert_eq!(check(&[OBJECT, 2, 0, NULL]), Err(Malformed::CountTooLarge));
    }
}
