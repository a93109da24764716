//! Documents as clients make them.

use yrs::updates::decoder::Decode as _;
use yrs::{
    Any, Array as _, ClientID, Doc, Map as _, MapPrelim, OffsetKind, Options, ReadTxn as _, StateVector, Text as _,
    Transact as _,
};
use yrs::{Update, XmlElementPrelim, XmlFragment as _, XmlTextPrelim};

use axum::body::Bytes;

/// Something that lies deeper than anything is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deep {
    Value,
    Maps,
    Format,
}

/// A client with its document.
pub(crate) struct Writer(pub(crate) Doc);

impl Writer {
    pub(crate) fn new(id: u64) -> Self {
        let client_id = ClientID::new(id);
        Self(Doc::with_options(Options { client_id, offset_kind: OffsetKind::Utf16, ..Options::default() }))
    }

    /// Some of everything.
    pub(crate) fn with_everything() -> Self {
        let writer = Self::new(5);
        let mut transaction = writer.0.transact_mut();
        let tx = &mut transaction;
        let text = writer_root(tx, "text");
        text.insert(tx, 0, "Hello 😀");
        text.format(tx, 0, 5, [("bold".into(), Any::Bool(true))].into());
        text.insert_embed(tx, 5, Any::from_json(r#"{"image":"x.png"}"#).expect("JSON"));
        let map = yrs::WriteTxn::get_or_insert_map(tx, "map");
        map.insert(tx, "plain", Any::from_json(r#"{"a":[1,null,"x"]}"#).expect("JSON"));
        map.insert(tx, "binary", vec![0_u8, 255]);
        map.insert(tx, "large", (1_i64 << 60) + 1);
        map.insert(tx, "undefined", Any::Undefined);
        map.insert(tx, "infinite", f64::INFINITY);
        map.insert(tx, "$odd", Any::from_json(r#"{"$binary":"no"}"#).expect("JSON"));
        map.insert(tx, "nested", MapPrelim::from([("n", 1)]));
        map.insert(tx, "document", Doc::with_options(Options { guid: "sub".into(), ..Options::default() }));
        let array = yrs::WriteTxn::get_or_insert_array(tx, "array");
        array.insert_range(tx, 0, [1, 2]);
        array.insert(tx, 2, MapPrelim::from([("done", true)]));
        let xml = yrs::WriteTxn::get_or_insert_xml_fragment(tx, "xml");
        let paragraph = xml.insert(tx, 0, XmlElementPrelim::empty("p"));
        yrs::Xml::insert_attribute(&paragraph, tx, "class", "lead");
        paragraph.insert(tx, 0, XmlTextPrelim::new("in"));
        drop(transaction);
        writer
    }

    pub(crate) fn text(id: u64, content: &str) -> Self {
        let writer = Self::new(id);
        writer.push(content);
        writer
    }

    pub(crate) fn push(&self, content: &str) {
        let mut transaction = self.0.transact_mut();
        let text = writer_root(&mut transaction, "text");
        text.push(&mut transaction, content);
    }

    pub(crate) fn deepen(&self, deep: Deep) {
        let mut transaction = self.0.transact_mut();
        let tx = &mut transaction;
        let value = (0..115).fold(Any::Null, |value, _| Any::Array(vec![value].into()));
        let map = yrs::WriteTxn::get_or_insert_map(tx, "map");
        match deep {
            Deep::Value => drop(map.insert(tx, "deep", value)),
            Deep::Maps => {
                (0..60).fold(map, |map, _| map.insert(tx, "deep", MapPrelim::default()));
            }
            Deep::Format => {
                writer_root(tx, "text").insert_with_attributes(tx, 0, "x", [("deep".into(), value)].into());
            }
        }
    }

    pub(crate) fn update(&self) -> Bytes {
        self.0.transact().encode_state_as_update_v1(&StateVector::default()).into()
    }

    pub(crate) fn apply(&self, update: &[u8]) {
        let update = Update::decode_v1(update).expect("an update");
        self.0.transact_mut().apply_update(update).expect("an update");
    }
}

fn writer_root(transaction: &mut yrs::TransactionMut<'_>, name: &str) -> yrs::TextRef {
    yrs::WriteTxn::get_or_insert_text(transaction, name)
}

pub(crate) fn hex(text: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digit).collect::<Vec<_>>().into()
}
