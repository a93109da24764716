//! What changed between two states of a document: who wrote is read from the updates, what differs from what both show.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_protocol::update::{self, Limits, Verdict, accept};
use serde_json::Value;
use yrs::Transact as _;

use super::Refusal;
use super::difference::values;
use super::document::{Deleted, Whole, whole};
use super::kind::{Kind, roots};
use super::pieces::pieces;
use super::show::{Deep, Form, Within, exact};
use crate::view::Size;
use crate::view::comparison::{ClientChange, Comparison, RootChange, RootState};

type Content = BTreeMap<String, (Kind, Value)>;

/// See [`crate::view::View::compare_bytes`].
pub(super) fn compare(before: &[u8], after: &[u8], bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let (before, after) = (whole(before)?, whole(after)?);
    let mut comparison = who(&before, &after)?;
    let (was, is) = (content(&before)?, content(&after)?);
    let writers = writers(&before, &after)?;
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names {
        let change = root(name, was.get(name), is.get(name));
        comparison.roots.extend(change.map(|change| RootChange {
            clients: writers.get(name).into_iter().flatten().copied().collect(),
            ..change
        }));
    }
    let mut answer = Vec::new();
    serde_json::to_writer(Within { bytes: &mut answer, bytes_max }, &comparison)
        .map_err(|_| Refusal::TooLarge(Size::Answer))?;
    Ok(answer)
}

fn content(whole: &Whole<'_>) -> Result<Content, Refusal> {
    let doc = whole.open(Deleted::Collect)?;
    let transaction = doc.transact();
    let mut content = Content::new();
    for (name, root) in roots(&transaction) {
        let kind = Kind::of(root, &transaction);
        if kind != Kind::Empty {
            content.insert(name, (kind, exact(root, kind, Form::Plain, Deep::Cut, &transaction)?));
        }
    }
    Ok(content)
}

fn who(before: &Whole<'_>, after: &Whole<'_>) -> Result<Comparison, Refusal> {
    let news = match accept(&before.known, &after.update, &Limits::UNLIMITED) {
        Verdict::Accepted(news) => news,
        Verdict::Duplicate => return Ok(Comparison::default()),
        Verdict::Missing { .. } | Verdict::Refused(_) => return Err(Refusal::Malformed),
    };
    let change = |&(client, clock): &(u64, u32)| ClientChange {
        client,
        inserted: u64::from(clock - before.known.clocks().clock(client)),
    };
    Ok(Comparison {
        clients: news.clocks.iter().map(change).collect(),
        deleted: news.deletes.ranges().iter().map(|range| u64::from(range.end - range.start)).sum(),
        roots: Vec::new(),
    })
}

/// Who wrote since, by root.
fn writers(before: &Whole<'_>, after: &Whole<'_>) -> Result<BTreeMap<String, BTreeSet<u64>>, Refusal> {
    let mut writers: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let shown = update::roots(&after.update, &Limits::UNLIMITED, |root, span| {
        if span.end <= before.known.clocks().clock(span.client) {
            return;
        }
        match writers.get_mut(root) {
            Some(clients) => drop(clients.insert(span.client)),
            None => drop(writers.insert(root.to_owned(), [span.client].into())),
        }
    });
    shown.map(|()| writers).map_err(|_| Refusal::Malformed)
}

fn root(name: &str, before: Option<&(Kind, Value)>, after: Option<&(Kind, Value)>) -> Option<RootChange> {
    let (state, kind) = match (before, after) {
        (None, None) => return None,
        (None, Some((kind, _))) => (RootState::Added, *kind),
        (Some((kind, _)), None) => (RootState::Removed, *kind),
        (Some(before), Some(after)) if before == after => return None,
        (Some(_), Some((kind, _))) => (RootState::Changed, *kind),
    };
    let (before, after) = (before.map(|(_, value)| value), after.map(|(_, value)| value));
    let is_text = |value: Option<&Value>| value.is_none_or(|value| value["type"] == Kind::Text.name());
    let (text, values) = match is_text(before) && is_text(after) {
        true => (pieces(delta(before), delta(after)), Vec::new()),
        false => (Vec::new(), values(before, after)),
    };
    Some(RootChange { root: name.to_owned(), r#type: kind.name().to_owned(), state, clients: Vec::new(), text, values })
}

/// Of a text as it is shown; nothing of nothing.
fn delta(shown: Option<&Value>) -> &[Value] {
    shown.and_then(|shown| shown["delta"].as_array()).map_or(&[], Vec::as_slice)
}
