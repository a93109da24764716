//! XML nodes as text to be read: without markup, formatting and embedded values, each element in lines of its own. Knows no document.

use serde_json::Value;

use super::show::Node;

/// The nodes of a fragment, as [`super::show`] shows them.
pub(super) fn plain(nodes: &Value) -> String {
    let mut plain = Plain { text: String::new(), is_line_due: false };
    plain.nodes(nodes);
    plain.text
}

struct Plain {
    text: String,
    /// Before what comes, where there is something before it.
    is_line_due: bool,
}

impl Plain {
    /// Nested no deeper than documents are shown.
    fn nodes(&mut self, nodes: &Value) {
        for node in nodes.as_array().into_iter().flatten().filter_map(Value::as_object) {
            if let Some(children) = node.get(Node::CHILDREN) {
                self.end_line();
                self.nodes(children);
                self.end_line();
            }
            let pieces = node.get(Node::TEXT).and_then(Value::as_array).into_iter().flatten();
            pieces.filter_map(|piece| piece["insert"].as_str()).for_each(|text| self.write(text));
            if let Some(Value::String(text)) = node.get(Node::VALUE) {
                self.write(text);
            }
        }
    }

    /// Elements that begin or end at one place end one line.
    fn end_line(&mut self) {
        self.is_line_due = !self.text.is_empty();
    }

    fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.is_line_due {
            self.text.push('\n');
            self.is_line_due = false;
        }
        self.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_lines_and_everything_else_is_text() {
        let text = |text: &str| json!({ "text": [{ "insert": text }] });
        for (nodes, expected) in [
            (json!([]), ""),
            (json!([{ "name": "paragraph", "children": [] }]), ""),
            (
                json!([
                    { "name": "heading", "children": [text("Title")], "attributes": { "level": 1 } },
                    { "name": "paragraph", "children": [{ "text": [
                        { "insert": "a " },
                        { "insert": "bold", "attributes": { "bold": {} } },
                        { "insert": { "image": "x" } },
                        { "insert": " word" },
                    ] }] },
                    { "name": "list", "children": [
                        { "name": "item", "children": [{ "name": "paragraph", "children": [text("one")] }] },
                        { "name": "item", "children": [{ "name": "paragraph", "children": [text("two")] }] },
                    ] },
                ]),
                "Title\na bold word\none\ntwo",
            ),
            (json!([text("a"), { "name": "hardBreak", "children": [] }, text("b"), text("c")]), "a\nbc"),
            (json!([{ "children": [text("in")] }, { "value": "bare" }, { "value": 7 }]), "in\nbare"),
        ] {
            assert_eq!(plain(&nodes), expected, "{nodes}");
        }
    }
}
