//! Edits from the server's side: what can be done to a document, one after another. It does them to none.
//!
//! As JSON: `{"op": "text_insert", "root": "body", "index": 0, "text": "Hello"}`. Positions in text are in UTF-16 units, as in Yjs, in which an
//! embedded value counts as one. `path` leads from the root into shared types inside it: keys of maps, places in arrays and among XML nodes. Plain
//! objects and arrays are values: they are set as a whole.
//!
//! Values are what [`View::json_bytes`](super::View::json_bytes) shows, and besides `{"$map": {...}}`, `{"$array": [...]}` and `{"$text": "..."}` (or a
//! delta) for new shared types.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Operations of one edit.
pub const OPERATIONS_MAX: usize = 1_000;

/// One level of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// What a map has under this key.
    Key(String),
    /// What is at this place in an array, or among XML nodes.
    Index(u32),
}

/// One edit. A root that is not there is made; one that is used as another type is not touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Inserts text. Without `attributes` it looks like what stands before it.
    TextInsert {
        /// Name of the root.
        root: String,
        /// From the root to the text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// Where.
        index: u32,
        /// What.
        text: String,
        /// Its formatting, all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attributes: Option<Map<String, Value>>,
    },
    /// Inserts an embedded value, such as `{"image": "..."}`.
    TextEmbed {
        /// Name of the root.
        root: String,
        /// From the root to the text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// Where.
        index: u32,
        /// What: an object.
        value: Map<String, Value>,
        /// Its formatting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attributes: Option<Map<String, Value>>,
    },
    /// Deletes text.
    TextDelete {
        /// Name of the root.
        root: String,
        /// From the root to the text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// From where.
        index: u32,
        /// How much.
        length: u32,
    },
    /// Formats text.
    TextFormat {
        /// Name of the root.
        root: String,
        /// From the root to the text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// From where.
        index: u32,
        /// How much.
        length: u32,
        /// What changes; `null` takes a formatting away.
        attributes: Map<String, Value>,
    },
    /// Deletes text and inserts other in its place.
    TextReplace {
        /// Name of the root.
        root: String,
        /// From the root to the text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// From where.
        index: u32,
        /// How much.
        length: u32,
        /// By what.
        text: String,
        /// Its formatting, all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attributes: Option<Map<String, Value>>,
    },
    /// Sets an entry of a map, or an attribute of an XML element.
    MapSet {
        /// Name of the root.
        root: String,
        /// From the root to the map.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// Which.
        key: String,
        /// To what.
        value: Value,
    },
    /// Deletes an entry of a map, or an attribute of an XML element.
    MapDelete {
        /// Name of the root.
        root: String,
        /// From the root to the map.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// Which; it has to be there.
        key: String,
    },
    /// Inserts into an array, or XML nodes (`{"$xml": ...}`) into an XML type.
    ArrayInsert {
        /// Name of the root.
        root: String,
        /// From the root to the array.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// Where.
        index: u32,
        /// What.
        values: Vec<Value>,
    },
    /// Deletes from an array, or XML nodes.
    ArrayDelete {
        /// Name of the root.
        root: String,
        /// From the root to the array.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// From where.
        index: u32,
        /// How many.
        length: u32,
    },
    /// Deletes from an array and inserts other values in their place; the same with XML nodes.
    ArrayReplace {
        /// Name of the root.
        root: String,
        /// From the root to the array.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        /// From where.
        index: u32,
        /// How many.
        length: u32,
        /// By what.
        values: Vec<Value>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_strictly_and_written_as_they_are_read() {
        for text in [
            r#"{"op":"text_insert","root":"t","index":0,"text":"a"}"#,
            r#"{"op":"text_format","root":"t","path":["a",0],"index":0,"length":1,"attributes":{"bold":null}}"#,
            r#"{"op":"map_set","root":"m","key":"k","value":{"$map":{}}}"#,
            r#"{"op":"array_replace","root":"l","index":0,"length":1,"values":[1,"x"]}"#,
        ] {
            let operation: Operation = serde_json::from_str(text).expect(text);
            let written = serde_json::to_value(&operation).expect("it is JSON");
            assert_eq!(written, serde_json::from_str::<Value>(text).expect(text));
        }
        for text in [
            r#"{"op":"text_insert","root":"t","index":-1,"text":"a"}"#,
            r#"{"op":"text_insert","root":"t","index":0,"text":"a","more":1}"#,
            r#"{"op":"text_insert","root":"t","path":[null],"index":0,"text":"a"}"#,
            r#"{"op":"else","root":"t"}"#,
            r#"{"root":"t"}"#,
        ] {
            assert!(serde_json::from_str::<Operation>(text).is_err(), "{text}");
        }
    }
}
