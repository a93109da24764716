//! Random documents by `yrs` clients: what the codec makes of their updates, loaded into `yrs`, is the same document.

use std::env;
use std::sync::mpsc;
use std::time::SystemTime;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError};
use selvedge_protocol::update::{self, Compaction, Divided, Known, Limits, Verdict};
use yrs::types::Attrs;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, Doc, GetString, Map, MapPrelim, MapRef, OffsetKind, Options, ReadTxn, Text,
    TextPrelim, TextRef, Transact, TransactionMut, Update, XmlElementPrelim, XmlFragment, XmlFragmentRef,
    XmlTextPrelim,
};

const CLIENTS: usize = 3;
const NOTHING: [u8; 2] = [0, 0];

/// What one client does; positions are taken modulo what is there.
#[derive(Clone, Debug)]
enum Edit {
    Insert(u32, &'static str),
    Remove(u32, u32),
    Format(u32, u32, bool),
    Embed(u32),
    SetValue(u8, Value),
    SetMap(u8),
    RemoveKey(u8),
    Subdocument(u8),
    InsertValues(u32, Vec<Value>),
    InsertText(u32),
    RemoveValues(u32, u32),
    InsertElement(u32),
    InsertXmlText(u32),
    RemoveXml(u32),
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Large(i64),
    Text(&'static str),
    Bytes(Vec<u8>),
    Undefined,
    List,
}

impl From<&Value> for Any {
    fn from(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::from(*number),
            Value::Large(number) => Self::from(*number),
            Value::Text(text) => Self::from(*text),
            Value::Bytes(bytes) => Self::Buffer(bytes.clone().into()),
            Value::Undefined => Self::Undefined,
            Value::List => Self::from(vec![Self::Null, Self::Bool(true), Self::from("é😀")]),
        }
    }
}

/// One step: a client edits, or brings another what it has.
#[derive(Clone, Debug)]
enum Step {
    Edit(usize, Edit),
    Sync(usize, usize),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Value::Number),
        any::<i64>().prop_map(Value::Large),
        prop_oneof![Just(""), Just("x"), Just("日本😀")].prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        Just(Value::Undefined),
        Just(Value::List),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let word = prop_oneof![Just("a"), Just("hé"), Just("日本"), Just("word "), Just("zz\n")];
    prop_oneof![
        5 => (any::<u32>(), word).prop_map(|(at, word)| Edit::Insert(at, word)),
        3 => (any::<u32>(), 1..5u32).prop_map(|(at, len)| Edit::Remove(at, len)),
        2 => (any::<u32>(), 1..5u32, any::<bool>()).prop_map(|(at, len, on)| Edit::Format(at, len, on)),
        1 => any::<u32>().prop_map(Edit::Embed),
        2 => (0..3u8, value()).prop_map(|(key, value)| Edit::SetValue(key, value)),
        1 => (0..3u8).prop_map(Edit::SetMap),
        1 => (0..3u8).prop_map(Edit::RemoveKey),
        1 => (0..3u8).prop_map(Edit::Subdocument),
        2 => (any::<u32>(), prop::collection::vec(value(), 1..4)).prop_map(|(at, all)| Edit::InsertValues(at, all)),
        1 => any::<u32>().prop_map(Edit::InsertText),
        1 => (any::<u32>(), 1..3u32).prop_map(|(at, len)| Edit::RemoveValues(at, len)),
        1 => any::<u32>().prop_map(Edit::InsertElement),
        1 => any::<u32>().prop_map(Edit::InsertXmlText),
        1 => any::<u32>().prop_map(Edit::RemoveXml),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..CLIENTS, edit()).prop_map(|(client, edit)| Step::Edit(client, edit)),
        1 => (0..CLIENTS, 0..CLIENTS).prop_map(|(from, to)| Step::Sync(from, to)),
    ]
}

/// A document with its roots.
struct Client {
    doc: Doc,
    text: TextRef,
    map: MapRef,
    array: ArrayRef,
    xml: XmlFragmentRef,
}

impl Client {
    /// Offsets in UTF-16: with offsets in bytes, `yrs` itself writes empty Strings and references to nothing when one
    /// falls inside a character.
    fn new(id: u64) -> Self {
        let client_id = yrs::block::ClientID::new(id);
        let doc = Doc::with_options(Options { client_id, offset_kind: OffsetKind::Utf16, ..Options::default() });
        let (text, map) = (doc.get_or_insert_text("t"), doc.get_or_insert_map("m"));
        let (array, xml) = (doc.get_or_insert_array("a"), doc.get_or_insert_xml_fragment("x"));
        Self { doc, text, map, array, xml }
    }

