//! Which type a root has. An update does not say it: whoever opens a root decides, and what stands in it shows.

use std::collections::BTreeMap;

use yrs::branch::{Branch, BranchPtr};
use yrs::types::text::YChange;
use yrs::{Array as _, ArrayRef, Map as _, MapRef, Out, ReadTxn, Text as _, TextRef};

/// What a root is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Empty,
    Text,
    Map,
    Array,
    Xml,
}

impl Kind {
    /// As the outside knows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text => "text",
            Self::Map => "map",
            Self::Array => "array",
            Self::Xml => "xml_fragment",
        }
    }

    /// Text has strings, formats and embedded values, which nothing else has; XML has XML only; whatever else stands in a row is an array's.
    pub(super) fn of(root: BranchPtr, transaction: &impl ReadTxn) -> Self {
        let is_text = TextRef::from(root)
            .diff(transaction, YChange::identity)
            .iter()
            .any(|piece| matches!(piece.insert, Out::Any(_)));
        if is_text {
            return Self::Text;
        }
        let (mut is_empty, mut is_xml) = (true, true);
        for item in ArrayRef::from(root).iter(transaction) {
            is_empty = false;
            is_xml &= matches!(item, Out::YXmlElement(_) | Out::YXmlText(_) | Out::YXmlFragment(_));
        }
        match (is_empty, is_xml) {
            (true, _) if MapRef::from(root).len(transaction) == 0 => Self::Empty,
            (true, _) => Self::Map,
            (false, true) => Self::Xml,
            (false, false) => Self::Array,
        }
    }
}

/// The document's roots by name.
pub(super) fn roots(transaction: &impl ReadTxn) -> BTreeMap<String, BranchPtr> {
    let branch = |(name, root): (&str, Out)| Some((name.to_owned(), BranchPtr::from(root.try_branch()?)));
    transaction.root_refs().filter_map(branch).collect()
}

/// The type itself, whatever it is used as.
pub(super) fn branch(shared: &impl AsRef<Branch>) -> BranchPtr {
    BranchPtr::from(shared.as_ref())
}
