//! Documents as JSON and as text. Changes nothing.

use serde_json::{Map, Value, json};
use yrs::branch::BranchPtr;
use yrs::types::text::{Diff, YChange};
use yrs::types::{Attrs, TypeRef};
use yrs::{
    Any, Array as _, ArrayRef, GetString as _, Map as _, MapRef, Out, ReadTxn, Text as _, TextRef, Transact as _,
    XmlElementRef, XmlFragmentRef,
};

use super::Refusal;
use super::document::{Deleted, whole};
use super::kind::{Kind, roots};
use super::markup::markup;
use super::plain::plain;
use super::value::{self, TooDeep, deeper};
use crate::view::Size;

pub(super) const MAP: &str = "$map";
pub(super) const ARRAY: &str = "$array";
pub(super) const TEXT: &str = "$text";
pub(super) const XML: &str = "$xml";
pub(super) const DOCUMENT: &str = "$document";
/// An embedded value that is no object.
pub(super) const VALUE: &str = "$value";

/// Where a root of XML has its nodes.
pub(super) const NODES: &str = "nodes";

/// The keys of an XML node.
pub(super) struct Node;

impl Node {
    pub(super) const NAME: &str = "name";
    pub(super) const ATTRIBUTES: &str = "attributes";
    pub(super) const CHILDREN: &str = "children";
    pub(super) const TEXT: &str = "text";
    pub(super) const VALUE: &str = "value";
}

/// How shared types inside others are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Like plain values, as `toJSON` does.
    Plain,
    /// Marked, so that they could be made again.
    Exact,
}

/// What happens where values lie too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deep {
    /// Nothing is shown.
    Refuse,
    /// What lies deeper is left out, and marked.
    Cut,
}

impl From<TooDeep> for Refusal {
    fn from(_: TooDeep) -> Self {
        Self::TooLarge(Size::Depth)
    }
}

/// See [`crate::view::View::json_bytes`].
pub(super) fn json(update: &[u8], bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let doc = whole(update)?.open(Deleted::Collect)?;
    let transaction = doc.transact();
    let mut shown = Map::new();
    for (name, root) in roots(&transaction) {
        shown.insert(name, described(root, &transaction)?);
    }
    let mut answer = Vec::new();
    serde_json::to_writer(Within { bytes: &mut answer, bytes_max }, &json!({ "roots": shown }))
        .map_err(|_| Refusal::TooLarge(Size::Answer))?;
    Ok(answer)
}

/// Text that is not written beyond a bound.
pub(super) struct Within<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) bytes_max: usize,
}

impl std::io::Write for Within<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// See [`crate::view::View::text`].
pub(super) fn text(update: &[u8], root: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let doc = whole(update)?.open(Deleted::Collect)?;
    let transaction = doc.transact();
    let roots = roots(&transaction);
    let Some(name) = root else {
        let mut texts = Vec::new();
        for &root in roots.values() {
            match Kind::of(root, &transaction) {
                Kind::Text => texts.push(TextRef::from(root).get_string(&transaction)),
                Kind::Xml => texts.push(plain(&Show::plain(&transaction).fragment(root)?)),
                Kind::Map | Kind::Array | Kind::Empty => {}
            }
        }
        return Ok(texts.join("\n").into());
    };
    let &root = roots.get(name).ok_or(Refusal::NoSuchRoot)?;
    match Kind::of(root, &transaction) {
        Kind::Text => Ok(TextRef::from(root).get_string(&transaction).into()),
        Kind::Xml => Ok(markup(&Show::plain(&transaction).fragment(root)?).into()),
        Kind::Empty => Ok(Vec::new()),
        Kind::Map | Kind::Array => Err(Refusal::NoSuchRoot),
    }
}

/// A root with everything that is known of it.
pub(super) fn described(root: BranchPtr, transaction: &impl ReadTxn) -> Result<Value, Refusal> {
    let kind = Kind::of(root, transaction);
    let mut described = exact(root, kind, Form::Plain, Deep::Refuse, transaction)?;
    let object = described.as_object_mut().expect("it is made as one");
    match kind {
        Kind::Text => {
            object.insert("value".into(), TextRef::from(root).get_string(transaction).into());
        }
        Kind::Xml => {
            let written = markup(&object[NODES]);
            object.insert("value".into(), written.into());
        }
        Kind::Map | Kind::Array | Kind::Empty => {}
    }
    Ok(described)
}

