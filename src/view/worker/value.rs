//! Plain values of documents as JSON and back. What JSON cannot say is an object with one key that begins with `$`. Knows no shared type.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value, json};
use yrs::Any;

use super::base64;
use crate::view::DEPTH_MAX;

/// An object as it is, though it looks like one of the others.
pub(super) const OBJECT: &str = "$object";
const BINARY: &str = "$binary";
const BIGINT: &str = "$bigint";
const NUMBER: &str = "$number";
const UNDEFINED: &str = "$undefined";
/// What lies too deep, where that is cut off. Only shown, never read.
const CUT: &str = "$cut";

/// Beyond, not every whole number is a number of JavaScript.
const SAFE_INTEGER_MAX: i64 = (1 << 53) - 1;

/// Why a value cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

/// What stands in the place of what lies too deep. No value of a document is shown like it.
pub(super) fn cut() -> Value {
    json!({ CUT: true })
}

/// One level more.
pub(super) fn deeper(depth: usize) -> Result<usize, TooDeep> {
    if depth < DEPTH_MAX { Ok(depth + 1) } else { Err(TooDeep) }
}

/// The object's only key, where it means something.
pub(super) fn marker(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, value) = object.iter().next()?;
    is_ambiguous(object.len(), Some(key)).then_some((key.as_str(), value))
}

/// Whether an object with so many keys, of which this is one, would mean something else.
pub(super) fn is_ambiguous(keys: usize, key: Option<&str>) -> bool {
    keys == 1 && key.is_some_and(|key| key.starts_with('$'))
}

/// An object of the document, wrapped where it would mean something else. That is a level more.
pub(super) fn object(entries: Map<String, Value>) -> Value {
    let is_ambiguous = is_ambiguous(entries.len(), entries.keys().next().map(String::as_str));
    let object = Value::Object(entries);
    if is_ambiguous { json!({ OBJECT: object }) } else { object }
}

/// As JSON.
pub(super) fn show(any: &Any, depth: usize) -> Result<Value, TooDeep> {
    Ok(match any {
        Any::Null => Value::Null,
        Any::Undefined => json!({ UNDEFINED: true }),
        Any::Bool(value) => Value::Bool(*value),
        Any::Number(yrs::Number::Int(value)) if value.abs_diff(0) > SAFE_INTEGER_MAX.unsigned_abs() => {
            json!({ BIGINT: value.to_string() })
        }
        Any::Number(yrs::Number::Int(value)) => Value::from(*value),
        Any::Number(yrs::Number::Float(value)) => number(*value),
        Any::String(text) => Value::from(&**text),
        Any::Buffer(bytes) => json!({ BINARY: base64::encode(bytes) }),
        Any::Array(values) => {
            let depth = deeper(depth)?;
            Value::Array(values.iter().map(|value| show(value, depth)).collect::<Result<_, _>>()?)
        }
        Any::Map(entries) => {
            let mut depth = deeper(depth)?;
            if is_ambiguous(entries.len(), entries.keys().next().map(String::as_str)) {
                depth = deeper(depth)?;
            }
            let entries = entries.iter().map(|(key, value)| Ok((key.clone(), show(value, depth)?)));
            object(entries.collect::<Result<_, TooDeep>>()?)
        }
    })
}

/// A whole number is shown as one, as JavaScript does.
fn number(value: f64) -> Value {
    if let yrs::Number::Int(whole) = yrs::Number::try_i64(value)
        && !(whole == 0 && value.is_sign_negative())
    {
        return Value::from(whole);
    }
    Number::from_f64(value).map_or_else(
        || {
            let name = match (value.is_nan(), value > 0.0) {
                (true, _) => "NaN",
                (false, true) => "Infinity",
                (false, false) => "-Infinity",
            };
            json!({ NUMBER: name })
        },
        Value::Number,
    )
}

/// From JSON. Why not, for people.
pub(super) fn read(value: &Value) -> Result<Any, String> {
    Ok(match value {
        Value::Null => Any::Null,
        Value::Bool(value) => Any::Bool(*value),
        Value::Number(number) => Any::Number(read_number(number)),
        Value::String(text) => Any::String(text.as_str().into()),
        Value::Array(values) => Any::Array(values.iter().map(read).collect::<Result<Vec<_>, _>>()?.into()),
        Value::Object(entries) => match marker(entries) {
            Some((OBJECT, Value::Object(entries))) => plain_object(entries)?,
            Some((marker, value)) => special(marker, value)?,
            None => plain_object(entries)?,
        },
    })
}

