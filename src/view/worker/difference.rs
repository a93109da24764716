//! What makes one shown value another. Knows JSON only, and no document.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::view::comparison::ValueChange;
use crate::view::operation::Step;

/// What makes one root another, both as they are shown.
pub(super) fn values(before: Option<&Value>, after: Option<&Value>) -> Vec<ValueChange> {
    let is_of_one_type = |(before, after): (&Value, &Value)| before["type"] == after["type"];
    if !before.zip(after).is_none_or(is_of_one_type) {
        return vec![ValueChange::Set { path: Vec::new(), before: before.cloned(), after: after.cloned() }];
    }
    let mut changes = Changes { path: Vec::new(), changes: Vec::new() };
    for key in ["value", "nodes", "delta"] {
        let part = |shown: Option<&Value>| shown.and_then(|shown| shown.get(key)).cloned();
        changes.parts(part(before), part(after));
    }
    let attributes = |shown: Option<&Value>| shown.and_then(|shown| shown.get("attributes")).cloned();
    changes.path.push(Step::Key("attributes".into()));
    changes.parts(attributes(before), attributes(after));
    changes.changes
}

struct Changes {
    path: Vec<Step>,
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
        for key in keys {
            self.path.push(Step::Key(key.clone()));
            match (before.get(key), after.get(key)) {
                (Some(before), Some(after)) => self.between(before, after),
                (before, after) => self.set(before, after),
            }
            self.path.pop();
        }
    }

    /// Between what both begin and end with: one by one where there are as many, otherwise as a whole.
    fn rows(&mut self, before: &[Value], after: &[Value]) {
        let head = before.iter().zip(after).take_while(|(before, after)| before == after).count();
        let (before, after) = (&before[head..], &after[head..]);
        let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(before, after)| before == after).count();
        let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
        let index = |place: usize| u32::try_from(head + place).unwrap_or(u32::MAX);
        if before.len() == after.len() {
            for (place, (before, after)) in before.iter().zip(after).enumerate() {
                self.path.push(Step::Index(index(place)));
                self.between(before, after);
                self.path.pop();
            }
            return;
        }
        self.changes.push(ValueChange::Splice {
            path: self.path.clone(),
            index: index(0),
            removed: before.to_vec(),
            inserted: after.to_vec(),
        });
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
}
