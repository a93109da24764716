//! JSON made into values and shared types of a document. Knows no operation.

use std::sync::Arc;

use serde_json::{Map, Value};
use yrs::block::Prelim;
use yrs::types::Attrs;
use yrs::{
    Any, Array as _, ArrayPrelim, ArrayRef, Doc, Map as _, MapPrelim, MapRef, Options, Text as _, TextPrelim, TextRef,
    TransactionMut, XmlElementPrelim, XmlFragmentPrelim, XmlTextPrelim,
};

use super::kind::branch;
use super::show::{ARRAY, DOCUMENT, MAP, TEXT, VALUE, XML};
use super::value::{marker, read};

/// Where something is put.
pub(super) enum Slot {
    Entry(MapRef, Arc<str>),
    Item(ArrayRef, u32),
}

impl Slot {
    fn insert<P: Prelim>(&self, transaction: &mut TransactionMut<'_>, prelim: P) -> P::Return {
        match self {
            Self::Entry(map, key) => map.insert(transaction, Arc::clone(key), prelim),
            Self::Item(array, index) => array.insert(transaction, *index, prelim),
        }
    }
}

/// Puts a value there. Why not, for people.
pub(super) fn put(transaction: &mut TransactionMut<'_>, slot: &Slot, value: &Value) -> Result<(), String> {
    match value.as_object().and_then(marker) {
        Some((MAP, Value::Object(entries))) => {
            let map = slot.insert(transaction, MapPrelim::default());
            put_entries(transaction, &map, entries)
        }
        Some((ARRAY, Value::Array(values))) => {
            let array = slot.insert(transaction, ArrayPrelim::default());
            put_items(transaction, &array, 0, values)
        }
        Some((TEXT, content)) => {
            let text = slot.insert(transaction, TextPrelim::default());
            put_text(transaction, &text, content)
        }
        Some((XML, Value::Object(node))) => put_node(transaction, slot, node),
        Some((DOCUMENT, Value::String(guid))) => {
            let doc =
                Doc::with_options(Options { guid: guid.as_str().into(), should_load: false, ..Options::default() });
            slot.insert(transaction, doc);
            Ok(())
        }
        Some(_) | None => {
            slot.insert(transaction, read(value)?);
            Ok(())
        }
    }
}

pub(super) fn put_entries(
    transaction: &mut TransactionMut<'_>,
    map: &MapRef,
    entries: &Map<String, Value>,
) -> Result<(), String> {
    for (key, value) in entries {
        put(transaction, &Slot::Entry(map.clone(), key.as_str().into()), value)?;
    }
    Ok(())
}

/// Plain values that follow one another are put together: one by one, each would be looked for from the start.
pub(super) fn put_items(
    transaction: &mut TransactionMut<'_>,
    array: &ArrayRef,
    index: u32,
    values: &[Value],
) -> Result<(), String> {
    let mut at = index;
    for row in values.chunk_by(|a, b| is_plain(a) && is_plain(b)) {
        if row.iter().all(is_plain) {
            let plain: Vec<Any> = row.iter().map(read).collect::<Result<_, _>>()?;
            array.insert_range(transaction, at, plain);
        } else {
            for value in row {
                put(transaction, &Slot::Item(array.clone(), at), value)?;
            }
        }
        at += u32::try_from(row.len()).map_err(|_| "too many values".to_owned())?;
    }
    Ok(())
}

fn is_plain(value: &Value) -> bool {
    let marker = value.as_object().and_then(marker);
    !marker.is_some_and(|(marker, _)| [MAP, ARRAY, TEXT, XML, DOCUMENT].contains(&marker))
}

