//! What makes one text another, both with their `delta`. Knows JSON only, and no document.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::script::{Edit, script};
use crate::view::comparison::{Content, Piece, RETAINED_CHARACTERS_MAX};

/// What is longer and has no space is no word: each character of it stands for itself.
const WORD_CHARACTERS_MAX: usize = 64;

/// Scripts that are written without spaces between words (Unicode blocks): each character stands for itself.
const WITHOUT_SPACES: [RangeInclusive<char>; 10] = [
    // Thai, Lao, Tibetan, Myanmar; Khmer.
    '\u{0e00}'..='\u{109f}',
    '\u{1780}'..='\u{17ff}',
    // Iteration mark and number zero; Hiragana, Katakana, Bopomofo.
    '\u{3005}'..='\u{3007}',
    '\u{3040}'..='\u{312f}',
    '\u{31a0}'..='\u{31ff}',
    // Ideographs; Yi.
    '\u{3400}'..='\u{4dbf}',
    '\u{4e00}'..='\u{a4cf}',
    '\u{f900}'..='\u{faff}',
    // Katakana of half width.
    '\u{ff66}'..='\u{ff9f}',
    // Further ideographs.
    '\u{20000}'..='\u{3ffff}',
];

/// In the text of what is kept, an embedded value (the object replacement character).
const EMBEDDED: char = '\u{fffc}';

pub(super) fn pieces(before: &[Value], after: &[Value]) -> Vec<Piece> {
    let mut numbers = Numbers::default();
    let (before, after) = (tokens(before, &mut numbers), tokens(after, &mut numbers));
    let a: Vec<u32> = before.iter().map(|token| token.number).collect();
    let b: Vec<u32> = after.iter().map(|token| token.number).collect();
    let (mut a_tokens, mut b_tokens) = (before.iter(), after.iter());
    let mut pieces = Vec::new();
    for edit in script(&a, &b) {
        match edit {
            Edit::Keep => {
                let token = a_tokens.next().expect("the script has every token of both");
                b_tokens.next();
                retain(&mut pieces, token);
            }
            Edit::Delete => add(&mut pieces, false, a_tokens.next().expect("the script has every token of both")),
            Edit::Insert => add(&mut pieces, true, b_tokens.next().expect("the script has every token of both")),
        }
    }
    for piece in &mut pieces {
        if let Piece::Retain { text, .. } = piece {
            shorten(text);
        }
    }
    pieces
}

/// A word, a sign, or an embedded value.
struct Token<'a> {
    insert: Insert<'a>,
    attributes: Option<&'a Map<String, Value>>,
    number: u32,
}

