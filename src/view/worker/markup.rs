//! XML nodes as markup, as Yjs's `toString` writes them: attributes in order of their names, nothing escaped. Of what is embedded in a text nothing
//! is written.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::show::Node;

/// The nodes of a fragment, as [`super::show`] shows them.
pub(super) fn markup(nodes: &Value) -> String {
    let mut written = String::new();
    write_nodes(&mut written, nodes);
    written
}

/// Nested no deeper than documents are shown.
fn write_nodes(written: &mut String, nodes: &Value) {
    for node in nodes.as_array().into_iter().flatten().filter_map(Value::as_object) {
        match (node.get(Node::NAME), node.get(Node::CHILDREN), node.get(Node::TEXT)) {
            (Some(Value::String(name)), Some(children), _) => {
                let name = name.to_lowercase();
                begin(written, &name, node.get(Node::ATTRIBUTES).and_then(Value::as_object));
                write_nodes(written, children);
                end(written, &name);
            }
            (_, Some(children), _) => write_nodes(written, children),
            (_, _, Some(delta)) => write_text(written, delta),
            (_, None, None) => write_value(written, node.get(Node::VALUE).unwrap_or(&Value::Null)),
        }
    }
}

/// Formatting is an element around the text, and what it is by its attributes, where that is an object.
fn write_text(written: &mut String, delta: &Value) {
    for piece in delta.as_array().into_iter().flatten() {
        let Some(text) = piece["insert"].as_str() else { continue };
        let elements = || piece[Node::ATTRIBUTES].as_object().into_iter().flatten();
        elements().for_each(|(name, attributes)| begin(written, name, attributes.as_object()));
        written.push_str(text);
        elements().rev().for_each(|(name, _)| end(written, name));
    }
}

fn begin(written: &mut String, name: &str, attributes: Option<&Map<String, Value>>) {
    written.push('<');
    written.push_str(name);
    for (name, value) in attributes.into_iter().flatten() {
        written.push(' ');
        written.push_str(name);
        written.push_str("=\"");
        write_value(written, value);
        written.push('"');
    }
    written.push('>');
}

fn end(written: &mut String, name: &str) {
    written.push_str("</");
    written.push_str(name);
    written.push('>');
}

fn write_value(written: &mut String, value: &Value) {
    match value {
        Value::String(text) => written.push_str(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            write!(written, "{value}").expect("a string takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_are_written_as_yjs_writes_them() {
        for (nodes, expected) in [
            (json!([]), ""),
            (json!([{ "name": "bulletList", "children": [] }]), "<bulletlist></bulletlist>"),
            (
                json!([{ "name": "p", "children": [{ "text": [{ "insert": "a < b" }] }], "attributes": { "z": "1", "a": 2, "m": true } }]),
                "<p a=\"2\" m=\"true\" z=\"1\">a < b</p>",
            ),
            (
                json!([{ "text": [
                    { "insert": "plain " },
                    { "insert": "both", "attributes": { "strong": {}, "a": { "title": "t", "href": "h" } } },
                    { "insert": { "image": "x" } },
                    { "insert": " red", "attributes": { "color": "red" } },
                ] }]),
                "plain <a href=\"h\" title=\"t\"><strong>both</strong></a><color> red</color>",
            ),
            (
                json!([{ "children": [{ "text": [{ "insert": "in" }] }] }, { "value": "bare" }, { "value": 7 }]),
                "inbare7",
            ),
        ] {
            assert_eq!(markup(&nodes), expected, "{nodes}");
        }
    }
}
