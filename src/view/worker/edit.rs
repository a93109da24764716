//! Operations done to a document, in one transaction. What the library would panic at is refused before.

use std::collections::HashMap;

use serde_json::Value;
use yrs::branch::{BranchID, BranchPtr};
use yrs::types::Attrs;
use yrs::types::text::YChange;
use yrs::{
    Any, Array as _, ArrayRef, Map as _, MapRef, Out, ReadTxn as _, Text as _, TextRef, Transact as _, TransactionMut,
    WriteTxn as _,
};

use super::Refusal;
use super::build::{Slot, attributes, put, put_items, put_nodes};
use super::deep::{Lies, Look};
use super::document::{Deleted, whole};
use super::kind::{Kind, branch};
use super::places::Places;
use super::show::XML;
use super::value::{marker, read};
use crate::view::operation::{Operation, Step};

/// See [`crate::view::View::patch`].
pub(super) fn patch(update: &[u8], operations: &[u8]) -> Result<Vec<u8>, Refusal> {
    let operations: Vec<Operation> = serde_json::from_slice(operations)
        .map_err(|error| Refusal::BadOperation { index: 0, why: format!("operations that nest too deep: {error}") })?;
    let whole = whole(update)?;
    let doc = whole.open(Deleted::Collect)?;
    let mut transaction = doc.transact_mut();
    let mut edit = Edit { transaction: &mut transaction, kinds: HashMap::new(), places: HashMap::new() };
    for (index, operation) in operations.iter().enumerate() {
        edit.apply(operation).map_err(|why| Refusal::BadOperation { index, why })?;
    }
    let made = transaction.encode_update_v1();
    whole.news(&made).ok_or_else(|| Refusal::BadOperation {
        index: operations.len(),
        why: "the edit is none that the document could accept".into(),
    })
}

struct Edit<'a, 'doc> {
    transaction: &'a mut TransactionMut<'doc>,
    /// What roots are used as: what is found at first holds, or is made.
    kinds: HashMap<String, Kind>,
    /// Of each text that was looked at.
    places: HashMap<BranchID, Places>,
}

/// A row of values: of an array, or of XML nodes.
struct Row {
    items: ArrayRef,
    is_xml: bool,
    lies: Lies,
}

