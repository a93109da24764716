//! What `selvedge config` prints: every setting with its value, default, unit, bounds, origin and meaning, for a person, as a
//! file, or as JSON. It does not know where the text goes.

use std::fmt::Write;

use serde_json::{Value, json};

use super::kind::Literal;
use super::{Effective, SETTINGS, Setting, Settings};

/// Width to which meanings are broken.
const COLUMNS: usize = 110;

/// A table for people.
pub fn table(effective: &Effective) -> String {
    let defaults = Settings::default();
    let rows: Vec<[String; 7]> = SETTINGS
        .iter()
        .map(|setting| {
            [
                setting.name.into(),
                (setting.write)(&effective.settings).to_string(),
                (setting.write)(&defaults).to_string(),
                (setting.unit)().into(),
                (setting.allowed)(),
                effective.origin(setting).to_string(),
                change(setting).into(),
            ]
        })
        .collect();
    let header = ["setting", "value", "default", "unit", "allowed", "from", "change"];
    let widths: [usize; 7] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().expect("the header is a cell")
    });

    let mut text = String::new();
    push_row(&mut text, &header.map(String::from), &widths);
    let mut group = "";
    for (setting, row) in SETTINGS.iter().zip(&rows) {
        if setting.group != group {
            group = setting.group;
            text += &format!("\n{group}\n\n");
        }
        push_row(&mut text, row, &widths);
        for line in wrapped(&setting.meaning(), COLUMNS - 4) {
            text += &format!("    {line}\n");
        }
    }
    text
}

/// When another value takes effect.
fn change(setting: &Setting) -> &'static str {
    if setting.is_live() { "live" } else { "restart" }
}

fn push_row(text: &mut String, row: &[String; 7], widths: &[usize; 7]) {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        write!(line, "{cell:width$}  ").expect("a string takes all");
    }
    *text += line.trim_end();
    text.push('\n');
}

/// A file for `--config`. What is still at its default is commented out, so that a later version's default is taken then.
pub fn toml(effective: &Effective) -> String {
    let defaults = Settings::default();
    let mut text = String::from("# Settings of Selvedge. A line that is commented out shows a default.\n");
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            text += &format!("\n# ---- {group} ----\n");
        }
        text.push('\n');
        for line in wrapped(&setting.meaning(), COLUMNS - 2) {
            text += &format!("# {line}\n");
        }
        let default = (setting.write)(&defaults);
        let live = if setting.is_live() { " Can change while the server runs." } else { "" };
        text += &format!("# Allowed: {}. Default: {default}.{live}\n", (setting.allowed)());
        let mark = if effective.is_default(setting) { "#" } else { "" };
        text += &format!("{mark}{} = {}\n", setting.name, toml_value(&(setting.write)(&effective.settings)));
    }
    text
}

fn toml_value(literal: &Literal) -> String {
    match literal {
        Literal::Number(_) | Literal::Switch(_) => literal.to_string(),
        Literal::Bytes(_) | Literal::Text(_) => toml::Value::String(literal.to_string()).to_string(),
    }
}

/// A list for programs. Bytes are plain numbers.
pub fn json(effective: &Effective) -> String {
    let defaults = Settings::default();
    let list: Vec<Value> = SETTINGS
        .iter()
        .map(|setting: &Setting| {
            json!({
                "name": setting.name,
                "flag": setting.flag(),
                "variable": setting.variable(),
                "group": setting.group,
                "value": json_value((setting.write)(&effective.settings)),
                "default": json_value((setting.write)(&defaults)),
                "unit": (setting.unit)(),
                "allowed": (setting.allowed)(),
                "from": effective.origin(setting).to_string(),
                "live": setting.is_live(),
                "meaning": setting.meaning(),
            })
        })
        .collect();
    format!("{:#}\n", Value::Array(list))
}

/// A value for programs.
pub fn json_value(literal: Literal) -> Value {
    match literal {
        Literal::Number(number) => number.into(),
        Literal::Bytes(bytes) => bytes.into(),
        Literal::Switch(on) => on.into(),
        Literal::Text(text) => text.into(),
    }
}

/// Lines of whole words, none longer than the columns unless one word is.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.into()),
        }
    }
    lines
}
