//! What makes one shown value another. Knows JSON only, and no document.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::pieces::pieces;
use super::script::{Edit, script};
use super::show::{NODES, Node, TEXT};
use crate::view::comparison::ValueChange;
use crate::view::operation::Step;

/// What makes one root another, both as they are shown.
pub(super) fn values(before: Option<&Value>, after: Option<&Value>) -> Vec<ValueChange> {
    let is_of_one_type = |(before, after): (&Value, &Value)| before["type"] == after["type"];
    if !before.zip(after).is_none_or(is_of_one_type) {
        return vec![ValueChange::Set { path: Vec::new(), before: before.cloned(), after: after.cloned() }];
    }
    let mut changes = Changes { path: Vec::new(), are_nodes: false, changes: Vec::new() };
    for key in ["value", NODES, "delta"] {
        let part = |shown: Option<&Value>| shown.and_then(|shown| shown.get(key)).cloned();
        changes.are_nodes = key == NODES;
        changes.parts(part(before), part(after));
    }
    changes.are_nodes = false;
    let attributes = |shown: Option<&Value>| shown.and_then(|shown| shown.get("attributes")).cloned();
    changes.path.push(Step::Key("attributes".into()));
    changes.parts(attributes(before), attributes(after));
    changes.changes
}

struct Changes {
    path: Vec<Step>,
    /// It is compared what a root of XML has.
    are_nodes: bool,
    changes: Vec<ValueChange>,
}

impl Changes {
    /// Where there is nothing on one side, there is an empty one of what is on the other.
    fn parts(&mut self, before: Option<Value>, after: Option<Value>) {
        let empty = |like: &Value| if like.is_array() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
        match (before, after) {
            (None, None) => {}
            (Some(before), None) => self.between(&before, &empty(&before)),
            (None, Some(after)) => self.between(&empty(&after), &after),
            (Some(before), Some(after)) => self.between(&before, &after),
        }
    }

    fn between(&mut self, before: &Value, after: &Value) {
        match (before, after) {
            (before, after) if before == after => {}
            (Value::Object(before), Value::Object(after)) => self.entries(before, after),
            (Value::Array(before), Value::Array(after)) => self.rows(before, after),
            _ => self.set(Some(before), Some(after)),
        }
    }

    fn set(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let (before, after) = (before.cloned(), after.cloned());
        self.changes.push(ValueChange::Set { path: self.path.clone(), before, after });
    }

    fn entries(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let is_alone = keys.len() == 1;
        for key in keys {
            let is_text = (key == TEXT && is_alone) || (key == Node::TEXT && self.is_at_node());
            self.path.push(Step::Key(key.clone()));
            match (before.get(key), after.get(key)) {
                (Some(Value::Array(before)), Some(Value::Array(after))) if is_text => self.text(before, after),
                (Some(before), Some(after)) => self.between(before, after),
                (before, after) => self.set(before, after),
            }
            self.path.pop();
        }
    }

    /// Whether the path leads to an XML node, and not into its attributes or into what is no XML.
    fn is_at_node(&self) -> bool {
        let is_of_nodes = |step: &Step| match step {
            Step::Index(_) => true,
            Step::Key(key) => key == Node::CHILDREN,
        };
        self.are_nodes && self.path.iter().all(is_of_nodes)
    }

    /// Both with a `delta`.
    fn text(&mut self, before: &[Value], after: &[Value]) {
        if before != after {
            self.changes.push(ValueChange::Text { path: self.path.clone(), pieces: pieces(before, after) });
        }
    }

    /// What stays is found first; what goes and what comes in the place between is one hunk.
    fn rows(&mut self, before: &[Value], after: &[Value]) {
        // Only what differs is numbered: rows are long, and mostly the same.
        let head = before.iter().zip(after).take_while(|(before, after)| before == after).count();
        let (before, after) = (&before[head..], &after[head..]);
        let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(before, after)| before == after).count();
        let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
        let mut numbers = HashMap::new();
        let mut number = |value: &Value| {
            let next = u32::try_from(numbers.len()).expect("rows have at most so many values");
            *numbers.entry(value.to_string()).or_insert(next)
        };
        let a: Vec<u32> = before.iter().map(&mut number).collect();
        let b: Vec<u32> = after.iter().map(&mut number).collect();
        let (mut from, mut to) = (0, 0);
        for hunk in script(&a, &b).chunk_by(|one, next| (*one == Edit::Keep) == (*next == Edit::Keep)) {
            let goes = hunk.iter().filter(|&&edit| edit != Edit::Insert).count();
            let comes = hunk.iter().filter(|&&edit| edit != Edit::Delete).count();
            if hunk[0] != Edit::Keep {
                self.hunk(head + to, &before[from..from + goes], &after[to..to + comes]);
            }
            (from, to) = (from + goes, to + comes);
        }
    }

    /// Values that are alike are one that has changed: one by one where there are as many, otherwise those at both ends.
    fn hunk(&mut self, index: usize, removed: &[Value], inserted: &[Value]) {
        let pairs = removed.iter().zip(inserted);
        let head = match removed.len() == inserted.len() {
            true => removed.len(),
            false => pairs.take_while(|(before, after)| are_alike(before, after)).count(),
        };
        let (rest, new) = (&removed[head..], &inserted[head..]);
        let pairs = rest.iter().rev().zip(new.iter().rev());
        let tail = pairs.take_while(|(before, after)| are_alike(before, after)).count();
        let (rest, last) = rest.split_at(rest.len() - tail);
        let (new, new_last) = new.split_at(new.len() - tail);
        self.pairs(index, &removed[..head], &inserted[..head]);
        if !rest.is_empty() || !new.is_empty() {
            self.changes.push(ValueChange::Splice {
                path: self.path.clone(),
                index: place(index + head),
                removed: rest.to_vec(),
                inserted: new.to_vec(),
            });
        }
        self.pairs(index + head + new.len(), last, new_last);
    }

    fn pairs(&mut self, index: usize, before: &[Value], after: &[Value]) {
        for (at, (before, after)) in (index..).zip(before.iter().zip(after)) {
            self.path.push(Step::Index(place(at)));
            self.between(before, after);
            self.path.pop();
        }
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).expect("rows have at most so many values")
}