fn plain_object(entries: &Map<String, Value>) -> Result<Any, String> {
    let entries = entries.iter().map(|(key, value)| Ok((key.clone(), read(value)?)));
    Ok(Any::Map(Arc::new(entries.collect::<Result<HashMap<_, _>, String>>()?)))
}

fn read_number(number: &Number) -> yrs::Number {
    match number.as_i64() {
        Some(whole) if whole.abs_diff(0) <= SAFE_INTEGER_MAX.unsigned_abs() => yrs::Number::Int(whole),
        // A parser of JavaScript rounds it too.
        Some(_) | None => yrs::Number::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn special(marker: &str, value: &Value) -> Result<Any, String> {
    let any = match (marker, value) {
        (BINARY, Value::String(text)) => base64::decode(text).map(|bytes| Any::Buffer(bytes.into())),
        (BIGINT, Value::String(text)) => text.parse().ok().map(bigint).transpose()?,
        (NUMBER, Value::String(text)) => {
            let value = match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            };
            value.map(|value| Any::Number(yrs::Number::Float(value)))
        }
        (UNDEFINED, Value::Bool(true)) => Some(Any::Undefined),
        _ => None,
    };
    any.ok_or_else(|| format!("{marker} does not stand for a value here, or not with this content"))
}

/// The library writes a bigint as a number where that is exact, which would be another value to JavaScript; and so it does the largest one, by an
/// error of its own (it saturates), where even the value would be another.
fn bigint(value: i64) -> Result<Any, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "whether it is exact is the question"
    )]
    let is_exact = value as f64 as i64 == value;
    if is_exact {
        return Err(format!("{BIGINT} {value} cannot be written: it would become a number"));
    }
    Ok(Any::Number(yrs::Number::Int(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back_as_it_was() {
        let map = |entries: &[(&str, Any)]| {
            Any::Map(Arc::new(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()))
        };
        let values = [
            Any::Null,
            Any::Undefined,
            Any::Bool(true),
            Any::from(-7_i64),
            Any::from(0.5),
            Any::Number(yrs::Number::Int((1 << 60) + 1)),
            Any::from(f64::INFINITY),
            Any::from("text"),
            Any::from(vec![0_u8, 255]),
            Any::Array(vec![Any::Null, Any::from("x")].into()),
            map(&[]),
            map(&[("a", Any::Undefined), ("$b", Any::Null)]),
            map(&[("$binary", Any::from("no"))]),
            map(&[("$object", map(&[("$object", Any::Null)]))]),
        ];
        for value in values {
            let shown = show(&value, 0).expect("flat");
            let text = serde_json::to_string(&shown).expect("it is JSON");
            let parsed = serde_json::from_str(&text).expect("it is JSON");
            assert_eq!(read(&parsed), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        for text in
            [r#"{"$binary":"x"}"#, r#"{"$bigint":"5"}"#, r#"{"$number":"1"}"#, r#"{"$undefined":1}"#, r#"{"$else":1}"#]
        {
            assert!(read(&serde_json::from_str(text).expect("JSON")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bigint_that_would_become_a_number_is_refused_and_its_neighbours_are_taken() {
        let read = |value: i64| read(&json!({ BIGINT: value.to_string() }));
        for value in [i64::MAX - 1, i64::MIN + 1, (1 << 60) + 1] {
            assert_eq!(read(value), Ok(Any::Number(yrs::Number::Int(value))));
        }
        for value in [i64::MAX, i64::MIN, 1 << 60, 5] {
            let why = read(value).expect_err("it would be another value");
            assert!(why.contains("would become a number"), "{why}");
        }
    }

    #[test]
    fn what_lies_too_deep_is_not_shown() {
        let mut any = Any::Null;
        for _ in 0..DEPTH_MAX {
            any = Any::Array(vec![any].into());
        }
        assert!(show(&any, 0).is_ok());
        assert_eq!(show(&Any::Array(vec![any].into()), 0), Err(TooDeep));
    }
}
