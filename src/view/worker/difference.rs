//! What makes one shown value another. Knows JSON only, and no document.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::view::comparison::{Piece, ValueChange};
use crate::view::operation::Step;

/// Differences in one text that are looked for one by one. Where there are more, what differs is shown as one part that goes and one that
/// comes: looking takes the square of it, and nobody reads it.
const EDITS_MAX: usize = 1_000;

/// What makes one text another, both with their `delta`.
pub(super) fn pieces(before: Option<&Value>, after: Option<&Value>) -> Vec<Piece> {
    let (before, after) = (tokens(before), tokens(after));
    let mut numbers = Numbers::default();
    let a: Vec<u32> = before.iter().map(|token| numbers.of(token)).collect();
    let b: Vec<u32> = after.iter().map(|token| numbers.of(token)).collect();
    let (mut a_tokens, mut b_tokens) = (before.into_iter(), after.into_iter());
    let mut pieces = Vec::new();
    for edit in script(&a, &b) {
        match edit {
            Edit::Keep => {
                let token = a_tokens.next().expect("the script has every token of both");
                b_tokens.next();
                retain(&mut pieces, token.units());
            }
            Edit::Delete => add(&mut pieces, false, a_tokens.next().expect("the script has every token of both")),
            Edit::Insert => add(&mut pieces, true, b_tokens.next().expect("the script has every token of both")),
        }
    }
    pieces
}

/// A word, a sign, or an embedded value.
struct Token {
    value: Value,
    attributes: Map<String, Value>,
}

impl Token {
    fn units(&self) -> u64 {
        let units = self.value.as_str().map_or(1, |text| text.encode_utf16().count());
        u64::try_from(units).expect("64 bits")
    }
}

fn tokens(shown: Option<&Value>) -> Vec<Token> {
    let mut tokens = Vec::new();
    for piece in shown.and_then(|shown| shown["delta"].as_array()).into_iter().flatten() {
        let attributes = piece["attributes"].as_object().cloned().unwrap_or_default();
        match &piece["insert"] {
            Value::String(text) => {
                let words = words(text);
                tokens.extend(words.map(|word| Token { value: word.into(), attributes: attributes.clone() }));
            }
            value => tokens.push(Token { value: value.clone(), attributes }),
        }
    }
    tokens
}

fn words(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let first = text.chars().next()?;
        let length = match first.is_alphanumeric() {
            true => text.find(|character: char| !character.is_alphanumeric()).unwrap_or(text.len()),
            false => first.len_utf8(),
        };
        let (word, rest) = text.split_at(length);
        text = rest;
        Some(word)
    })
}

/// The same number for the same token.
#[derive(Default)]
struct Numbers(HashMap<(String, String), u32>);

impl Numbers {
    fn of(&mut self, token: &Token) -> u32 {
        let next = u32::try_from(self.0.len()).expect("texts have at most so many units");
        let attributes = Value::Object(token.attributes.clone()).to_string();
        *self.0.entry((token.value.to_string(), attributes)).or_insert(next)
    }
}

fn retain(pieces: &mut Vec<Piece>, units: u64) {
    match pieces.last_mut() {
        Some(Piece::Retain(before)) => *before += units,
        Some(Piece::Insert { .. } | Piece::Delete { .. }) | None => pieces.push(Piece::Retain(units)),
    }
}

/// Neighbours that look the same are one piece.
fn add(pieces: &mut Vec<Piece>, is_new: bool, token: Token) {
    let Token { value, attributes } = token;
    let last = match (pieces.last_mut(), is_new) {
        (Some(Piece::Insert { value, attributes }), true) | (Some(Piece::Delete { value, attributes }), false) => {
            Some((value, attributes))
        }
        (Some(Piece::Insert { .. } | Piece::Delete { .. } | Piece::Retain(_)) | None, _) => None,
    };
    match (last, &value) {
        (Some((Value::String(before), same)), Value::String(more)) if *same == attributes => before.push_str(more),
        _ if is_new => pieces.push(Piece::Insert { value, attributes }),
        _ => pieces.push(Piece::Delete { value, attributes }),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Keep,
    Delete,
    Insert,
}

/// The shortest script (E. Myers, An O(ND) difference algorithm, 1986) between what both begin with and what both end with.
fn script(a: &[u32], b: &[u32]) -> Vec<Edit> {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[head..], &b[head..]);
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_a, middle_b) = (&rest_a[..rest_a.len() - tail], &rest_b[..rest_b.len() - tail]);
    let mut script = vec![Edit::Keep; head];
    match shortest(middle_a, middle_b) {
        Some(middle) => script.extend(middle),
        None => {
            script.extend(vec![Edit::Delete; middle_a.len()]);
            script.extend(vec![Edit::Insert; middle_b.len()]);
        }
    }
    script.extend(vec![Edit::Keep; tail]);
    script
}