    fn loaded(update: &[u8]) -> Self {
        let client = Self::new(1 << 40);
        client.apply(update);
        client
    }

    fn apply(&self, update: &[u8]) {
        let update = Update::decode_v1(update).expect("yrs reads what is written");
        self.doc.transact_mut().apply_update(update).expect("yrs applies what is written");
    }

    fn edit(&self, edit: &Edit) {
        let tx = &mut self.doc.transact_mut();
        match edit {
            Edit::SetValue(key, value) => {
                self.map.insert(tx, key.to_string(), Any::from(value));
            }
            Edit::SetMap(key) => {
                self.map.insert(tx, key.to_string(), MapPrelim::from([("n", 1)]));
            }
            Edit::RemoveKey(key) => {
                self.map.remove(tx, &key.to_string());
            }
            Edit::Subdocument(key) => {
                self.map.insert(tx, key.to_string(), Doc::new());
            }
            Edit::Insert(..) | Edit::Remove(..) | Edit::Format(..) | Edit::Embed(..) => self.edit_text(tx, edit),
            Edit::InsertValues(..) | Edit::InsertText(..) | Edit::RemoveValues(..) => self.edit_array(tx, edit),
            Edit::InsertElement(..) | Edit::InsertXmlText(..) | Edit::RemoveXml(..) => self.edit_xml(tx, edit),
        }
    }

    fn edit_text(&self, tx: &mut TransactionMut<'_>, edit: &Edit) {
        let len = self.text.len(tx);
        let range = |at: u32, wanted: u32| (at % len.max(1), wanted.min(len - at % len.max(1)));
        match *edit {
            Edit::Insert(at, word) => self.text.insert(tx, at % (len + 1), word),
            Edit::Remove(at, wanted) if len > 0 => {
                let (at, len) = range(at, wanted);
                self.text.remove_range(tx, at, len);
            }
            Edit::Format(at, wanted, on) if len > 0 => {
                let (at, len) = range(at, wanted);
                let bold = if on { Any::Bool(true) } else { Any::Null };
                self.text.format(tx, at, len, Attrs::from([("bold".into(), bold)]));
            }
            Edit::Embed(at) => {
                self.text.insert_embed(tx, at % (len + 1), Any::from("embedded"));
            }
            _ => {}
        }
    }

    fn edit_array(&self, tx: &mut TransactionMut<'_>, edit: &Edit) {
        let len = self.array.len(tx);
        match edit {
            Edit::InsertValues(at, values) => self.array.insert_range(tx, at % (len + 1), values.iter().map(Any::from)),
            Edit::InsertText(at) => {
                self.array.insert(tx, at % (len + 1), TextPrelim::new("q"));
                self.array.insert(tx, 0, ArrayPrelim::from([1, 2, 3]));
            }
            Edit::RemoveValues(at, wanted) if len > 0 => {
                self.array.remove_range(tx, at % len, (*wanted).min(len - at % len));
            }
            _ => {}
        }
    }

    fn edit_xml(&self, tx: &mut TransactionMut<'_>, edit: &Edit) {
        let len = self.xml.len(tx);
        match *edit {
            Edit::InsertElement(at) => {
                let element = self.xml.insert(tx, at % (len + 1), XmlElementPrelim::empty("p"));
                element.insert(tx, 0, XmlTextPrelim::new("in"));
            }
            Edit::InsertXmlText(at) => {
                self.xml.insert(tx, at % (len + 1), XmlTextPrelim::new("xt"));
            }
            Edit::RemoveXml(at) if len > 0 => self.xml.remove_range(tx, at % len, 1),
            _ => {}
        }
    }

    /// Everything that can be seen, and the state vector.
    fn view(&self) -> String {
        let tx = self.doc.transact();
        assert!(!tx.has_missing_updates(), "nothing waits");
        let text: Vec<_> = self
            .text
            .diff(&tx, yrs::types::text::YChange::identity)
            .iter()
            .map(|part| format!("{:?}", part.insert.clone().to_string(&tx)))
            .collect();
        let mut map: Vec<_> =
            self.map.iter(&tx).map(|(key, value)| format!("{key}={}", value.to_string(&tx))).collect();
        map.sort();
        let array: Vec<_> = self.array.iter(&tx).map(|value| value.to_string(&tx)).collect();
        let xml = self.xml.get_string(&tx);
        let mut vector: Vec<_> =
            tx.state_vector().iter().map(|(client, clock)| (format!("{client:?}"), *clock)).collect();
        vector.sort();
        format!("{text:?} {map:?} {array:?} {xml} {vector:?}")
    }
}

