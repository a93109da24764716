//! To what a request binds a change: nothing, a document, or one state of it. The shard decides, in the turn in which the change would be made.

use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::{DeletionCount, Expected, Sequence};

use super::failure::failed;
use super::tag::{Conditions, Tag};
use crate::control::Context;
use crate::control::problem::Problem;

/// Where a document has to stand for a change that the request makes to whatever is there. Refuses it where the document does not stand there now.
pub(in crate::control) async fn bound(
    context: &Context,
    name: &DocumentName,
    conditions: &Conditions,
) -> Result<Expected, Problem> {
    if conditions.are_none() {
        return Ok(Expected::Any);
    }
    let seen = context.documents.describe(name).await.map_err(failed)?;
    conditions.check_change(seen.as_ref().map(Tag::of))?;
    Ok(match seen {
        Some(seen) if conditions.name_states() => Expected::Exactly(seen.deletions, Sequence(seen.sequence)),
        Some(seen) if conditions.need_some() => Expected::Same(seen.deletions),
        None if conditions.need_none() => Expected::Nothing,
        // It is not in a state that was named, and gets into none that was before.
        Some(_) | None => Expected::Any,
    })
}

/// Where a document has to stand for a change that was made from a state of it, which was read after the count. Without a condition it may have moved
/// on, but not be gone: what was deleted does not come back because of what was changed in it.
pub(in crate::control) fn bound_to(read: Tag, deletions: DeletionCount, conditions: &Conditions) -> Expected {
    match conditions.name_states() {
        true => Expected::Exactly(deletions, Sequence(read.sequence)),
        false => Expected::Same(deletions),
    }
}