/// Nothing where it has more than [`EDITS_MAX`] edits.
fn shortest(a: &[u32], b: &[u32]) -> Option<Vec<Edit>> {
    let signed = |length: usize| isize::try_from(length).expect("slices are no longer");
    let (a_end, b_end) = (signed(a.len()), signed(b.len()));
    let offset = signed(EDITS_MAX) + 1;
    let at = |diagonal: isize| usize::try_from(diagonal + offset).expect("diagonals are within the bound");
    let item = |slice: &[u32], index: isize| slice[usize::try_from(index).expect("it is not before the start")];
    // How far in `a` each diagonal has come, before each number of edits.
    let mut reached = vec![0_isize; at(offset) + 1];
    let mut steps: Vec<Vec<isize>> = Vec::new();
    let from_above = |reached: &[isize], diagonal: isize, edits: isize| {
        diagonal == -edits || (diagonal != edits && reached[at(diagonal - 1)] < reached[at(diagonal + 1)])
    };
    let edits = (0..=signed(EDITS_MAX)).find(|&edits| {
        steps.push(reached[at(-edits - 1)..=at(edits + 1)].to_vec());
        (-edits..=edits).step_by(2).any(|diagonal| {
            let mut x = match from_above(&reached, diagonal, edits) {
                true => reached[at(diagonal + 1)],
                false => reached[at(diagonal - 1)] + 1,
            };
            if edits == 0 {
                x = 0;
            }
            while x < a_end && x - diagonal < b_end && x - diagonal >= 0 && item(a, x) == item(b, x - diagonal) {
                x += 1;
            }
            reached[at(diagonal)] = x;
            x >= a_end && x - diagonal >= b_end
        })
    })?;
    Some(walk_back(&steps, edits, a_end, b_end))
}

/// From the end, by what had been reached before each edit.
fn walk_back(steps: &[Vec<isize>], edits: isize, mut x: isize, mut y: isize) -> Vec<Edit> {
    let mut script = Vec::new();
    for edits in (1..=edits).rev() {
        let before = &steps[usize::try_from(edits).expect("it is counted down to 1")];
        // The first of them is that of the diagonal `-edits - 1`.
        let reached = |diagonal: isize| before[usize::try_from(diagonal + edits + 1).expect("it was stored")];
        let diagonal = x - y;
        let is_insertion = diagonal == -edits || (diagonal != edits && reached(diagonal - 1) < reached(diagonal + 1));
        let previous = if is_insertion { diagonal + 1 } else { diagonal - 1 };
        let (from_x, from_y) = (reached(previous), reached(previous) - previous);
        let (start_x, edit) = if is_insertion { (from_x, Edit::Insert) } else { (from_x + 1, Edit::Delete) };
        script.extend((start_x..x).map(|_| Edit::Keep));
        script.push(edit);
        (x, y) = (from_x, from_y);
    }
    script.extend((0..x).map(|_| Edit::Keep));
    script.reverse();
    script
}

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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(delta: Value) -> Value {
        json!({ "type": "text", "delta": delta })
    }

    #[test]
    fn a_word_that_is_another_is_one_that_goes_and_one_that_comes() {
        let before = text(json!([{ "insert": "one two three" }]));
        let after = text(json!([{ "insert": "one 2 " }, { "insert": "three", "attributes": { "bold": true } }]));
        let plain = Map::new();
        let bold = json!({ "bold": true }).as_object().expect("an object").clone();
        let word = |word: &str| Value::from(word);
        let got = pieces(Some(&before), Some(&after));
        assert_eq!(got[0], Piece::Retain(4));
        assert!(got.contains(&Piece::Delete { value: word("two"), attributes: plain.clone() }), "{got:?}");
        assert!(got.contains(&Piece::Insert { value: word("2"), attributes: plain.clone() }), "{got:?}");
        assert!(got.contains(&Piece::Delete { value: word("three"), attributes: plain.clone() }), "{got:?}");
        assert!(got.contains(&Piece::Insert { value: word("three"), attributes: bold }), "{got:?}");
        assert_eq!(
            pieces(None, Some(&text(json!([{ "insert": "a b" }])))),
            [Piece::Insert { value: word("a b"), attributes: plain }]
        );
    }

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

    #[test]
    fn what_differs_everywhere_is_not_looked_at_closely() {
        let a: Vec<u32> = (0..3_000).collect();
        let b: Vec<u32> = (3_000..6_000).collect();
        let script = script(&a, &b);
        assert_eq!(script.iter().filter(|&&edit| edit == Edit::Delete).count(), 3_000);
        assert_eq!(script.iter().filter(|&&edit| edit == Edit::Insert).count(), 3_000);
    }

    proptest! {
        #[test]
        fn a_script_makes_one_the_other_and_is_short(
            a in proptest::collection::vec(0_u32..4, 0..40),
            b in proptest::collection::vec(0_u32..4, 0..40),
        ) {
            let script = script(&a, &b);
            let (mut from_a, mut made) = (a.iter(), Vec::new());
            let mut from_b = b.iter();
            for edit in &script {
                match edit {
                    Edit::Keep => {
                        let kept = from_a.next().expect("there is one");
                        prop_assert_eq!(Some(kept), from_b.next());
                        made.push(*kept);
                    }
                    Edit::Delete => drop(from_a.next().expect("there is one")),
                    Edit::Insert => made.push(*from_b.next().expect("there is one")),
                }
            }
            prop_assert_eq!(from_a.next(), None);
            prop_assert_eq!(&made, &b);
            // The length of the longest common subsequence, the slow way.
            let mut longest = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
            for (i, x) in a.iter().enumerate() {
                for (j, y) in b.iter().enumerate() {
                    longest[i + 1][j + 1] =
                        if x == y { longest[i][j] + 1 } else { longest[i][j + 1].max(longest[i + 1][j]) };
                }
            }
            let kept = script.iter().filter(|&&edit| edit == Edit::Keep).count();
            prop_assert_eq!(kept, longest[a.len()][b.len()]);
        }
    }
}
