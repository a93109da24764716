//! The `ETag` of a document: which state it is in. Knows no document.
//!
//! A tag names the state, not the bytes: compaction may write the same state in fewer of them. Nothing is served in ranges, which is what
//! equal bytes would be needed for, and a strong tag is what `If-Match` can be compared with (RFC 9110, section 13.1.1).

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::control::problem::Problem;

/// Most tags in one header.
const TAGS_MAX: usize = 64;

/// A state of a document: its sequence, and which of the documents of this name it is, where one was deleted and made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) struct Tag {
    /// When it was made, in milliseconds since 1970.
    pub(in crate::control) created_ms: u64,
    /// Updates so far.
    pub(in crate::control) sequence: u64,
}

/// What a document can be had as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum Representation {
    Update,
    Json,
    Text,
}

impl Representation {
    fn letter(self) -> char {
        match self {
            Self::Update => 'u',
            Self::Json => 'j',
            Self::Text => 't',
        }
    }
}

impl Tag {
    /// The header's value.
    pub(in crate::control) fn header(self, representation: Representation) -> HeaderValue {
        HeaderValue::try_from(self.text(representation)).expect("letters and digits are a value")
    }

    fn text(self, representation: Representation) -> String {
        format!("\"{:x}-{:x}-{}\"", self.created_ms, self.sequence, representation.letter())
    }

    /// Whether the tag of any representation of this state is this.
    fn is_state_of(self, tag: &str) -> bool {
        [Representation::Update, Representation::Json, Representation::Text].iter().any(|&of| self.text(of) == tag)
    }
}

/// What a request asks of the state, before anything is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::control) struct Conditions {
    if_match: Option<Wanted>,
    if_none_match: Option<Wanted>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Any,
    /// Each with its quotes, and whether it is weak.
    Tags(Vec<(String, bool)>),
}

impl Conditions {
    /// Reads `If-Match` and `If-None-Match`.
    pub(in crate::control) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self { if_match: wanted(headers, IF_MATCH)?, if_none_match: wanted(headers, IF_NONE_MATCH)? })
    }

    /// Refuses a change to another state than that which was asked for; `None` where there is no document.
    pub(in crate::control) fn check_change(&self, tag: Option<Tag>) -> Result<(), Problem> {
        let failed = |detail| Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
        match (&self.if_match, tag) {
            (None, _) | (Some(Wanted::Any), Some(_)) => {}
            (Some(_), None) => return failed("there is no document of this name (If-Match)"),
            (Some(Wanted::Tags(tags)), Some(tag)) => {
                if !tags.iter().any(|(text, is_weak)| !is_weak && tag.is_state_of(text)) {
                    return failed("the document is in another state by now (If-Match)");
                }
            }
        }
        match (&self.if_none_match, tag) {
            (None, _) | (Some(_), None) => Ok(()),
            (Some(Wanted::Any), Some(_)) => failed("there is a document of this name (If-None-Match)"),
            (Some(Wanted::Tags(tags)), Some(tag)) => match tags.iter().any(|(text, _)| tag.is_state_of(text)) {
                true => failed("the document is in this state (If-None-Match)"),
                false => Ok(()),
            },
        }
    }

    /// Refuses a request to which no state belongs, so that nobody takes it for bound to one.
    pub(in crate::control) fn refuse(headers: &HeaderMap) -> Result<(), Problem> {
        match Self::read(headers)?.are_none() {
            true => Ok(()),
            false => Err(Problem::bad_request("If-Match and If-None-Match mean nothing here: no state has a tag")),
        }
    }

    /// Whether who asks has this already. Refuses to show another state than that which was asked for.
    pub(in crate::control) fn check_read(&self, tag: Tag, representation: Representation) -> Result<bool, Problem> {
        Self { if_match: self.if_match.clone(), if_none_match: None }.check_change(Some(tag))?;
        Ok(self.is_known(tag, representation))
    }

    fn is_known(&self, tag: Tag, representation: Representation) -> bool {
        match &self.if_none_match {
            None => false,
            Some(Wanted::Any) => true,
            Some(Wanted::Tags(tags)) => tags.iter().any(|(text, _)| *text == tag.text(representation)),
        }
    }

    /// Whether nothing is asked of the state before a change.
    pub(in crate::control) fn are_none(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether a change is bound to one state, and not only to there being a document or none.
    pub(in crate::control) fn name_states(&self) -> bool {
        matches!(self.if_match, Some(Wanted::Tags(_)))
    }

    /// Whether there must be a document.
    pub(in crate::control) fn need_some(&self) -> bool {
        self.if_match.is_some()
    }

    /// Whether there must be no document yet.
    pub(in crate::control) fn need_none(&self) -> bool {
        self.if_none_match == Some(Wanted::Any)
    }
}

