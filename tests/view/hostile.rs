//! Documents that were made to do harm.

use axum::body::Bytes;

/// Updates that crash, hang or blow up a plain CRDT library, or whose documents nobody could join, in bytes.
pub(crate) const CRASHERS: &[&str] = &[
    "8080808002",
    "020202010201016101047472756509010161016776000301004702020108010161017ea50102047472756500",
    "0202020164020000020101610104747275650301006702020087020100060101610162047472756500",
    "020202000201016101047472756502000201010474727565010102000301010202010100",
    "02010200020101610104747275650301024702020027010161016b03017027010161016b010101010202",
    "020102000201016101047472756503010167020200a60201016204747275658102000101010202020100",
    "0201020202010161010474727565030101610202030301016101074902030167760000",
    "02010200020101610104747275650301004702020167020106880104017e00",
    "0202020044010400020101610104747275650301026102020026010161016b01620474727565a601010162047472756501010203000003",
    "0201020002010161010474727565030100610202010601016101620474727565880201017e00",
    "02020200020101610104747275650000010102010001000200",
    "0201020002010161010474727565030100670202000001040101610000",
];

/// What passes every check and does harm only when it is looked at.
pub(crate) fn well_formed() -> Vec<(&'static str, Bytes)> {
    vec![
        ("arrays nested 100,000 deep", nested_arrays(100_000)),
        ("arrays nested 1,000 deep", nested_arrays(1_000)),
        ("elements nested 100,000 deep", nested_elements(100_000)),
        ("text in an array", text_in_an_array()),
        ("ten million lists", many_values(10_000_000)),
        ("a million values of one key", many_structs(1_000_000)),
    ]
}

/// Writes a number as lib0 does.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("7 bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("7 bits"));
}

/// Arrays, each in the one before: every struct is right, and what is in the root lies `levels` deep.
pub(crate) fn nested_arrays(levels: u32) -> Bytes {
    let mut update = vec![1];
    number(&mut update, levels.into());
    update.extend([1, 0]);
    for level in 0..levels {
        // A shared type; its parent is the root `a`, or the one before.
        update.push(7);
        match level.checked_sub(1) {
            None => update.extend([1, 1, b'a']),
            Some(parent) => {
                update.extend([0, 1]);
                number(&mut update, parent.into());
            }
        }
        update.push(0);
    }
    update.push(0);
    update.into()
}

/// XML elements, each in the one before.
pub(crate) fn nested_elements(levels: u32) -> Bytes {
    let mut update = vec![1];
    number(&mut update, levels.into());
    update.extend([1, 0]);
    for level in 0..levels {
        update.push(7);
        match level.checked_sub(1) {
            None => update.extend([1, 1, b'x']),
            Some(parent) => {
                update.extend([0, 1]);
                number(&mut update, parent.into());
            }
        }
        update.extend([3, 1, b'p']);
    }
    update.push(0);
    update.into()
}

/// An array that has text in it, as no client writes it: the library's walk over it does not end where characters have two halves.
pub(crate) fn text_in_an_array() -> Bytes {
    let mut update = vec![1, 2, 1, 0];
    update.extend([0x27, 1, 1, b'm', 1, b'k', 0]);
    update.extend([4, 0, 1, 0]);
    let text = "a😀b😀c";
    number(&mut update, text.len().try_into().expect("short"));
    update.extend(text.as_bytes());
    update.push(0);
    update.into()
}

/// So many values that none of them is large, and all of them are.
pub(crate) fn many_values(count: u32) -> Bytes {
    let mut update = vec![1, 1, 1, 0, 8, 1, 1, b'a'];
    number(&mut update, count.into());
    // An empty list each.
    update.extend([117, 0].repeat(usize::try_from(count).expect("64 bits")));
    update.push(0);
    update.into()
}

/// So many map entries, each a struct of its own.
pub(crate) fn many_structs(count: u32) -> Bytes {
    let mut update = vec![1];
    number(&mut update, count.into());
    update.extend([1, 0]);
    for _ in 0..count {
        // A binary of no bytes under the key `k` of the root `m`: each replaces the one before.
        update.extend([0x23, 1, 1, b'm', 1, b'k', 0]);
    }
    update.push(0);
    update.into()
}