#[derive(Clone, Copy)]
enum Insert<'a> {
    Text(&'a str),
    Embedded(&'a Value),
}

fn tokens<'a>(delta: &'a [Value], numbers: &mut Numbers<'a>) -> Vec<Token<'a>> {
    let mut tokens = Vec::new();
    for piece in delta {
        let attributes = piece["attributes"].as_object();
        let formatting = numbers.of_formatting(attributes);
        match &piece["insert"] {
            Value::String(text) => tokens.extend(words(text).map(|word| Token {
                insert: Insert::Text(word),
                attributes,
                number: numbers.of_word(word, formatting),
            })),
            value => {
                let number = numbers.of_embedded(value, formatting);
                tokens.push(Token { insert: Insert::Embedded(value), attributes, number });
            }
        }
    }
    tokens
}

fn words(mut text: &str) -> impl Iterator<Item = &str> {
    // Within one that is too long.
    let mut is_too_long = false;
    std::iter::from_fn(move || {
        let first = text.chars().next()?;
        let is_of_word = |character: char| character.is_alphanumeric() && !stands_alone(character);
        let mut places = text.char_indices().take(WORD_CHARACTERS_MAX);
        let length = match is_of_word(first) {
            true if is_too_long => None,
            true => match places.find(|&(_, character)| !is_of_word(character)) {
                Some((end, _)) => Some(end),
                None if text.chars().nth(WORD_CHARACTERS_MAX).is_some_and(is_of_word) => {
                    is_too_long = true;
                    None
                }
                None => text.char_indices().nth(WORD_CHARACTERS_MAX).map_or(Some(text.len()), |(end, _)| Some(end)),
            },
            false => {
                is_too_long = false;
                None
            }
        };
        let (word, rest) = text.split_at(length.unwrap_or(first.len_utf8()));
        text = rest;
        Some(word)
    })
}

fn stands_alone(character: char) -> bool {
    WITHOUT_SPACES.iter().any(|script| script.contains(&character))
}

/// The same number for the same token, whatever it is made of.
#[derive(Default)]
struct Numbers<'a> {
    formattings: HashMap<String, u32>,
    words: HashMap<(&'a str, u32), u32>,
    embedded: HashMap<(String, u32), u32>,
}

impl<'a> Numbers<'a> {
    fn of_formatting(&mut self, attributes: Option<&Map<String, Value>>) -> u32 {
        let next = number(self.formattings.len());
        let written = attributes.filter(|attributes| !attributes.is_empty()).map(|attributes| {
            let attributes: Vec<_> = attributes.iter().collect();
            serde_json::to_string(&attributes).expect("they are JSON")
        });
        *self.formattings.entry(written.unwrap_or_default()).or_insert(next)
    }

    fn of_word(&mut self, word: &'a str, formatting: u32) -> u32 {
        let next = self.next();
        *self.words.entry((word, formatting)).or_insert(next)
    }

    fn of_embedded(&mut self, value: &Value, formatting: u32) -> u32 {
        let next = self.next();
        *self.embedded.entry((value.to_string(), formatting)).or_insert(next)
    }

    fn next(&self) -> u32 {
        number(self.words.len() + self.embedded.len())
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("texts have at most so many units")
}

fn retain(pieces: &mut Vec<Piece>, token: &Token<'_>) {
    if !matches!(pieces.last(), Some(Piece::Retain { .. })) {
        pieces.push(Piece::Retain { retain: 0, text: String::new() });
    }
    if let Some(Piece::Retain { retain, text }) = pieces.last_mut() {
        match token.insert {
            Insert::Text(word) => {
                *retain += u64::try_from(word.encode_utf16().count()).expect("64 bits");
                text.push_str(word);
            }
            Insert::Embedded(_) => {
                *retain += 1;
                text.push(EMBEDDED);
            }
        }
    }
}

/// Both ends of it where it is long.
fn shorten(text: &mut String) {
    if text.chars().nth(RETAINED_CHARACTERS_MAX).is_none() {
        return;
    }
    let half = RETAINED_CHARACTERS_MAX / 2;
    let (head, _) = text.char_indices().nth(half).expect("it has more characters");
    let (tail, _) = text.char_indices().nth_back(half - 1).expect("it has more characters");
    text.replace_range(head..tail, "…");
}

/// Neighbours that look the same are one piece.
fn add(pieces: &mut Vec<Piece>, is_new: bool, token: &Token<'_>) {
    let attributes = token.attributes.cloned().unwrap_or_default();
    let last = match (pieces.last_mut(), is_new) {
        (Some(Piece::Insert { insert: content }), true) | (Some(Piece::Delete { delete: content }), false) => {
            Some(content)
        }
        (Some(Piece::Insert { .. } | Piece::Delete { .. } | Piece::Retain { .. }) | None, _) => None,
    };
    let value = match (last, token.insert) {
        (Some(Content { value: Value::String(before), attributes: same }), Insert::Text(more))
            if *same == attributes =>
        {
            before.push_str(more);
            return;
        }
        (_, Insert::Text(text)) => text.into(),
        (_, Insert::Embedded(value)) => value.clone(),
    };
    let content = Content { value, attributes };
    pieces.push(if is_new { Piece::Insert { insert: content } } else { Piece::Delete { delete: content } });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: Value, after: Value, expected: Value) {
        let delta = |delta: &Value| delta.as_array().expect("a delta").clone();
        let got = serde_json::to_value(pieces(&delta(&before), &delta(&after))).expect("JSON");
        assert_eq!(got, expected, "{before} {after}");
    }

    fn text(text: &str) -> Value {
        json!([{ "insert": text }])
    }

    fn content(value: &str) -> Value {
        json!({ "value": value, "attributes": {} })
    }

    #[test]
    fn a_word_that_is_another_is_one_that_goes_and_one_that_comes() {
        check(
            text("one two three"),
            text("one 2 three"),
            json!([
                { "retain": 4, "text": "one " },
                { "delete": content("two") },
                { "insert": content("2") },
                { "retain": 6, "text": " three" },
            ]),
        );
        check(
            text("one two"),
            json!([{ "insert": "one " }, { "insert": "two", "attributes": { "bold": true } }]),
            json!([
                { "retain": 4, "text": "one " },
                { "delete": content("two") },
                { "insert": { "value": "two", "attributes": { "bold": true } } },
            ]),
        );
        check(json!([]), text("a b"), json!([{ "insert": content("a b") }]));
    }

    #[test]
    fn where_words_have_no_spaces_each_character_stands_for_itself() {
        for (head, tail) in [
            ("今天天气很好我们一起", "去公园散步吧"),
            ("こんにちは", "カタカナ"),
            ("สวัสดี", "ชาวโลก"),
            (&*"x".repeat(200), &*"y".repeat(100)),
        ] {
            let (head_units, tail_units) = (head.encode_utf16().count(), tail.encode_utf16().count());
            let both = pieces(
                text(&format!("{head}{tail}")).as_array().expect("a delta"),
                text(&format!("{head}新{tail}")).as_array().expect("a delta"),
            );
            let [Piece::Retain { retain: first, .. }, Piece::Insert { insert }, Piece::Retain { retain: last, .. }] =
                &both[..]
            else {
                panic!("{both:?}")
            };
            assert_eq!((*first, *last), (head_units as u64, tail_units as u64));
            assert_eq!(insert.value, "新");
        }
    }

    #[test]
    fn of_long_text_that_is_kept_both_ends_are_told() {
        let eighty = "é".repeat(80);
        check(text(&eighty), text(&eighty), json!([{ "retain": 80, "text": eighty }]));
        let long = format!("{}-{}", "😀".repeat(40), "b".repeat(40));
        let told = format!("{}…{}", "😀".repeat(40), "b".repeat(40));
        check(text(&long), text(&long), json!([{ "retain": 121, "text": told }]));
        let embedded = json!([{ "insert": "a" }, { "insert": { "image": "x" } }]);
        check(embedded.clone(), embedded, json!([{ "retain": 2, "text": "a\u{fffc}" }]));
    }
}
