//! Checks JSON text without building anything of it.

use super::{DEPTH_MAX, Malformed};

/// Accepts exactly what `JSON.parse` accepts (RFC 8259; escapes of lone surrogates are allowed there), nested at most
/// [`DEPTH_MAX`] deep.
pub fn check(text: &str) -> Result<(), Malformed> {
    check_within(text, DEPTH_MAX)
}

/// Like [`check`] with another bound. It is a `u8` because each level is one call on the stack.
pub fn check_within(text: &str, depth_max: u8) -> Result<(), Malformed> {
    let mut json = Json { bytes: text.as_bytes(), at: 0, depth_max };
    json.space();
    json.value(depth_max)?;
    json.space();
    if json.at == json.bytes.len() { Ok(()) } else { Err(Malformed::NotJson) }
}

struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
    depth_max: u8,
}

impl Json<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: u8) -> Result<(), Malformed> {
        self.eat_word(&[wanted])
    }

    fn eat_word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Malformed::NotJson)
        }
    }

    fn value(&mut self, depth_left: u8) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.list(b'}', depth_left, true),
            Some(b'[') => self.list(b']', depth_left, false),
            Some(b't') => self.eat_word(b"true"),
            Some(b'f') => self.eat_word(b"false"),
            Some(b'n') => self.eat_word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => Err(Malformed::NotJson),
        }
    }

    /// An object (with keys) or an array, from its opening bracket on.
    fn list(&mut self, end: u8, depth_left: u8, keys: bool) -> Result<(), Malformed> {
        let inner = depth_left.checked_sub(1).ok_or(Malformed::TooDeep { depth_max: self.depth_max })?;
        self.at += 1;
        self.space();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if keys {
                self.string()?;
                self.space();
                self.eat(b':')?;
                self.space();
            }
            self.value(inner)?;
            self.space();
            if self.peek() == Some(end) {
                self.at += 1;
                return Ok(());
            }
            self.eat(b',')?;
            self.space();
        }
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.eat(b'"')?;
        loop {
            let byte = self.peek().ok_or(Malformed::NotJson)?;
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                0..=0x1f => return Err(Malformed::NotJson),
                0x20..=0xff => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        let escape = self.peek().ok_or(Malformed::NotJson)?;
        self.at += 1;
        match escape {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4).ok_or(Malformed::NotJson)?;
                self.at += 4;
                if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(Malformed::NotJson) }
            }
            _ => Err(Malformed::NotJson),
        }
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(Malformed::NotJson) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_parse_accepts_is_accepted() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-0.5e-9",
            "1E+2",
            "10",
            "\"\"",
            "[]",
            "{}",
            " [ 1 , \"x\" ]\n\t\r",
            "{\"a\":{\"b\":[null]},\"a\":1}",
            "\"\\ud800\"",
            "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
            "\"é😀\u{7f}\u{2028}\"",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_json_parse_throws_at_is_refused() {
        for text in [
            "",
            " ",
            "undefined",
            "NaN",
            "Infinity",
            "nul",
            "truex",
            "01",
            "-",
            "+1",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x1",
            "'a'",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12",
            "\"\n\"",
            "[",
            "[1",
            "[1,]",
            "[,]",
            "[1 2]",
            "{",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "]",
            "1 1",
            "\u{feff}1",
            "\u{a0}1",
            "/**/1",
        ] {
            assert_eq!(check(text), Err(Malformed::NotJson), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check(&nested(usize::from(DEPTH_MAX))), Ok(()));
        assert_eq!(check(&nested(usize::from(DEPTH_MAX) + 1)), Err(Malformed::TooDeep { depth_max: DEPTH_MAX }));
        assert_eq!(check(&"[{\"a\":".repeat(100_000)), Err(Malformed::TooDeep { depth_max: DEPTH_MAX }));
        assert_eq!(check_within(&nested(255), 255), Ok(()));
        assert_eq!(check_within("1", 0), Ok(()));
    }
}
