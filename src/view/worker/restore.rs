//! The edit that brings a version's content back. Two ways; what the first leaves different, the second makes anew; and the result is looked at.
//!
//! *Undoing*: the version is loaded, what came after is applied to it as one change, and that is undone. What stayed is not touched, what was
//! deleted comes back where it was, what was inserted goes. *Making anew*: everything in a root is deleted, and what the version has is inserted.

use std::collections::BTreeMap;

use selvedge_protocol::update::merge;
use serde_json::Value;
use yrs::branch::BranchPtr;
use yrs::undo::{Options, UndoManager};
use yrs::updates::decoder::Decode as _;
use yrs::{
    Array as _, ArrayRef, Doc, Map as _, MapRef, ReadTxn as _, StateVector, Text as _, TextRef, Transact as _,
    TransactionMut, Update, WriteTxn as _,
};

use super::Refusal;
use super::build::{put_entries, put_items, put_nodes, put_text};
use super::document::{Deleted, Whole, apply, whole};
use super::kind::{Kind, branch, roots};
use super::show::{Deep, Form, exact};

/// What the undo manager knows the later change by.
const LATER: &str = "later";

/// The roots that have something in them.
type Content = BTreeMap<String, (Kind, Value)>;

/// See [`crate::view::View::restore`].
pub(super) fn restore(now: &[u8], version: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (now, version) = (whole(now)?, whole(version)?);
    let wanted = content(&version.open(Deleted::Collect)?, Deep::Refuse)?;
    let doc = now.open(Deleted::Collect)?;
    // What it has now may lie as deep as it likes: what is cut off is nothing that a version has, and goes.
    if content(&doc, Deep::Cut)? == wanted {
        return Ok(super::document::NOTHING.to_vec());
    }
    let mut edits = Vec::new();
    let undoing = undo(&now, &version, &doc)?;
    if let Some(edit) = now.news(&undoing) {
        apply(&doc, &edit)?;
        edits.push(edit);
    }
    let reached = content(&doc, Deep::Cut)?;
    if reached != wanted {
        edits.push(make_anew(&doc, &reached, &wanted)?);
        if content(&doc, Deep::Cut)? != wanted {
            return Err(inexact("what the version has cannot be made again"));
        }
    }
    let edit = merge(&edits).ok().and_then(|edit| now.news(&edit));
    edit.ok_or_else(|| inexact("the edit is none that the document could accept"))
}

fn inexact(why: &str) -> Refusal {
    Refusal::BadOperation { index: 0, why: why.into() }
}

fn content(doc: &Doc, deep: Deep) -> Result<Content, Refusal> {
    let transaction = doc.transact();
    let mut content = Content::new();
    for (name, root) in roots(&transaction) {
        let kind = Kind::of(root, &transaction);
        if kind != Kind::Empty {
            content.insert(name, (kind, exact(root, kind, Form::Exact, deep, &transaction)?));
        }
    }
    Ok(content)
}

fn undo(now: &Whole<'_>, version: &Whole<'_>, of_now: &Doc) -> Result<Vec<u8>, Refusal> {
    let doc = version.open(Deleted::Keep)?;
    declare(&doc, of_now);
    let mut manager = UndoManager::<()>::with_options(Options { capture_timeout_millis: 0, ..Options::default() });
    // The transaction has to be over before the manager looks at the document.
    let scope = roots(&doc.transact());
    for root in scope.into_values() {
        manager.expand_scope(&doc, &root);
    }
    manager.include_origin(LATER);
    {
        let later = Update::decode_v1(&now.update).map_err(|_| Refusal::Malformed)?;
        doc.transact_mut_with(LATER).apply_update(later).map_err(|_| Refusal::Malformed)?;
    }
    manager.undo_blocking();
    let known = StateVector::decode_v1(&now.known.state_vector_bytes()).map_err(|_| Refusal::Malformed)?;
    let edit = doc.transact().encode_state_as_update_v1(&known);
    drop(manager);
    Ok(edit)
}

/// Gives the document all roots of another: an undo manager knows only those that are there when it begins.
fn declare(doc: &Doc, other: &Doc) {
    let other = other.transact();
    let roots = roots(&other).into_iter().map(|(name, root)| (name, Kind::of(root, &other)));
    let mut transaction = doc.transact_mut();
    for (name, kind) in roots {
        make(&mut transaction, &name, kind);
    }
}

fn make(transaction: &mut TransactionMut<'_>, name: &str, kind: Kind) -> BranchPtr {
    match kind {
        Kind::Text => branch(&transaction.get_or_insert_text(name)),
        Kind::Map => branch(&transaction.get_or_insert_map(name)),
        Kind::Array | Kind::Empty => branch(&transaction.get_or_insert_array(name)),
        Kind::Xml => branch(&transaction.get_or_insert_xml_fragment(name)),
    }
}

/// Makes roots that differ again.
fn make_anew(doc: &Doc, reached: &Content, wanted: &Content) -> Result<Vec<u8>, Refusal> {
    let mut transaction = doc.transact_mut();
    for (name, (kind, has)) in reached {
        if wanted.get(name).is_none_or(|(_, wants)| wants != has) {
            let root = make(&mut transaction, name, *kind);
            clear(&mut transaction, root, *kind);
        }
    }
    for (name, (kind, wants)) in wanted {
        if reached.get(name).is_none_or(|(_, has)| has != wants) {
            let root = make(&mut transaction, name, *kind);
            fill(&mut transaction, root, *kind, wants).map_err(|why| inexact(&why))?;
        }
    }
    Ok(transaction.encode_update_v1())
}

fn clear(transaction: &mut TransactionMut<'_>, root: BranchPtr, kind: Kind) {
    let map = MapRef::from(root);
    let keys: Vec<String> = map.keys(transaction).map(str::to_owned).collect();
    for key in keys {
        map.remove(transaction, &key);
    }
    match kind {
        Kind::Text => {
            let text = TextRef::from(root);
            let length = text.len(transaction);
            text.remove_range(transaction, 0, length);
        }
        Kind::Array | Kind::Xml => {
            let row = ArrayRef::from(root);
            let length = row.len(transaction);
            if length > 0 {
                row.remove_range(transaction, 0, length);
            }
        }
        Kind::Map | Kind::Empty => {}
    }
}

fn fill(transaction: &mut TransactionMut<'_>, root: BranchPtr, kind: Kind, wants: &Value) -> Result<(), String> {
    match (kind, wants.get("value"), wants.get("delta"), wants.get("nodes")) {
        (Kind::Map, Some(Value::Object(entries)), None, None) => {
            put_entries(transaction, &MapRef::from(root), entries)?;
        }
        (Kind::Array, Some(Value::Array(values)), None, None) => {
            put_items(transaction, &ArrayRef::from(root), 0, values)?;
        }
        (Kind::Text, None, Some(delta), None) => put_text(transaction, &TextRef::from(root), delta)?,
        (Kind::Xml, None, None, Some(Value::Array(nodes))) => put_nodes(transaction, &ArrayRef::from(root), 0, nodes)?,
        _ => return Err("the version has a root that is nothing known".into()),
    }
    match wants.get("attributes") {
        Some(Value::Object(entries)) => put_entries(transaction, &MapRef::from(root), entries),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
