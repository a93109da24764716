//! Text from outside (files, arguments, the kernel) as it may stand on a terminal or in a picture. It does not know what the text says.

/// The text without what a terminal would act on or a picture may not hold, and at most `columns` characters of it.
pub(crate) fn printable(text: &str, columns: usize) -> String {
    let mut shown = text.chars().map(|character| if is_plain(character) { character } else { '?' });
    let mut kept: String = shown.by_ref().take(columns).collect();
    if shown.next().is_some() {
        kept.pop();
        kept.push('~');
    }
    kept
}

/// Neither a control character, nor one that turns the direction of text or has no width, nor one that XML forbids.
fn is_plain(character: char) -> bool {
    let hidden = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}');
    !character.is_control() && !hidden
}

/// Lines of at most `columns` characters, broken between words; a word that is longer is cut.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = printable(word, columns);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(_) | None => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n\u{202e}c\u{9b}", 100), "a?[2Jb???c?");
        assert_eq!(printable("Grüße, 世界", 100), "Grüße, 世界");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(printable("abcdef", 6), "abcdef");
        assert_eq!(printable("abcdefg", 6), "abcde~");
        assert_eq!(printable("", 6), "");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a-very-long-word x", 6), ["a-ver~", "x"]);
        assert!(wrapped("  ", 6).is_empty());
    }
}
