//! Random documents of several clients, taken back to what they were in the middle. Seeds are printed; `PROPTEST_RNG_SEED` sets one.

use std::env;
use std::time::SystemTime;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError};
use selvedge_protocol::update::{Compaction, compact};
use yrs::types::Attrs;
use yrs::{
    Any, ArrayPrelim, GetString as _, MapPrelim, OffsetKind, Out, TextPrelim, XmlElementPrelim, XmlFragment as _,
    XmlTextPrelim,
};

use super::*;

const CLIENTS: usize = 3;

/// What one client does; places are taken modulo what is there.
#[derive(Clone, Debug)]
enum Edit {
    Insert(u32, &'static str),
    Remove(u32, u32),
    Format(u32, u32, bool),
    Embed(u32),
    Set(u8, Value),
    SetMap(u8),
    SetText(u8),
    Unset(u8),
    InNestedMap(u8, u8),
    InNestedText(u8, u32),
    Subdocument(u8),
    InsertValues(u32, u8),
    InsertArray(u32),
    RemoveValues(u32, u32),
    InNestedArray(u32, u32),
    InsertElement(u32),
    InsertXmlText(u32),
    InElement(u32, u32),
    SetAttribute(u32, u8),
    RemoveXml(u32),
}

#[derive(Clone, Debug)]
enum Step {
    Edit(usize, Edit),
    Sync(usize, usize),
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Large(i64),
    Bytes(Vec<u8>),
    Undefined,
    Nested,
}

impl From<&Value> for Any {
    fn from(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::from(*number),
            Value::Large(number) => Self::from(*number),
            Value::Bytes(bytes) => Self::Buffer(bytes.clone().into()),
            Value::Undefined => Self::Undefined,
            Value::Nested => Self::from(vec![Self::Null, Self::Bool(true), Self::from("é😀")]),
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(|number| Value::Number(f64::from(number) / 8.0)),
        any::<i64>().prop_map(Value::Large),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        Just(Value::Undefined),
        Just(Value::Nested),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let word = prop_oneof![Just("a"), Just("hé"), Just("日本"), Just("word "), Just("😀"), Just("zz\n")];
    let at = any::<u32>;
    prop_oneof![
        6 => (at(), word).prop_map(|(at, word)| Edit::Insert(at, word)),
        4 => (at(), 1..5_u32).prop_map(|(at, length)| Edit::Remove(at, length)),
        3 => (at(), 1..5_u32, any::<bool>()).prop_map(|(at, length, on)| Edit::Format(at, length, on)),
        1 => at().prop_map(Edit::Embed),
        2 => (0..3_u8, value()).prop_map(|(key, value)| Edit::Set(key, value)),
        1 => (0..3_u8).prop_map(Edit::SetMap),
        1 => (0..3_u8).prop_map(Edit::SetText),
        1 => (0..3_u8).prop_map(Edit::Unset),
        2 => (0..3_u8, 0..3_u8).prop_map(|(key, inner)| Edit::InNestedMap(key, inner)),
        2 => (0..3_u8, at()).prop_map(|(key, at)| Edit::InNestedText(key, at)),
        1 => (0..3_u8).prop_map(Edit::Subdocument),
        2 => (at(), 1..4_u8).prop_map(|(at, count)| Edit::InsertValues(at, count)),
        1 => at().prop_map(Edit::InsertArray),
        2 => (at(), 1..3_u32).prop_map(|(at, length)| Edit::RemoveValues(at, length)),
        2 => (at(), at()).prop_map(|(at, inner)| Edit::InNestedArray(at, inner)),
        1 => at().prop_map(Edit::InsertElement),
        1 => at().prop_map(Edit::InsertXmlText),
        2 => (at(), at()).prop_map(|(at, inner)| Edit::InElement(at, inner)),
        1 => (at(), 0..2_u8).prop_map(|(at, key)| Edit::SetAttribute(at, key)),
        1 => at().prop_map(Edit::RemoveXml),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..CLIENTS, edit()).prop_map(|(client, edit)| Step::Edit(client, edit)),
        1 => (0..CLIENTS, 0..CLIENTS).prop_map(|(from, to)| Step::Sync(from, to)),
    ]
}

fn client(id: u64) -> Doc {
    let client_id = yrs::ClientID::new(id);
    Doc::with_options(yrs::Options { client_id, offset_kind: OffsetKind::Utf16, ..yrs::Options::default() })
}

/// No edit falls between the halves of a character: there clients of Yjs themselves come to show different things.
fn whole_characters(text: &TextRef, transaction: &TransactionMut<'_>, at: u32, length: u32) -> Option<(u32, u32)> {
    let units = text.len(transaction);
    if units == 0 || text.get_string(transaction).chars().any(|character| character.len_utf16() == 2) {
        return None;
    }
    Some((at % units, length.min(units - at % units)))
}

fn act(doc: &Doc, edit: &Edit) {
    let mut transaction = doc.transact_mut();
    let tx = &mut transaction;
    let (text, map) = (tx.get_or_insert_text("t"), tx.get_or_insert_map("m"));
    let (array, xml) = (tx.get_or_insert_array("a"), tx.get_or_insert_xml_fragment("x"));
    let (values, nodes) = (array.len(tx), xml.len(tx));
    match edit {
        Edit::Insert(at, word) => {
            let end = text.len(tx);
            let (at, _) = whole_characters(&text, tx, *at, 0).unwrap_or((end, 0));
            text.insert(tx, at, word);
        }
        Edit::Remove(at, length) => {
            if let Some((at, length)) = whole_characters(&text, tx, *at, *length) {
                text.remove_range(tx, at, length);
            }
        }
        Edit::Format(at, length, on) => {
            if let Some((at, length)) = whole_characters(&text, tx, *at, *length) {
                let bold = if *on { Any::Bool(true) } else { Any::Null };
                text.format(tx, at, length, Attrs::from([("bold".into(), bold)]));
            }
        }
        Edit::Embed(at) => {
            let end = text.len(tx);
            let (at, _) = whole_characters(&text, tx, *at, 0).unwrap_or((end, 0));
            text.insert_embed(tx, at, Any::from_json(r#"{"image":"x"}"#).expect("JSON"));
        }
        Edit::Set(key, value) => drop(map.insert(tx, key.to_string(), Any::from(value))),
        Edit::SetMap(key) => drop(map.insert(tx, key.to_string(), MapPrelim::from([("n", 1)]))),
        Edit::SetText(key) => drop(map.insert(tx, key.to_string(), TextPrelim::new("nested"))),
        Edit::Unset(key) => drop(map.remove(tx, &key.to_string())),
        Edit::InNestedMap(key, inner) => {
            if let Some(Out::YMap(nested)) = map.get(tx, &key.to_string()) {
                nested.insert(tx, inner.to_string(), "inner");
            }
        }
        Edit::InNestedText(key, at) => {
            if let Some(Out::YText(nested)) = map.get(tx, &key.to_string()) {
                let units = nested.len(tx);
                nested.insert(tx, at % (units + 1), "in");
                if at % 3 == 0 {
                    nested.remove_range(tx, at % (units + 1), 1);
                }
            }
        }
        Edit::Subdocument(key) => drop(map.insert(tx, key.to_string(), Doc::new())),
        Edit::InsertValues(at, count) => array.insert_range(tx, at % (values + 1), 0..i32::from(*count)),
        Edit::InsertArray(at) => drop(array.insert(tx, at % (values + 1), ArrayPrelim::from([1, 2]))),
        Edit::RemoveValues(at, length) if values > 0 => {
            array.remove_range(tx, at % values, (*length).min(values - at % values));
        }
        Edit::InNestedArray(at, inner) if values > 0 => {
            if let Some(Out::YArray(nested)) = array.get(tx, at % values) {
                let there = nested.len(tx);
                nested.insert(tx, inner % (there + 1), "inner");
                nested.remove(tx, inner % (there + 1) / 2);
            }
        }
        Edit::InsertElement(at) => {
            let element = xml.insert(tx, at % (nodes + 1), XmlElementPrelim::empty("p"));
            element.insert(tx, 0, XmlTextPrelim::new("in"));
        }
        Edit::InsertXmlText(at) => drop(xml.insert(tx, at % (nodes + 1), XmlTextPrelim::new("xt"))),
        Edit::InElement(at, inner) if nodes > 0 => {
            if let Some(yrs::XmlOut::Element(element)) = xml.get(tx, at % nodes) {
                let there = element.len(tx);
                match inner % 2 == 0 || there == 0 {
                    true => drop(element.insert(tx, inner % (there + 1), XmlTextPrelim::new("deep"))),
                    false => element.remove_range(tx, inner % there, 1),
                }
            }
        }
        Edit::SetAttribute(at, key) if nodes > 0 => {
            if let Some(yrs::XmlOut::Element(element)) = xml.get(tx, at % nodes) {
                MapRef::from(branch(&element)).insert(tx, key.to_string(), format!("value {at}"));
            }
        }
        Edit::RemoveXml(at) if nodes > 0 => xml.remove_range(tx, at % nodes, 1),
        Edit::RemoveValues(..)
        | Edit::InNestedArray(..)
        | Edit::InElement(..)
        | Edit::SetAttribute(..)
        | Edit::RemoveXml(_) => {}
    }
}

fn bring(from: &Doc, to: &Doc) {
    let known = to.transact().state_vector();
    let update = from.transact().encode_diff_v1(&known);
    apply(to, &update).expect("yrs reads what it wrote");
}

/// The document as a server has it after the steps.
fn server(steps: &[Step], clients: &[Doc]) -> Vec<u8> {
    for step in steps {
        match step {
            Step::Edit(at, edit) => act(&clients[*at], edit),
            Step::Sync(from, to) if from != to => bring(&clients[*from], &clients[*to]),
            Step::Sync(..) => {}
        }
    }
    let server = client(u64::from(u32::MAX));
    for client in clients {
        bring(client, &server);
    }
    server.transact().encode_state_as_update_v1(&StateVector::default())
}

fn config() -> ProptestConfig {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(clock);
    println!("PROPTEST_RNG_SEED={seed}");
    let cases = env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500);
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..ProptestConfig::default() }
}

fn of(update: &[u8], deleted: Deleted) -> Content {
    content(&whole(update).expect("whole").open(deleted).expect("whole"), Deep::Refuse).expect("flat")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_restored_is_what_the_version_had(
        before in prop::collection::vec(step(), 1..30),
        after in prop::collection::vec(step(), 1..30),
        how in 0..4_usize,
    ) {
        let clients: Vec<Doc> = (0..CLIENTS).map(|at| client(1 + 7 * u64::try_from(at).expect("small"))).collect();
        let version = server(&before, &clients);
        let now = server(&after, &clients);
        let wanted = of(&version, Deleted::Collect);
        let compacted = |update: &[u8], how| compact(update, how).expect("legal");
        let (now, version) = match how {
            0 => (now, version),
            1 => (compacted(&now, Compaction::SMALLEST), compacted(&version, Compaction::SMALLEST)),
            2 => (compacted(&now, Compaction::COLLECT), version),
            _ => (now, compacted(&version, Compaction::COLLECT)),
        };
        let edit = restore(&now, &version).map_err(|refusal| TestCaseError::fail(format!("{refusal:?}")))?;
        // In clients that keep what is deleted, and in those that do not; compacted by the server too.
        for deleted in [Deleted::Collect, Deleted::Keep] {
            let doc = whole(&now).expect("whole").open(deleted).expect("whole");
            apply(&doc, &edit).expect("it is news");
            prop_assert_eq!(&content(&doc, Deep::Refuse).expect("flat"), &wanted);
        }
        let stored = merge(&[&now, &edit]).expect("legal");
        prop_assert_eq!(&of(&compacted(&stored, Compaction::COLLECT), Deleted::Collect), &wanted);
    }
}

#[test]
fn what_did_not_change_needs_no_edit() {
    let clients = [client(1)];
    let version = server(&[Step::Edit(0, Edit::Insert(0, "a"))], &clients);
    assert_eq!(restore(&version, &version).expect("whole"), super::super::document::NOTHING);
}