/// Plays the steps; gives back every update that was sent, in an order in which it could have come.
fn play(large_ids: bool, steps: &[Step]) -> Vec<Vec<u8>> {
    let (sent, log) = mpsc::channel();
    let id = |i: usize| if large_ids { (1 << 53) - 1 - 7919 * i as u64 } else { 1 + 7 * i as u64 };
    let clients: Vec<Client> = (0..CLIENTS).map(|i| Client::new(id(i))).collect();
    let subscriptions: Vec<_> = clients
        .iter()
        .map(|client| {
            let sent = sent.clone();
            let note = move |_: &TransactionMut<'_>, event: &yrs::UpdateEvent| {
                sent.send(event.update.clone()).expect("the log outlives the clients");
            };
            client.doc.observe_update_v1("log", note).expect("no transaction")
        })
        .collect();
    for step in steps {
        match step {
            Step::Edit(client, edit) => clients[*client].edit(edit),
            Step::Sync(from, to) if from != to => {
                let vector = clients[*to].doc.transact().state_vector();
                let update = clients[*from].doc.transact().encode_diff_v1(&vector);
                clients[*to].apply(&update);
            }
            Step::Sync(..) => {}
        }
    }
    drop(subscriptions);
    log.try_iter().collect()
}

/// Accepts updates in the order given by `keys`, until nothing waits.
fn accept_shuffled(log: &[Vec<u8>], keys: &[u32]) -> Result<Vec<Vec<u8>>, TestCaseError> {
    let mut order: Vec<usize> = (0..log.len()).collect();
    order.sort_by_key(|&i| keys[i % keys.len()].wrapping_mul(i as u32 + 1));
    let mut known = Known::default();
    let mut kept = Vec::new();
    while !order.is_empty() {
        let before = order.len();
        let mut refused = None;
        order.retain(|&i| match update::accept(&known, &log[i], &Limits::default()) {
            Verdict::Accepted(accepted) => {
                known.apply(&accepted);
                kept.push(accepted.update.into_owned());
                false
            }
            Verdict::Duplicate => false,
            Verdict::Missing { .. } => true,
            Verdict::Refused(reason) => {
                refused = Some(reason);
                false
            }
        });
        prop_assert_eq!(refused, None);
        prop_assert!(order.len() < before, "{} updates never became complete", before);
    }
    Ok(kept)
}

/// What is taken of an update, and what is left of it.
fn divide(known: &Known, update: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match update::accept(known, update, &Limits::default()) {
        Verdict::Accepted(accepted) => (accepted.update.into_owned(), NOTHING.to_vec()),
        Verdict::Duplicate => (NOTHING.to_vec(), NOTHING.to_vec()),
        Verdict::Missing { .. } => {
            let Divided { part, rest } = update::divide(known, update, &Limits::default()).expect("legal");
            let part = part.map_or_else(|| NOTHING.to_vec(), |part| part.update.into_owned());
            (part, rest.map_or_else(|| NOTHING.to_vec(), |rest| rest.update))
        }
        Verdict::Refused(reason) => panic!("{reason}"),
    }
}

