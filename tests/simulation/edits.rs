//! Random changes to a document, as an editor makes them. Does not know who sees them.

use yrs::types::Attrs;
use yrs::types::ToJson;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, Doc, GetString, Map, MapPrelim, MapRef, Out, ReadTxn, Text, TextPrelim, TextRef,
    Transact, TransactionMut, Update,
};

use crate::random::Random;

const WORDS: &[&str] = &["a", "be", "selvedge ", "ünïcödé", "жизнь", "編織", "🧵", "👩‍💻 ", "\n", "0123456789"];
const KEYS: &[&str] = &["title", "色", "count", "nested"];

/// A document with the roots that every client knows.
pub(crate) fn document(client: u64) -> Doc {
    let mut options = yrs::Options::with_client_id(yrs::block::ClientID::new(client));
    options.guid = "document".into();
    options.offset_kind = yrs::OffsetKind::Utf16;
    options.cleanup_formatting = false;
    let doc = Doc::with_options(options);
    doc.get_or_insert_text("text");
    doc.get_or_insert_map("map");
    doc.get_or_insert_array("array");
    doc
}

/// Learns of what others have written.
pub(crate) fn apply(doc: &Doc, update: &[u8]) {
    let update = Update::decode_v1(update).expect("what yrs has written");
    doc.transact_mut().apply_update(update).expect("what yrs has written");
}

/// What is in it, so that two can be compared: the values, the formatting, and which structs and deletions there are.
#[derive(Debug, PartialEq)]
pub(crate) struct Content {
    values: Any,
    formatted: Vec<(Any, Option<Attrs>)>,
    snapshot: yrs::Snapshot,
    missing: bool,
}

/// `bereft`: what it lacks may have gone with its document, and is no difference.
pub(crate) fn content(doc: &Doc, bereft: bool) -> Content {
    let text = doc.get_or_insert_text("text");
    let txn = doc.transact();
    let diff = text.diff(&txn, yrs::types::text::YChange::identity);
    Content {
        values: doc.to_json(&txn),
        formatted: diff
            .into_iter()
            .map(|part| (part.insert.to_json(&txn), part.attributes.map(|attributes| *attributes)))
            .collect(),
        snapshot: txn.snapshot(),
        missing: txn.has_missing_updates() && !bereft,
    }
}

/// Changes something. Gives the update, where something did change.
pub(crate) fn edit(doc: &Doc, random: &mut Random) -> Option<Vec<u8>> {
    let (text, map, array) =
        (doc.get_or_insert_text("text"), doc.get_or_insert_map("map"), doc.get_or_insert_array("array"));
    let mut txn = doc.transact_mut();
    for _ in 0..random.pick(&[1, 1, 1, 4]) {
        match random.below(10) {
            0..=5 => edit_text(&text, &mut txn, random),
            6 | 7 => edit_map(&map, &mut txn, random),
            _ => edit_array(&array, &mut txn, random),
        }
    }
    let update = txn.encode_update_v1();
    (update != [0, 0]).then_some(update)
}

/// Changes something by way of plain values at the end, or of deletions: no struct of it can become another's parent, and none has a right
/// origin.
pub(crate) fn edit_flat(doc: &Doc, random: &mut Random) -> Option<Vec<u8>> {
    let (text, map, array) =
        (doc.get_or_insert_text("text"), doc.get_or_insert_map("map"), doc.get_or_insert_array("array"));
    let mut txn = doc.transact_mut();
    match random.below(10) {
        0..=3 => text.push(&mut txn, random.pick(WORDS)),
        4 | 5 => {
            let (from, to) = place(&text.get_string(&txn), random);
            text.remove_range(&mut txn, from, to - from);
        }
        6 | 7 => {
            map.insert(&mut txn, random.pick(KEYS), random.pick(WORDS));
        }
        _ => {
            array.push_back(&mut txn, random.pick(WORDS));
        }
    }
    let update = txn.encode_update_v1();
    (update != [0, 0]).then_some(update)
}

/// A place between two characters, and where the character behind it ends.
fn place(text: &str, random: &mut Random) -> (u32, u32) {
    let mut places = vec![0];
    let mut at = 0;
    for character in text.chars() {
        at += u32::try_from(character.len_utf16()).expect("1 or 2");
        places.push(at);
    }
    let from = random.below(places.len());
    let to = (from + random.below(6)).min(places.len() - 1);
    (places[from], places[to])
}

fn edit_text(text: &TextRef, txn: &mut TransactionMut<'_>, random: &mut Random) {
    let (from, to) = place(&text.get_string(txn), random);
    match random.below(10) {
        0..=2 if from < to => text.remove_range(txn, from, to - from),
        3 if from < to => {
            let value = if random.percent(70) { Any::Bool(true) } else { Any::Null };
            text.format(txn, from, to - from, Attrs::from([("bold".into(), value)]));
        }
        4 if random.percent(10) => {
            let pasted = "pasted ".repeat(random.below(400));
            text.insert(txn, from, &pasted);
        }
        _ => text.insert(txn, from, random.pick(WORDS)),
    }
}

fn edit_map(map: &MapRef, txn: &mut TransactionMut<'_>, random: &mut Random) {
    let key = random.pick(KEYS);
    match (random.below(8), map.get(txn, key)) {
        (0, _) => {
            map.remove(txn, key);
        }
        (1, _) => {
            map.insert(txn, key, MapPrelim::default());
        }
        (2, _) => {
            map.insert(txn, key, TextPrelim::new("nested "));
        }
        (3, _) => {
            map.insert(txn, key, ArrayPrelim::from([1, 2, 3]));
        }
        (_, Some(Out::YMap(inner))) => {
            inner.insert(txn, random.pick(KEYS), random.pick(WORDS));
        }
        (_, Some(Out::YText(inner))) => edit_text(&inner, txn, random),
        (_, Some(Out::YArray(inner))) => edit_array(&inner, txn, random),
        (_, _) => {
            map.insert(txn, key, i64::try_from(random.below(1000)).expect("small"));
        }
    }
}

fn edit_array(array: &ArrayRef, txn: &mut TransactionMut<'_>, random: &mut Random) {
    let len = array.len(txn);
    let at = u32::try_from(random.below(len as usize + 1)).expect("as long as a u32 says");
    match random.below(8) {
        0 | 1 if at < len => array.remove_range(txn, at, 1 + (len - at - 1).min(2)),
        2 => {
            array.insert(txn, at, MapPrelim::default());
        }
        3 => {
            array.insert(txn, at, TextPrelim::new("in an array"));
        }
        4 => {
            array.insert_range(txn, at, (0..5).map(|value| Any::from(f64::from(value) * 1.5)));
        }
        5 if at < len => match array.get(txn, at) {
            Some(Out::YMap(inner)) => {
                inner.insert(txn, random.pick(KEYS), true);
            }
            Some(Out::YText(inner)) => edit_text(&inner, txn, random),
            Some(_) | None => {}
        },
        _ => {
            array.insert(txn, at, random.pick(WORDS));
        }
    }
}