fn wanted(headers: &HeaderMap, name: HeaderName) -> Result<Option<Wanted>, Problem> {
    let malformed = || {
        Problem::bad_request(format!(
            "{name} has to be `*`, or at most {TAGS_MAX} tags in quotes, with commas between them"
        ))
    };
    let mut tags = Vec::new();
    let mut is_any = false;
    for value in headers.get_all(&name) {
        let mut rest = value.to_str().map_err(|_| malformed())?.trim();
        if rest == "*" {
            is_any = true;
            continue;
        }
        loop {
            let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
            let inner = quoted.strip_prefix('"').ok_or_else(malformed)?;
            let (inner, behind) = inner.split_once('"').ok_or_else(malformed)?;
            if tags.len() >= TAGS_MAX {
                return Err(malformed());
            }
            tags.push((format!("\"{inner}\""), is_weak));
            match behind.trim_start().strip_prefix(',') {
                Some(next) => rest = next.trim_start(),
                None if behind.trim().is_empty() => break,
                None => return Err(malformed()),
            }
        }
    }
    match (is_any, tags.is_empty()) {
        (true, true) => Ok(Some(Wanted::Any)),
        (true, false) => Err(malformed()),
        (false, true) => Ok(None),
        (false, false) => Ok(Some(Wanted::Tags(tags))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Tag = Tag { created_ms: 0x1234, sequence: 10 };

    fn conditions(name: HeaderName, value: &str) -> Result<Conditions, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header"));
        Conditions::read(&headers)
    }

    #[test]
    fn a_change_happens_to_the_state_that_was_seen_whatever_it_was_seen_as() {
        let cases = [
            ("*", true, false),
            ("\"1234-a-u\"", true, false),
            ("\"1234-a-j\"", true, false),
            ("\"1234-a-t\" , \"x\"", true, false),
            ("\"x\",\"1234-a-u\"", true, false),
            ("W/\"1234-a-u\"", false, false),
            ("\"1234-b-u\"", false, false),
            ("\"1235-a-u\"", false, false),
            ("\"\"", false, false),
        ];
        for (value, is_met, is_met_by_nothing) in cases {
            let conditions = conditions(IF_MATCH, value).expect(value);
            assert_eq!(conditions.check_change(Some(TAG)).is_ok(), is_met, "{value}");
            assert_eq!(conditions.check_change(None).is_ok(), is_met_by_nothing, "{value}");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again_and_what_is_there_not_made_again() {
        for (value, update, json) in
            [("*", true, true), ("\"1234-a-u\"", true, false), ("W/\"1234-a-j\"", false, true), ("\"1\"", false, false)]
        {
            let conditions = conditions(IF_NONE_MATCH, value).expect(value);
            assert_eq!(conditions.is_known(TAG, Representation::Update), update, "{value}");
            assert_eq!(conditions.is_known(TAG, Representation::Json), json, "{value}");
            assert!(conditions.check_change(None).is_ok(), "{value}");
            assert_eq!(conditions.check_change(Some(TAG)).is_err(), update || json, "{value}");
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        let many = "\"a\",".repeat(TAGS_MAX) + "\"a\"";
        for value in ["", "a", "\"a", "\"a\" \"b\"", "\"a\",", "w/\"a\"", "*,\"a\"", "\"a\",*", &many] {
            assert!(conditions(IF_MATCH, value).is_err(), "{value}");
        }
        assert!(Conditions::read(&HeaderMap::new()).expect("nothing is asked").are_none());
    }

    #[test]
    fn another_state_is_not_shown_to_who_wants_one_and_none_is_where_there_are_no_states() {
        for (name, value, expected) in [
            (IF_MATCH, "*", Some(false)),
            (IF_MATCH, "\"1234-a-j\"", Some(false)),
            (IF_MATCH, "\"1234-b-u\"", None),
            (IF_NONE_MATCH, "*", Some(true)),
            (IF_NONE_MATCH, "\"1234-b-u\"", Some(false)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            let conditions = Conditions::read(&headers).expect(value);
            assert_eq!(conditions.check_read(TAG, Representation::Update).ok(), expected, "{value}");
            assert!(Conditions::refuse(&headers).is_err(), "{value}");
        }
        assert!(Conditions::refuse(&HeaderMap::new()).is_ok());
    }
}
