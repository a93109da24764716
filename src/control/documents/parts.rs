//! An update in parts that a document takes: none is larger than a message of a client may be. Does not know where the update comes from.

use axum::body::Bytes;
use selvedge_protocol::update::split;
use selvedge_storage::UPDATE_BYTES_MAX;

use super::failure::failed;
use crate::control::Context;
use crate::control::problem::Problem;
use crate::documents::blocking;

/// How large an update may be that comes in one.
pub(super) fn bytes_max(context: &Context) -> usize {
    context.live.current().effective.settings.message_bytes_max.min(UPDATE_BYTES_MAX)
}

/// An update as clients could have sent it. It is looked at away from this thread where it has to be cut.
pub(super) async fn parts(context: &Context, update: Bytes) -> Result<Vec<Bytes>, Problem> {
    let bytes_max = bytes_max(context);
    if update.len() <= bytes_max {
        return Ok(vec![update]);
    }
    let parts = blocking(move || split(&update, bytes_max)).await.map_err(failed)?;
    let refused = |refused| Problem::unprocessable(format!("the update is refused: {refused}"));
    Ok(parts.map_err(refused)?.into_iter().map(Bytes::from).collect())
}