/// A root with nothing lost, and nothing twice.
pub(super) fn exact(
    root: BranchPtr,
    kind: Kind,
    form: Form,
    deep: Deep,
    transaction: &impl ReadTxn,
) -> Result<Value, TooDeep> {
    let show = Show { transaction, form, deep };
    let mut object = Map::from_iter([("type".to_owned(), Value::from(kind.name()))]);
    let (key, value) = match kind {
        Kind::Empty => return Ok(Value::Object(object)),
        Kind::Map => ("value", Value::Object(show.entries(&MapRef::from(root), 2)?)),
        Kind::Array => ("value", show.items(&ArrayRef::from(root), 2)?),
        Kind::Text => ("delta", show.delta(&TextRef::from(root), 2)?),
        Kind::Xml => (NODES, show.fragment(root)?),
    };
    object.insert(key.into(), value);
    if kind != Kind::Map && MapRef::from(root).len(transaction) > 0 {
        object.insert("attributes".into(), Value::Object(show.entries(&MapRef::from(root), 2)?));
    }
    Ok(Value::Object(object))
}

pub(super) struct Show<'a, T> {
    pub(super) transaction: &'a T,
    pub(super) form: Form,
    pub(super) deep: Deep,
}

impl<'a, T: ReadTxn> Show<'a, T> {
    fn plain(transaction: &'a T) -> Self {
        Self { transaction, form: Form::Plain, deep: Deep::Refuse }
    }

    /// What was shown, or what stands in its place.
    fn or_cut(&self, shown: Result<Value, TooDeep>) -> Result<Value, TooDeep> {
        match (shown, self.deep) {
            (Err(TooDeep), Deep::Cut) => Ok(value::cut()),
            (shown, Deep::Cut | Deep::Refuse) => shown,
        }
    }

    /// The nodes of a root.
    fn fragment(&self, root: BranchPtr) -> Result<Value, TooDeep> {
        self.nodes(&XmlFragmentRef::from(root), 2)
    }

    pub(super) fn out(&self, out: &Out, depth: usize) -> Result<Value, TooDeep> {
        self.or_cut(self.whole_out(out, depth))
    }

    fn whole_out(&self, out: &Out, depth: usize) -> Result<Value, TooDeep> {
        Ok(match out {
            Out::Any(any) => value::show(any, depth)?,
            Out::YText(text) => self.text(text, depth)?,
            Out::YArray(array) => self.marked(ARRAY, self.items(array, deeper(depth)?)?),
            Out::YMap(map) => self.map(map, depth)?,
            Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YXmlText(_) => {
                json!({ XML: self.node(out, deeper(depth)?)? })
            }
            Out::YDoc(doc) => json!({ DOCUMENT: doc.guid().to_string() }),
            // Yjs's XmlHook: entries, and a name that the library does not keep.
            Out::UndefinedRef(branch) => self.map(&MapRef::from(*branch), depth)?,
        })
    }

    fn marked(&self, marker: &str, value: Value) -> Value {
        match self.form {
            Form::Plain => value,
            Form::Exact => json!({ marker: value }),
        }
    }

    fn map(&self, map: &MapRef, mut depth: usize) -> Result<Value, TooDeep> {
        if value::is_ambiguous(map.len(self.transaction) as usize, map.keys(self.transaction).next()) {
            depth = deeper(depth)?;
        }
        let entries = self.entries(map, deeper(depth)?)?;
        Ok(match self.form {
            Form::Plain => value::object(entries),
            Form::Exact => json!({ MAP: entries }),
        })
    }

    fn entries(&self, map: &MapRef, depth: usize) -> Result<Map<String, Value>, TooDeep> {
        let depth = deeper(depth)?;
        map.iter(self.transaction).map(|(key, value)| Ok((key.to_owned(), self.out(&value, depth)?))).collect()
    }

    fn items(&self, array: &ArrayRef, depth: usize) -> Result<Value, TooDeep> {
        let depth = deeper(depth)?;
        array.iter(self.transaction).map(|item| self.out(&item, depth)).collect()
    }

    /// Plain text is a string, unless everything is marked.
    fn text(&self, text: &TextRef, depth: usize) -> Result<Value, TooDeep> {
        let pieces = text.diff(self.transaction, YChange::identity);
        let is_plain =
            |piece: &Diff<YChange>| piece.attributes.is_none() && matches!(piece.insert, Out::Any(Any::String(_)));
        if self.form == Form::Plain && pieces.iter().all(is_plain) {
            return Ok(text.get_string(self.transaction).into());
        }
        Ok(json!({ TEXT: self.delta(text, deeper(depth)?)? }))
    }

