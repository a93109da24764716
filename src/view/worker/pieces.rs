//! What makes one text another, both with their `delta`. Knows JSON only, and no document.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::script::{Edit, script};
use crate::view::comparison::Piece;

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

#[cfg(test)]
mod tests {
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
}
