//! Which places of a text lie between the halves of a character (a surrogate pair), as it was when it was first looked at and after each change
//! since: to look at a whole text before each of a thousand operations takes longer than they do. Knows no document.

/// A place is a number of UTF-16 units from the start.
#[derive(Debug)]
pub(super) struct Places {
    /// Nothing of it has formatting.
    pub(super) is_plain: bool,
    length: u32,
    /// As it was at first, ascending.
    halves: Vec<u32>,
    changes: Vec<Change>,
}

/// Each begins and ends between characters.
#[derive(Debug)]
struct Change {
    at: u32,
    removed: u32,
    inserted: u32,
    /// In what was inserted, ascending, from its start on.
    halves: Vec<u32>,
}

impl Places {
    /// Those of a text in pieces, of which embedded values are `None` and one unit each.
    pub(super) fn of<'a>(pieces: impl Iterator<Item = Option<&'a str>>, is_plain: bool) -> Self {
        let mut places = Self { is_plain, length: 0, halves: Vec::new(), changes: Vec::new() };
        for piece in pieces {
            match piece {
                Some(text) => places.length += halves(text, places.length, &mut places.halves),
                None => places.length += 1,
            }
        }
        places
    }

    /// Whether the text has these places, and none between the halves of a character; or why not.
    pub(super) fn check(&self, index: u32, length: u32) -> Result<(), String> {
        let end = index.checked_add(length).ok_or("the end is beyond all numbers")?;
        if end > self.length {
            return Err(format!("the text has {} units", self.length));
        }
        match [index, end].into_iter().find(|&place| self.is_half(place)) {
            Some(place) => Err(format!("unit {place} is the second half of a character")),
            None => Ok(()),
        }
    }

    /// Whether it is between the halves of a character. Goes back through the changes to where the place comes from.
    pub(super) fn is_half(&self, mut place: u32) -> bool {
        for change in self.changes.iter().rev() {
            let end = change.at + change.inserted;
            if place == change.at || place == end {
                return false;
            }
            if place > end {
                place = place - change.inserted + change.removed;
            } else if place > change.at {
                return change.halves.binary_search(&(place - change.at)).is_ok();
            }
        }
        self.halves.binary_search(&place).is_ok()
    }

    /// Text has taken the place of so many units. It has been checked.
    pub(super) fn replace(&mut self, at: u32, removed: u32, text: &str) {
        let mut within = Vec::new();
        let inserted = halves(text, 0, &mut within);
        self.change(Change { at, removed, inserted, halves: within });
    }

    /// A value was embedded. The place has been checked.
    pub(super) fn embed(&mut self, at: u32) {
        self.change(Change { at, removed: 0, inserted: 1, halves: Vec::new() });
    }

    fn change(&mut self, change: Change) {
        self.length = self.length - change.removed + change.inserted;
        self.changes.push(change);
    }
}

/// Adds those of a text that begins at `from`, and says how many units it has.
fn halves(text: &str, from: u32, halves: &mut Vec<u32>) -> u32 {
    let mut units = 0;
    for character in text.chars() {
        if character.len_utf16() == 2 {
            halves.push(from + units + 1);
        }
        units += u32::try_from(character.len_utf16()).expect("1 or 2");
    }
    units
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Both characters and embedded values, as a text has them.
    fn pieces() -> impl Strategy<Value = Vec<Option<char>>> {
        vec(prop_oneof![Just(Some('a')), Just(Some('é')), Just(Some('😀')), Just(None)], 0..12)
    }

    fn units(piece: Option<char>) -> u32 {
        piece.map_or(1, |character| u32::try_from(character.len_utf16()).expect("1 or 2"))
    }

    fn of(pieces: &[Option<char>]) -> Places {
        let texts: Vec<Option<String>> = pieces.iter().map(|piece| piece.map(String::from)).collect();
        Places::of(texts.iter().map(Option::as_deref), true)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn places_after_changes_are_those_of_the_changed_text(
            mut text in pieces(),
            changes in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), pieces(), any::<bool>()), 0..12),
        ) {
            let mut places = of(&text);
            for (from, to, inserted, is_embed) in changes {
                let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
                let (from, to) = (from.min(to), from.max(to));
                let unit = |at: usize| text[..at].iter().map(|&piece| units(piece)).sum::<u32>();
                let (at, end) = (unit(from), unit(to));
                prop_assert_eq!(places.check(at, end - at), Ok(()));
                if is_embed {
                    places.embed(at);
                    text.insert(from, None);
                } else {
                    let characters: Vec<Option<char>> = inserted.into_iter().filter(Option::is_some).collect();
                    places.replace(at, end - at, &characters.iter().flatten().collect::<String>());
                    text.splice(from..to, characters);
                }
            }
            let fresh = of(&text);
            prop_assert_eq!(places.length, fresh.length);
            for place in 0..=fresh.length {
                prop_assert_eq!(places.is_half(place), fresh.is_half(place), "{}", place);
            }
            prop_assert!(places.check(fresh.length, 1).is_err());
        }
    }
}