    fn delta(&self, text: &TextRef, depth: usize) -> Result<Value, TooDeep> {
        let depth = deeper(depth)?;
        let mut pieces: Vec<Value> = Vec::new();
        for piece in text.diff(self.transaction, YChange::identity) {
            let mut shown = Map::from_iter([("insert".to_owned(), self.or_cut(self.insert(&piece.insert, depth))?)]);
            if let Some(attributes) = piece.attributes.filter(|attributes| !attributes.is_empty()) {
                shown.insert("attributes".into(), self.attributes(&attributes, depth)?);
            }
            // How text was written is not seen: neighbours that look the same are one.
            match pieces.last_mut().and_then(Value::as_object_mut) {
                Some(last) if last.get("attributes") == shown.get("attributes") => {
                    if let (Some(Value::String(text)), Some(Value::String(more))) =
                        (last.get_mut("insert"), shown.get("insert"))
                    {
                        text.push_str(more);
                        continue;
                    }
                    pieces.push(shown.into());
                }
                Some(_) | None => pieces.push(shown.into()),
            }
        }
        Ok(pieces.into())
    }

    /// What is embedded is an object, so that it is not taken for text.
    fn insert(&self, insert: &Out, depth: usize) -> Result<Value, TooDeep> {
        let depth = deeper(depth)?;
        Ok(match insert {
            Out::Any(Any::String(text)) => Value::from(&**text),
            Out::Any(any) => {
                let shown = value::show(any, depth)?;
                if shown.is_object() { shown } else { json!({ VALUE: shown }) }
            }
            Out::YText(_) | Out::YArray(_) | Out::YMap(_) => {
                Show { transaction: self.transaction, form: Form::Exact, deep: self.deep }.out(insert, depth)?
            }
            Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YXmlText(_) | Out::YDoc(_) | Out::UndefinedRef(_) => {
                self.out(insert, depth)?
            }
        })
    }

    fn nodes(&self, fragment: &XmlFragmentRef, depth: usize) -> Result<Value, TooDeep> {
        let depth = deeper(depth)?;
        let children: &ArrayRef = fragment.as_ref();
        children.iter(self.transaction).map(|child| self.node(&child, depth)).collect()
    }

    /// `{"name", "attributes", "children"}`, `{"text", "attributes"}`, `{"children"}`, or `{"value"}` of what is no XML.
    pub(super) fn node(&self, node: &Out, depth: usize) -> Result<Value, TooDeep> {
        self.or_cut(self.whole_node(node, depth))
    }

    fn whole_node(&self, node: &Out, depth: usize) -> Result<Value, TooDeep> {
        let depth = deeper(depth)?;
        let mut shown = Map::new();
        let attributes = match node {
            Out::YXmlElement(element) => {
                shown.insert(Node::NAME.into(), name(element).into());
                shown.insert(Node::CHILDREN.into(), self.nodes(element.as_ref(), depth)?);
                Some(branch_of(node))
            }
            Out::YXmlText(text) => {
                shown.insert(Node::TEXT.into(), self.delta(text.as_ref(), depth)?);
                Some(branch_of(node))
            }
            Out::YXmlFragment(fragment) => {
                shown.insert(Node::CHILDREN.into(), self.nodes(fragment, depth)?);
                None
            }
            Out::Any(_) | Out::YText(_) | Out::YArray(_) | Out::YMap(_) | Out::YDoc(_) | Out::UndefinedRef(_) => {
                shown.insert(Node::VALUE.into(), self.out(node, depth)?);
                None
            }
        };
        if let Some(branch) = attributes {
            let entries = self.entries(&MapRef::from(branch), depth)?;
            if !entries.is_empty() {
                shown.insert(Node::ATTRIBUTES.into(), entries.into());
            }
        }
        Ok(shown.into())
    }

    /// Formatting.
    pub(super) fn attributes(&self, attributes: &Attrs, depth: usize) -> Result<Value, TooDeep> {
        let depth = deeper(depth)?;
        let shown = attributes.iter().map(|(key, value)| {
            let shown = self.or_cut(value::show(value, depth))?;
            Ok((key.to_string(), shown))
        });
        Ok(Value::Object(shown.collect::<Result<_, TooDeep>>()?))
    }
}

fn branch_of(node: &Out) -> BranchPtr {
    BranchPtr::from(node.try_branch().expect("shared types have one"))
}

fn name(element: &XmlElementRef) -> &str {
    let branch: &yrs::branch::Branch = element.as_ref();
    match branch.type_ref() {
        TypeRef::XmlElement(name) => name,
        TypeRef::Array
        | TypeRef::Map
        | TypeRef::Text
        | TypeRef::XmlFragment
        | TypeRef::XmlHook
        | TypeRef::XmlText
        | TypeRef::SubDoc
        | TypeRef::Undefined => "",
    }
}