/// Whether one may have become the other: something in them is the same, or all that they have is of one kind.
fn are_alike(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let is_same = |(key, value): (&String, &Value)| after.get(key) == Some(value);
            before.iter().any(is_same) || (before.len() == 1 && before.keys().eq(after.keys()))
        }
        (before, after) => before.is_array() && after.is_array(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_where_they_are() {
        let before = json!({ "type": "map", "value": { "a": 1, "b": [1, 2, 3], "c": { "d": 1 }, "same": [] } });
        let after = json!({ "type": "map", "value": { "b": [1, 3], "c": { "d": 2 }, "e": null, "same": [] } });
        let key = |key: &str| Step::Key(key.into());
        assert_eq!(
            values(Some(&before), Some(&after)),
            [
                ValueChange::Set { path: vec![key("a")], before: Some(json!(1)), after: None },
                ValueChange::Splice { path: vec![key("b")], index: 1, removed: vec![json!(2)], inserted: vec![] },
                ValueChange::Set { path: vec![key("c"), key("d")], before: Some(json!(1)), after: Some(json!(2)) },
                ValueChange::Set { path: vec![key("e")], before: None, after: Some(json!(null)) },
            ]
        );
        let array = json!({ "type": "array", "value": [1] });
        assert_eq!(
            values(None, Some(&array)),
            [ValueChange::Splice { path: vec![], index: 0, removed: vec![], inserted: vec![json!(1)] }]
        );
    }

    fn check_row(before: Value, after: Value, expected: Value) {
        let root = |row: &Value| json!({ "type": "array", "value": row });
        let changes = values(Some(&root(&before)), Some(&root(&after)));
        assert_eq!(serde_json::to_value(changes).expect("JSON"), expected, "{before} {after}");
    }

    #[test]
    fn of_a_row_only_what_differs_is_told() {
        check_row(
            json!([1, 2, 3, 4, 5, 6]),
            json!([0, 1, 2, 4, 5, 7]),
            json!([
                { "splice": { "path": [], "index": 0, "removed": [], "inserted": [0] } },
                { "splice": { "path": [], "index": 3, "removed": [3], "inserted": [] } },
                { "set": { "path": [5], "before": 6, "after": 7 } },
            ]),
        );
        // One has changed, and another has come before it.
        check_row(
            json!([{ "id": 1, "done": false }, "x"]),
            json!([{ "id": 0 }, { "id": 1, "done": true }, "x"]),
            json!([
                { "splice": { "path": [], "index": 0, "removed": [], "inserted": [{ "id": 0 }] } },
                { "set": { "path": [1, "done"], "before": false, "after": true } },
            ]),
        );
    }

    #[test]
    fn text_inside_of_xml_and_of_values_is_compared_as_text() {
        let paragraph = |text: &str| json!({ "name": "p", "children": [{ "text": [{ "insert": text }] }] });
        let xml = |nodes: &[Value]| json!({ "type": "xml_fragment", "nodes": nodes });
        let before = xml(&[paragraph("one two"), paragraph("stays")]);
        let after = xml(&[json!({ "name": "h", "children": [] }), paragraph("one three"), paragraph("stays")]);
        let content = |text: &str| json!({ "value": text, "attributes": {} });
        let pieces =
            json!([{ "retain": 4, "text": "one " }, { "delete": content("two") }, { "insert": content("three") }]);
        assert_eq!(
            serde_json::to_value(values(Some(&before), Some(&after))).expect("JSON"),
            json!([
                { "splice": { "path": [], "index": 0, "removed": [], "inserted": [{ "name": "h", "children": [] }] } },
                { "text": { "path": [1, "children", 0, "text"], "pieces": pieces } },
            ])
        );
        let map = |text: &str| json!({ "type": "map", "value": { "k": { "$text": [{ "insert": text }] } } });
        assert_eq!(
            serde_json::to_value(values(Some(&map("one two")), Some(&map("one three")))).expect("JSON"),
            json!([{ "text": { "path": ["k", "$text"], "pieces": pieces } }])
        );
        // What only looks like it, in attributes, is a row.
        let odd = |number: u32| xml(&[json!({ "name": "p", "children": [], "attributes": { "text": [number] } })]);
        assert_eq!(
            serde_json::to_value(values(Some(&odd(1)), Some(&odd(2)))).expect("JSON"),
            json!([{ "set": { "path": [0, "attributes", "text", 0], "before": 1, "after": 2 } }])
        );
    }
}
