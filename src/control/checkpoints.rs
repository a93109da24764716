//! Second stores for whoever backs up: `POST /v1/checkpoints` makes one beside the data, `DELETE /v1/checkpoints/{id}` removes it. Where it is,
//! the server decides; nobody outside names a path.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use super::documents::failure::blocking;
use super::problem::Problem;
use crate::audit::Action;
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
    /// Those that are being made. Nobody outside knows their ids.
    making: usize,
    /// Those that are made.
    ids: Vec<u64>,
}

impl Kept {
    /// The name of another one, where there is room for it.
    fn begin(&mut self) -> Option<u64> {
        if self.making + self.ids.len() >= CHECKPOINTS_MAX {
            return None;
        }
        self.making += 1;
        self.last += 1;
        Some(self.last)
    }

    /// It is made, or was tried to.
    fn end(&mut self, id: u64, is_made: bool) {
        self.making -= 1;
        if is_made {
            self.ids.push(id);
        }
    }
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

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// Whether there was one.
    fn remove(&self, id: u64) -> std::io::Result<bool> {
        if !self.kept().ids.contains(&id) {
            return Ok(false);
        }
        match fs::remove_dir_all(self.path(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.kept().ids.retain(|&other| other != id);
        Ok(true)
    }
}

async fn make(State(context): State<Arc<Context>>, actor: Actor) -> Result<(StatusCode, Json<Value>), Problem> {
    let work = async {
        actor.caller.require_admin()?;
        let Some(id) = context.checkpoints.kept().begin() else {
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
        // Whoever is told can remove it at once, and nobody before.
        context.checkpoints.kept().end(id, is_made);
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
        match blocking(move || context.checkpoints.remove(id)).await? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_made_takes_a_place_and_cannot_be_removed() {
        let folder = std::env::temp_dir().join(format!("selvedge-checkpoints-{}", std::process::id()));
        let checkpoints = Checkpoints::new(&folder);
        let begun: Vec<u64> = (0..CHECKPOINTS_MAX).filter_map(|_| checkpoints.kept().begin()).collect();
        assert_eq!((begun.len(), checkpoints.kept().begin()), (CHECKPOINTS_MAX, None));
        fs::create_dir_all(checkpoints.path(begun[0])).expect("room");
        assert!(!checkpoints.remove(begun[0]).expect("nothing is tried"));
        assert!(checkpoints.path(begun[0]).exists(), "the store is writing there");
        checkpoints.kept().end(begun[0], true);
        assert_eq!(checkpoints.kept().begin(), None, "it is there");
        assert!(checkpoints.remove(begun[0]).expect("it can be removed"));
        assert!(!checkpoints.path(begun[0]).exists());
        let another = checkpoints.kept().begin().expect("there is room again");
        checkpoints.kept().end(another, false);
        assert!(!checkpoints.remove(another).expect("nothing is tried"), "it was not made");
        assert!(checkpoints.kept().begin().is_some());
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