/// The seed is printed; `PROPTEST_RNG_SEED` sets it.
fn config() -> ProptestConfig {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(clock);
    println!("PROPTEST_RNG_SEED={seed}");
    let rng_seed = RngSeed::Fixed(seed);
    ProptestConfig { cases: 1000, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn yrs_loads_the_same_document_from_whatever_the_codec_makes(
        large_ids: bool,
        steps in prop::collection::vec(step(), 1..60),
        keys in prop::collection::vec(any::<u32>(), 1..40),
        at in 0.0..1.0f64,
        bytes_max in 1..300usize,
    ) {
        let log = play(large_ids, &steps);
        let theirs = yrs::merge_updates_v1(&log).expect("yrs merges what it wrote");
        let expected = Client::loaded(&theirs).view();

        let merged = update::merge(&log).expect("legal");
        prop_assert_eq!(Client::loaded(&merged).view(), expected.as_str());
        let kept = accept_shuffled(&log, &keys)?;
        let accepted = update::merge(&kept).expect("legal");
        prop_assert_eq!(Client::loaded(&accepted).view(), expected.as_str());
        let whole = Known::of(&accepted).expect("complete");
        for how in [Compaction::SQUASH, Compaction::SMALLEST, Compaction::COLLECT] {
            let small = update::compact(&merged, how).expect("legal");
            prop_assert_eq!(Client::loaded(&small).view(), expected.as_str(), "{:?}", how);
            prop_assert_eq!(update::state_vector(&small).expect("legal"), whole.clocks().clone());
        }

        // A client that has a part gets the rest.
        let part = update::merge(&kept[..(kept.len() as f64 * at) as usize]).expect("legal");
        let peer = Client::loaded(&part);
        let vector = peer.doc.transact().state_vector().encode_v1();
        let vector = update::StateVector::decode(&vector, &Limits::default()).expect("legal");
        peer.apply(&update::diff(&merged, &vector).expect("legal"));
        prop_assert_eq!(peer.view(), expected.as_str());

        let in_parts = Client::loaded(&[0, 0]);
        for part in update::split(&merged, bytes_max).expect("complete") {
            in_parts.apply(&part);
            prop_assert!(!in_parts.doc.transact().has_missing_updates());
        }
        prop_assert_eq!(in_parts.view(), expected.as_str());
    }

    #[test]
    fn an_update_from_which_something_is_withheld_is_taken_in_part_and_its_rest_when_that_comes(
        large_ids: bool,
        steps in prop::collection::vec(step(), 1..60),
        keys in prop::collection::vec(any::<u32>(), 1..40),
        at in 0.0..1.0f64,
        withheld in prop::collection::vec(prop::bool::weighted(0.2), 60..=60),
    ) {
        let log = play(large_ids, &steps);
        let expected = Client::loaded(&yrs::merge_updates_v1(&log).expect("yrs merges what it wrote")).view();
        // The document has a part of it, and is offered the rest, but not all of that.
        let kept = accept_shuffled(&log, &keys)?;
        let (there, _) = kept.split_at((kept.len() as f64 * at) as usize);
        let mut known = Known::default();
        let mut state = update::merge(there).expect("legal");
        if let Verdict::Accepted(accepted) = update::accept(&known, &state, &Limits::default()) {
            known.apply(&accepted);
        }
        let is_withheld = |at: &usize| withheld[at % withheld.len()];
        let offered: Vec<&Vec<u8>> = (0..log.len()).filter(|at| !is_withheld(at)).map(|at| &log[at]).collect();
        let (part, rest) = divide(&known, &update::merge(&offered).expect("legal"));

        // As much as could be taken of them one by one, and more where a client wrote several structs at once.
        let mut one_by_one = known.clone();
        for _ in 0..offered.len() {
            for update in &offered {
                if let Verdict::Accepted(accepted) = update::accept(&one_by_one, update, &Limits::default()) {
                    one_by_one.apply(&accepted);
                }
            }
        }
        match update::accept(&known, &part, &Limits::default()) {
            Verdict::Accepted(accepted) => {
                prop_assert_eq!(&accepted.update[..], &part[..], "it is canonical");
                known.apply(&accepted);
            }
            Verdict::Duplicate => {}
            verdict => panic!("a part is complete: {verdict:?}"),
        }
        prop_assert!(known.clocks().covers(one_by_one.clocks()));
        prop_assert_eq!(divide(&known, &rest), (NOTHING.to_vec(), rest.clone()), "nothing more can be taken");
        state = update::merge(&[state, part]).expect("legal");
        prop_assert_eq!(Known::of(&state), Ok(known.clone()));
        Client::loaded(&state).view();

        // What was withheld comes bit by bit, and whatever waits is offered again each time.
        let mut waiting = vec![rest];
        for at in (0..log.len()).filter(is_withheld) {
            waiting.push(log[at].clone());
            for _ in 0..waiting.len() {
                for waits in &mut waiting {
                    let (part, rest) = divide(&known, waits);
                    if let Verdict::Accepted(accepted) = update::accept(&known, &part, &Limits::default()) {
                        known.apply(&accepted);
                    }
                    state = update::merge(&[&state, &part]).expect("legal");
                    *waits = rest;
                }
            }
        }
        prop_assert!(waiting.iter().all(|rest| *rest == NOTHING), "nothing waits any more: {:?}", waiting);
        prop_assert_eq!(Known::of(&state), Ok(known.clone()));
        prop_assert_eq!(Client::loaded(&state).view(), expected);
    }
}
