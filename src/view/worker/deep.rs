//! How deep in a document something lies that an operation puts there, as deep as it is shown: what could not be shown again is not put in.

use serde_json::Value;
use yrs::types::Attrs;
use yrs::{Array as _, ArrayRef, Map as _, MapRef, Out, ReadTxn, TransactionMut};

use super::kind::Kind;
use super::show::{Deep, Form, Show};
use super::value::{TooDeep, deeper, is_ambiguous};
use crate::view::DEPTH_MAX;
use crate::view::operation::Step;

/// Of what is in a root.
const IN_ROOT: usize = 3;

/// How much of a path is said again.
const SAID_CHARACTERS_MAX: usize = 200;

/// Where a shared type lies.
pub(super) enum Lies {
    Root,
    Within {
        shared: Out,
        depth: usize,
        /// It is shown as an XML node, and not as a value that is XML.
        is_node: bool,
    },
}

impl Lies {
    /// What is in it, as the value, the entry or the node at this step.
    pub(super) fn inner(&self, next: Out, kind: Kind, step: &Step, transaction: &impl ReadTxn) -> Self {
        let is_place = matches!(step, Step::Index(_));
        let depth = self.inside(transaction) + usize::from(is_place && kind == Kind::Text);
        Self::Within { shared: next, depth, is_node: is_place && kind == Kind::Xml }
    }

    /// What it is used as; a root does not say it.
    pub(super) fn kind(&self) -> Option<Kind> {
        let Self::Within { shared, .. } = self else { return None };
        Some(match shared {
            Out::YText(_) | Out::YXmlText(_) => Kind::Text,
            Out::YXmlElement(_) | Out::YXmlFragment(_) => Kind::Xml,
            Out::YArray(_) => Kind::Array,
            Out::YMap(_) | Out::UndefinedRef(_) => Kind::Map,
            Out::Any(_) | Out::YDoc(_) => Kind::Empty,
        })
    }

    /// How deep its entries, values and nodes lie, and the pieces of a text.
    fn inside(&self, transaction: &impl ReadTxn) -> usize {
        let Self::Within { shared, depth, is_node } = self else { return IN_ROOT };
        let is_wrapped = match shared {
            Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YXmlText(_) => !is_node,
            Out::Any(_) | Out::YText(_) | Out::YArray(_) | Out::YMap(_) | Out::YDoc(_) | Out::UndefinedRef(_) => {
                *is_node
            }
        };
        let is_ambiguous = match shared {
            Out::YMap(map) => is_ambiguous(map.len(transaction) as usize, map.keys(transaction).next()),
            Out::Any(_)
            | Out::YText(_)
            | Out::YArray(_)
            | Out::YXmlElement(_)
            | Out::YXmlFragment(_)
            | Out::YXmlText(_)
            | Out::YDoc(_)
            | Out::UndefinedRef(_) => false,
        };
        depth + 2 + usize::from(is_wrapped) + usize::from(is_ambiguous)
    }
}

/// Looks at what was put into a shared type.
pub(super) struct Look<'a, 'doc> {
    pub(super) transaction: &'a TransactionMut<'doc>,
    pub(super) lies: &'a Lies,
    /// Of the shared type, for people.
    pub(super) root: &'a str,
    pub(super) path: &'a [Step],
}

impl<'doc> Look<'_, 'doc> {
    /// At an entry of a map.
    pub(super) fn entry(&self, map: &MapRef, key: &str) -> Result<(), String> {
        let put = map.get(self.transaction, key).expect("it was put there");
        self.check(self.show().out(&put, self.inside()), Some(Step::Key(key.to_owned())))
    }

    /// At so many values or nodes in a row.
    pub(super) fn row(&self, items: &ArrayRef, is_xml: bool, index: u32, values: &[Value]) -> Result<(), String> {
        let depth = self.inside();
        // Rows are long, and mostly flat: to look for what was put there takes longer than to put it there.
        if depth + values.iter().map(levels_at_most).max().unwrap_or(0) <= DEPTH_MAX {
            return Ok(());
        }
        let put = items.iter(self.transaction).skip(index as usize).take(values.len());
        put.zip(index..).try_for_each(|(item, at)| {
            let shown = if is_xml { self.show().node(&item, depth) } else { self.show().out(&item, depth) };
            self.check(shown, Some(Step::Index(at)))
        })
    }

    /// At a piece of text with a value in it, and formatting.
    pub(super) fn piece(&self, embedded: Option<&Out>, attributes: Option<&Attrs>) -> Result<(), String> {
        let depth = self.inside();
        let content = deeper(depth).and_then(|depth| match embedded {
            Some(embedded) => self.show().out(embedded, depth),
            None => Ok(Value::Null),
        });
        self.check(content, None)?;
        match attributes {
            Some(attributes) => self.check(self.show().attributes(attributes, depth), None),
            None => Ok(()),
        }
    }

    /// Nothing that takes more levels than this is shown anywhere.
    fn show(&self) -> Show<'_, TransactionMut<'doc>> {
        Show { transaction: self.transaction, form: Form::Exact, deep: Deep::Refuse }
    }

    fn inside(&self) -> usize {
        self.lies.inside(self.transaction)
    }

    fn check(&self, shown: Result<Value, TooDeep>, step: Option<Step>) -> Result<(), String> {
        let Err(TooDeep) = shown else { return Ok(()) };
        let path: Vec<&Step> = self.path.iter().chain(&step).collect();
        let path = serde_json::to_string(&(self.root, path)).expect("names and numbers are JSON");
        let said: String = path.chars().take(SAID_CHARACTERS_MAX).collect();
        let more = if said.len() < path.len() { "…" } else { "" };
        Err(format!("the document's values would lie more than {DEPTH_MAX} levels deep, at {said}{more}"))
    }
}

/// As how many levels a value of an operation is shown, or more. What takes more of them than it has itself are maps (three for two) and a text
/// that is a string (three for one).
fn levels_at_most(value: &Value) -> usize {
    fn levels(value: &Value) -> usize {
        let inner = match value {
            Value::Array(values) => values.iter().map(levels).max(),
            Value::Object(entries) => entries.values().map(levels).max(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
        };
        1 + inner.unwrap_or(0)
    }
    2 * levels(value) + 4
}