/// A string, or a delta of insertions, behind what is there.
pub(super) fn put_text(transaction: &mut TransactionMut<'_>, text: &TextRef, content: &Value) -> Result<(), String> {
    let wrong = || format!("{TEXT} has to be a string, or a list of {{\"insert\", \"attributes\"}}");
    match content {
        Value::String(content) => text.push(transaction, content),
        Value::Array(pieces) => {
            for piece in pieces {
                let piece = piece.as_object().ok_or_else(wrong)?;
                if piece.keys().any(|key| key != "insert" && key != "attributes") {
                    return Err(wrong());
                }
                let given = match piece.get("attributes") {
                    Some(given) => attributes(given.as_object().ok_or_else(wrong)?)?,
                    None => Attrs::new(),
                };
                put_piece(transaction, text, piece.get("insert").ok_or_else(wrong)?, given)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return Err(wrong()),
    }
    Ok(())
}

fn put_piece(
    transaction: &mut TransactionMut<'_>,
    text: &TextRef,
    insert: &Value,
    attributes: Attrs,
) -> Result<(), String> {
    let end = text.len(transaction);
    match (insert, insert.as_object().and_then(marker)) {
        (Value::String(content), _) => text.insert_with_attributes(transaction, end, content, attributes),
        (_, Some((MAP, Value::Object(entries)))) => {
            let map = text.insert_embed_with_attributes(transaction, end, MapPrelim::default(), attributes);
            put_entries(transaction, &map, entries)?;
        }
        (_, Some((ARRAY, Value::Array(values)))) => {
            let array = text.insert_embed_with_attributes(transaction, end, ArrayPrelim::default(), attributes);
            put_items(transaction, &array, 0, values)?;
        }
        (_, Some((VALUE, value))) => {
            text.insert_embed_with_attributes(transaction, end, read(value)?, attributes);
        }
        (Value::Object(_), _) => {
            text.insert_embed_with_attributes(transaction, end, read(insert)?, attributes);
        }
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_), _) => {
            return Err("what is inserted into text is a string or an object".into());
        }
    }
    Ok(())
}

/// Formatting.
pub(super) fn attributes(given: &Map<String, Value>) -> Result<Attrs, String> {
    given.iter().map(|(key, value)| Ok((key.as_str().into(), read(value)?))).collect()
}

fn put_node(transaction: &mut TransactionMut<'_>, slot: &Slot, node: &Map<String, Value>) -> Result<(), String> {
    let wrong = || {
        format!(
            "{XML} has to be {{\"name\", \"attributes\", \"children\"}}, {{\"text\", \"attributes\"}} or {{\"children\"}}"
        )
    };
    if node.keys().any(|key| !["name", "attributes", "children", "text", "value"].contains(&key.as_str())) {
        return Err(wrong());
    }
    let children = match node.get("children") {
        Some(Value::Array(children)) => children.as_slice(),
        Some(_) => return Err(wrong()),
        None => &[],
    };
    let branch = match (node.get("name"), node.get("text"), node.get("value")) {
        (Some(Value::String(name)), None, None) => {
            branch(&slot.insert(transaction, XmlElementPrelim::empty(name.as_str())))
        }
        (None, Some(text), None) if children.is_empty() => {
            let made = slot.insert(transaction, XmlTextPrelim::new(""));
            put_text(transaction, made.as_ref(), text)?;
            branch(&made)
        }
        (None, None, None) if !node.contains_key("attributes") => {
            branch(&slot.insert(transaction, XmlFragmentPrelim::default()))
        }
        (None, None, Some(value)) if node.len() == 1 => return put(transaction, slot, value),
        _ => return Err(wrong()),
    };
    match node.get("attributes") {
        Some(Value::Object(entries)) => put_entries(transaction, &MapRef::from(branch), entries)?,
        Some(_) => return Err(wrong()),
        None => {}
    }
    put_nodes(transaction, &ArrayRef::from(branch), 0, children)
}

/// XML nodes, as `$xml` has them.
pub(super) fn put_nodes(
    transaction: &mut TransactionMut<'_>,
    row: &ArrayRef,
    index: u32,
    nodes: &[Value],
) -> Result<(), String> {
    for (node, at) in nodes.iter().zip(index..) {
        let node = node.as_object().ok_or("an XML node has to be an object")?;
        put_node(transaction, &Slot::Item(row.clone(), at), node)?;
    }
    Ok(())
}