impl<'doc> Edit<'_, 'doc> {
    fn apply(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::TextInsert { root, path, index, text, attributes: given } => {
                let (target, lies) = self.text(root, path)?;
                self.places(&target).check(*index, 0)?;
                let given = given.as_ref().map(attributes).transpose()?;
                self.look(&lies, root, path).piece(None, given.as_ref())?;
                self.insert(&target, *index, text, given);
                self.places(&target).replace(*index, 0, text);
                Ok(())
            }
            Operation::TextEmbed { root, path, index, value, attributes: given } => {
                let (target, lies) = self.text(root, path)?;
                self.places(&target).check(*index, 0)?;
                let value = read(&Value::Object(value.clone()))?;
                if !matches!(value, Any::Map(_)) {
                    return Err("an embedded value has to be a plain object".into());
                }
                let given = given.as_ref().map(attributes).transpose()?.unwrap_or_default();
                self.look(&lies, root, path).piece(Some(&Out::Any(value.clone())), Some(&given))?;
                self.places(&target).is_plain &= given.is_empty();
                target.insert_embed_with_attributes(self.transaction, *index, value, given);
                self.places(&target).embed(*index);
                Ok(())
            }
            Operation::TextDelete { root, path, index, length } => {
                let (target, _) = self.text(root, path)?;
                self.places(&target).check(*index, *length)?;
                self.delete(&target, *index, *length);
                self.places(&target).replace(*index, *length, "");
                Ok(())
            }
            Operation::TextFormat { root, path, index, length, attributes: given } => {
                let (target, lies) = self.text(root, path)?;
                self.places(&target).check(*index, *length)?;
                if *length > 0 {
                    let given = attributes(given)?;
                    self.look(&lies, root, path).piece(None, Some(&given))?;
                    self.places(&target).is_plain = false;
                    target.format(self.transaction, *index, *length, given);
                }
                Ok(())
            }
            Operation::TextReplace { root, path, index, length, text, attributes: given } => {
                let (target, lies) = self.text(root, path)?;
                self.places(&target).check(*index, *length)?;
                let given = given.as_ref().map(attributes).transpose()?;
                self.look(&lies, root, path).piece(None, given.as_ref())?;
                let kept = match given {
                    Some(given) => {
                        self.insert(&target, *index, text, Some(given));
                        0
                    }
                    None => self.insert_alike(&target, *index, *length, text),
                };
                let inserted = u32::try_from(text.encode_utf16().count()).map_err(|_| "the text is too long")?;
                self.delete(&target, *index + kept + inserted, *length - kept);
                self.delete(&target, *index, kept);
                self.places(&target).replace(*index, *length, text);
                Ok(())
            }
            Operation::MapSet { root, path, key, value } => {
                let (target, lies) = self.map(root, path)?;
                put(self.transaction, &Slot::Entry(target.clone(), key.as_str().into()), value)?;
                self.look(&lies, root, path).entry(&target, key)
            }
            Operation::MapDelete { root, path, key } => {
                let (target, _) = self.map(root, path)?;
                if !target.contains_key(self.transaction, key) {
                    return Err(format!("there is no entry {key:?}"));
                }
                target.remove(self.transaction, key);
                Ok(())
            }
            Operation::ArrayInsert { root, path, index, values } => {
                let row = self.row(root, path, values)?;
                self.check_row(&row, *index, 0)?;
                self.insert_row(&row, *index, values)?;
                self.look(&row.lies, root, path).row(&row.items, row.is_xml, *index, values)
            }
            Operation::ArrayDelete { root, path, index, length } => {
                let row = self.row(root, path, &[])?;
                self.check_row(&row, *index, *length)?;
                self.delete_row(&row, *index, *length);
                Ok(())
            }
            Operation::ArrayReplace { root, path, index, length, values } => {
                let row = self.row(root, path, values)?;
                self.check_row(&row, *index, *length)?;
                self.delete_row(&row, *index, *length);
                self.insert_row(&row, *index, values)?;
                self.look(&row.lies, root, path).row(&row.items, row.is_xml, *index, values)
            }
        }
    }

    fn look<'a>(&'a self, lies: &'a Lies, root: &'a str, path: &'a [Step]) -> Look<'a, 'doc> {
        Look { transaction: self.transaction, lies, root, path }
    }

    fn insert(&mut self, text: &TextRef, index: u32, content: &str, given: Option<Attrs>) {
        match given {
            Some(given) => {
                self.places(text).is_plain &= given.is_empty();
                text.insert_with_attributes(self.transaction, index, content, given);
            }
            None => text.insert(self.transaction, index, content),
        }
    }

    /// Inserts what is to replace so many units, with the formatting of the first character of them. Says how many of them are before it.
    ///
    /// What others insert beside these units at the same time is to be beside their replacement too, so it is put before the last character.
    fn insert_alike(&mut self, text: &TextRef, index: u32, length: u32, content: &str) -> u32 {
        let places = self.places(text);
        let first = if places.is_half(index + 1) { 2 } else { 1 };
        if content.is_empty() {
            return 0;
        }
        if length > first {
            text.insert(self.transaction, index + first, content);
            return first;
        }
        if length == 0 || places.is_plain {
            text.insert(self.transaction, index, content);
            return 0;
        }
        let mut end = 0;
        let pieces = text.diff(self.transaction, YChange::identity);
        let piece = pieces.into_iter().find(|piece| {
            let Out::Any(Any::String(content)) = &piece.insert else {
                end += 1;
                return end > index as usize;
            };
            end += content.encode_utf16().count();
            end > index as usize
        });
        let attributes = piece.and_then(|piece| piece.attributes).map(|attributes| *attributes).unwrap_or_default();
        text.insert_with_attributes(self.transaction, index, content, attributes);
        0
    }

    fn delete(&mut self, text: &TextRef, index: u32, length: u32) {
        if length > 0 {
            text.remove_range(self.transaction, index, length);
        }
    }

    /// Where its characters are. It is read only once.
    fn places(&mut self, text: &TextRef) -> &mut Places {
        let Self { transaction, places, .. } = self;
        places.entry(branch(text).id()).or_insert_with(|| {
            let pieces = text.diff(*transaction, YChange::identity);
            let is_plain = pieces.iter().all(|piece| piece.attributes.is_none());
            let contents = pieces.iter().map(|piece| {
                let Out::Any(Any::String(content)) = &piece.insert else { return None };
                Some(&**content)
            });
            Places::of(contents, is_plain)
        })
    }

    fn check_row(&self, row: &Row, index: u32, length: u32) -> Result<(), String> {
        let there = row.items.len(self.transaction);
        let end = index.checked_add(length).ok_or("the end is beyond all numbers")?;
        if end <= there { Ok(()) } else { Err(format!("there are {there} values")) }
    }

    fn insert_row(&mut self, row: &Row, index: u32, values: &[Value]) -> Result<(), String> {
        if !row.is_xml {
            return put_items(self.transaction, &row.items, index, values);
        }
        let nodes: Option<Vec<Value>> = values.iter().map(|value| node(value).cloned()).collect();
        let nodes = nodes.ok_or("among XML nodes there are XML nodes only ($xml)")?;
        put_nodes(self.transaction, &row.items, index, &nodes)
    }

    fn delete_row(&mut self, row: &Row, index: u32, length: u32) {
        if length > 0 {
            row.items.remove_range(self.transaction, index, length);
        }
    }

    fn text(&mut self, root: &str, path: &[Step]) -> Result<(TextRef, Lies), String> {
        if path.is_empty() {
            self.used_as(root, Kind::Text, &[Kind::Text])?;
            return Ok((self.transaction.get_or_insert_text(root), Lies::Root));
        }
        let (found, lies) = self.walk(root, path)?;
        match found {
            Out::YText(text) => Ok((text, lies)),
            Out::YXmlText(text) => Ok((AsRef::<TextRef>::as_ref(&text).clone(), lies)),
            other => Err(format!("there is no text, but {}", what(&other))),
        }
    }

    fn map(&mut self, root: &str, path: &[Step]) -> Result<(MapRef, Lies), String> {
        if path.is_empty() {
            self.used_as(root, Kind::Map, &[Kind::Map])?;
            return Ok((self.transaction.get_or_insert_map(root), Lies::Root));
        }
        let (found, lies) = self.walk(root, path)?;
        match found {
            Out::YMap(map) => Ok((map, lies)),
            Out::YXmlElement(element) => Ok((MapRef::from(branch(&element)), lies)),
            Out::YXmlText(text) => Ok((MapRef::from(branch(&text)), lies)),
            other => Err(format!("there is no map, but {}", what(&other))),
        }
    }

    /// What is to be inserted says what a root is made as.
    fn row(&mut self, root: &str, path: &[Step], values: &[Value]) -> Result<Row, String> {
        if path.is_empty() {
            let wanted =
                if values.first().is_some_and(|value| node(value).is_some()) { Kind::Xml } else { Kind::Array };
            let is_xml = self.used_as(root, wanted, &[Kind::Array, Kind::Xml])? == Kind::Xml;
            let root = match is_xml {
                true => branch(&self.transaction.get_or_insert_xml_fragment(root)),
                false => branch(&self.transaction.get_or_insert_array(root)),
            };
            return Ok(Row { items: ArrayRef::from(root), is_xml, lies: Lies::Root });
        }
        let (found, lies) = self.walk(root, path)?;
        match found {
            Out::YArray(items) => Ok(Row { items, is_xml: false, lies }),
            Out::YXmlElement(element) => Ok(Row { items: ArrayRef::from(branch(&element)), is_xml: true, lies }),
            Out::YXmlFragment(fragment) => Ok(Row { items: ArrayRef::from(branch(&fragment)), is_xml: true, lies }),
            other => Err(format!("there is no array, but {}", what(&other))),
        }
    }

    /// What the root is; what is wanted where it is nothing yet.
    fn used_as(&mut self, root: &str, wanted: Kind, allowed: &[Kind]) -> Result<Kind, String> {
        let found = self.found(root);
        let kind = if found == Kind::Empty { wanted } else { found };
        if !allowed.contains(&kind) {
            return Err(format!("the root {root:?} is used as {}", kind.name()));
        }
        self.kinds.insert(root.to_owned(), kind);
        Ok(kind)
    }

    fn found(&self, root: &str) -> Kind {
        match self.kinds.get(root) {
            Some(&kind) => kind,
            None => self.root(root).map_or(Kind::Empty, |branch| Kind::of(branch, self.transaction)),
        }
    }

    fn root(&self, name: &str) -> Option<BranchPtr> {
        let root = self.transaction.get(name)?;
        Some(BranchPtr::from(root.try_branch()?))
    }

    /// What the path leads to.
    fn walk(&mut self, name: &str, path: &[Step]) -> Result<(Out, Lies), String> {
        let root = self.root(name).ok_or_else(|| format!("there is no root {name:?}"))?;
        let mut here: Option<Out> = None;
        let mut lies = Lies::Root;
        for (level, step) in path.iter().enumerate() {
            let branch = match &here {
                None => root,
                Some(out) => BranchPtr::from(out.try_branch().ok_or_else(|| {
                    format!("the path ends at level {level}: there is {}, which is set as a whole", what(out))
                })?),
            };
            let next = match step {
                Step::Key(key) => MapRef::from(branch).get(self.transaction, key),
                Step::Index(index) if *index < ArrayRef::from(branch).len(self.transaction) => {
                    ArrayRef::from(branch).get(self.transaction, *index)
                }
                Step::Index(_) => None,
            };
            let next = next.ok_or_else(|| format!("the path ends at level {level}: there is nothing"))?;
            let kind = lies.kind().unwrap_or_else(|| {
                let kind = self.found(name);
                // Looked for once: what leads into a root finds something in it.
                self.kinds.insert(name.to_owned(), kind);
                kind
            });
            lies = lies.inner(next.clone(), kind, step, self.transaction);
            here = Some(next);
        }
        Ok((here.expect("paths that are empty are not walked"), lies))
    }
}

/// What stands in `$xml`.
fn node(value: &Value) -> Option<&Value> {
    marker(value.as_object()?).filter(|(marker, _)| *marker == XML).map(|(_, node)| node)
}

fn what(out: &Out) -> &'static str {
    match out {
        Out::Any(_) => "a plain value",
        Out::YText(_) => "a text",
        Out::YArray(_) => "an array",
        Out::YMap(_) => "a map",
        Out::YXmlElement(_) => "an XML element",
        Out::YXmlFragment(_) => "an XML fragment",
        Out::YXmlText(_) => "an XML text",
        Out::YDoc(_) => "a document",
        Out::UndefinedRef(_) => "a type that is not known",
    }
}
