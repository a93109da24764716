//! Second stores for whoever backs up: `POST /v1/checkpoints` makes one beside the data, `DELETE /v1/checkpoints/{id}` removes it. Where it is,
//! the server decides; nobody outside names a path.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Context;
use super::act::Actor;
use super::documents::failure::failed;
use super::problem::Problem;
use crate::audit::Action;
use crate::documents::blocking;
use crate::maintenance::CHECKPOINTS;

/// A checkpoint keeps files that would be removed otherwise: who does not come back for it in this time has forgotten it.
const KEPT: Duration = Duration::from_secs(3_600);

/// At once. Each may come to hold as much as the data, when those change.
const CHECKPOINTS_MAX: usize = 4;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/v1/checkpoints", post(make)).route("/v1/checkpoints/{id}", delete(remove))
}

/// The checkpoints there are.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    ids: Vec<u64>,
}

impl Checkpoints {
    /// None, in the folder of these data. Those of an earlier process are removed.
    #[must_use]
    pub fn new(data_dir: &FilePath) -> Self {
        let folder = data_dir.join(CHECKPOINTS);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(folder = %folder.display(), %error, "checkpoints of an earlier process stay");
            }
            Ok(()) | Err(_) => {}
        }
        Self { folder, kept: Mutex::default() }
    }

    /// A name that is not in use, where there is room for another one.
    fn begin(&self) -> Option<u64> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.ids.len() >= CHECKPOINTS_MAX {
            return None;
        }
        kept.last += 1;
        let id = kept.last;
        kept.ids.push(id);
        Some(id)
    }

    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// Whether there was one.
    fn remove(&self, id: u64) -> std::io::Result<bool> {
        if !self.kept.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(&id) {
            return Ok(false);
        }
        match fs::remove_dir_all(self.path(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).ids.retain(|&other| other != id);
        Ok(true)
    }
}

async fn make(State(context): State<Arc<Context>>, actor: Actor) -> Result<(StatusCode, Json<Value>), Problem> {
    let work = async {
        actor.caller.require_admin()?;
        let Some(id) = context.checkpoints.begin() else {
            return Err(Problem::unavailable(
                format!("there are {CHECKPOINTS_MAX} checkpoints already; each goes by itself within an hour"),
                60,
            ));
        };
        let path = checkpoint(&context, id).await?;
        Ok((StatusCode::CREATED, Json(json!({ "id": id.to_string(), "path": path }))))
    };
    actor.act(Action::MakeCheckpoint, None).run(work).await
}

/// Makes it, and says where it is. It is forgotten when its time has come or it was not made, also where whoever asked has gone meanwhile.
async fn checkpoint(context: &Arc<Context>, id: u64) -> Result<PathBuf, Problem> {
    let working = Arc::clone(context);
    let making = spawn_blocking(move || {
        let checkpoints = &working.checkpoints;
        fs::create_dir_all(&checkpoints.folder).map_err(|error| error.to_string())?;
        let path = checkpoints.path(id);
        working.store.checkpoint(&path).map_err(|error| error.to_string())?;
        path.canonicalize().map_err(|error| error.to_string())
    });
    let (tell, told) = oneshot::channel();
    let context = Arc::clone(context);
    tokio::spawn(async move {
        let made = making.await;
        let is_made = matches!(made, Ok(Ok(_)));
        // Who has gone does not come back for it.
        if tell.send(made).is_ok() && is_made {
            sleep(KEPT).await;
        }
        // There is nobody to tell of a panic.
        drop(spawn_blocking(move || forget(&context.checkpoints, id)).await);
    });
    let made = told.await.map_err(|_| Problem::unavailable("the server stops", 1))?;
    made.map_err(|error| Problem::internal(&error))?.map_err(|why| Problem::unavailable(why, 10))
}

async fn remove(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::not_found("there is no such checkpoint");
    let id: u64 = id.parse().map_err(|_| unknown())?;
    let work = async {
        actor.caller.require_admin()?;
        match blocking(move || context.checkpoints.remove(id)).await.map_err(failed)? {
            Ok(true) => Ok(StatusCode::NO_CONTENT),
            Ok(false) => Err(unknown()),
            Err(error) => Err(Problem::internal(&error)),
        }
    };
    actor.act(Action::RemoveCheckpoint, None).with_target(&id.to_string()).run(work).await
}

fn forget(checkpoints: &Checkpoints, id: u64) {
    if let Err(error) = checkpoints.remove(id) {
        tracing::warn!(path = %checkpoints.path(id).display(), %error, "a checkpoint cannot be removed");
    }
}
