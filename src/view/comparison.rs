//! What changed between two states of a document, for people and programs. Knows neither state.

use serde::Serialize;
use serde_json::{Map, Value};

use super::operation::Step;

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Who wrote since. A client id is what a client says it is, and is another each time a page is opened; who deleted, Yjs does not record.
    pub clients: Vec<ClientChange>,
    /// Units (characters, values) deleted since, those included that came and went in between.
    pub deleted: u64,
    /// Roots whose content differs, by name.
    pub roots: Vec<RootChange>,
}

/// What one client wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClientChange {
    /// Its id.
    pub client: u64,
    /// Units (characters, values, formats) written since, those included that are deleted again.
    pub inserted: u64,
}

/// What became of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RootState {
    /// There was nothing in it before.
    Added,
    /// There is nothing in it now.
    Removed,
    /// It has other content, or is used as another type.
    Changed,
}

/// One root whose content differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RootChange {
    /// Its name.
    pub root: String,
    /// As in [`View::json_bytes`](super::View::json_bytes); that of now, unless it is empty now.
    pub r#type: String,
    /// What became of it.
    pub state: RootState,
    /// Who wrote in it since.
    pub clients: Vec<u64>,
    /// Of a text: what makes the one before the one after, in order. Empty for other types.
    pub text: Vec<Piece>,
    /// Of other types: what differs, and where.
    pub values: Vec<ValueChange>,
}

/// Of text that was kept, so much is shown as it is; of more, half of it at each end.
pub const RETAINED_CHARACTERS_MAX: usize = 80;

/// A part of a text. Its first key says what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Piece {
    /// It is as before.
    Retain {
        /// So many UTF-16 units.
        retain: u64,
        /// What it says, for showing: of more than [`RETAINED_CHARACTERS_MAX`] characters both ends with "…" between, and "\u{fffc}" for an
        /// embedded value.
        text: String,
    },
    /// It is new.
    Insert {
        /// What.
        insert: Content,
    },
    /// It is gone.
    Delete {
        /// What.
        delete: Content,
    },
}

/// What is in a piece.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Content {
    /// Text, or an embedded value.
    pub value: Value,
    /// Its formatting.
    pub attributes: Map<String, Value>,
}

/// One place where two states differ. Done one after another, changes make the one state the other: places are those after the changes before.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueChange {
    /// A value is another one. Nothing where there is none.
    Set {
        /// From the root to the value.
        path: Vec<Step>,
        /// What was there.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Value>,
        /// What is there.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Value>,
    },
    /// Values in a row are others.
    Splice {
        /// From the root to the array.
        path: Vec<Step>,
        /// Where in it.
        index: u32,
        /// What stood there.
        removed: Vec<Value>,
        /// What stands there.
        inserted: Vec<Value>,
    },
    /// A text inside of others has changed.
    Text {
        /// From the root to the text.
        path: Vec<Step>,
        /// What makes the one before the one after, in order.
        pieces: Vec<Piece>,
    },
}
