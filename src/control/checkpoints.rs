//! Second stores for whoever backs up: `POST /v1/checkpoints` makes one beside the data, `PUT /v1/checkpoints/{id}` says that it is still needed,
//! `DELETE` removes it. Where it is, the server decides; nobody outside names a path.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

use super::Context;
use super::access::Admin;
use super::act::Actor;
use super::documents::failure::failed;
use super::problem::Problem;
use crate::audit::Action;
use crate::documents::blocking;
use crate::maintenance::{CHECKPOINTS, RENEWED_EVERY};

/// A checkpoint keeps files that would be removed otherwise: who says nothing of it for so long has forgotten it.
const KEPT: Duration = Duration::from_secs(300);

// A command that misses some of its turns does not lose what it reads.
const _: () = assert!(RENEWED_EVERY.as_secs() * 4 <= KEPT.as_secs());

/// At once. Each may come to hold as much as the data, when those change.
const CHECKPOINTS_MAX: usize = 4;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/v1/checkpoints", post(make)).route("/v1/checkpoints/{id}", put(renew).delete(remove))
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
    leases: Vec<Lease>,
}

#[derive(Debug)]
struct Lease {
    id: u64,
    /// When it ends, unless it is renewed.
    until: Instant,
}

impl Kept {
    /// The name of another one, where there is room for it.
    fn begin(&mut self) -> Option<u64> {
        if self.making + self.leases.len() >= CHECKPOINTS_MAX {
            return None;
        }
        self.making += 1;
        self.last += 1;
        Some(self.last)
    }

    /// It is made, or was tried to.
    fn end(&mut self, id: u64, is_made: bool, now: Instant) {
        self.making -= 1;
        if is_made {
            self.leases.push(Lease { id, until: now + KEPT });
        }
    }

    /// Whether there is one.
    fn renew(&mut self, id: u64, now: Instant) -> bool {
        let lease = self.leases.iter_mut().find(|lease| lease.id == id);
        lease.map(|lease| lease.until = now + KEPT).is_some()
    }

    /// When it ends; nothing where it is gone.
    fn until(&self, id: u64) -> Option<Instant> {
        self.leases.iter().find(|lease| lease.id == id).map(|lease| lease.until)
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
        if self.kept().until(id).is_none() {
            return Ok(false);
        }
        match fs::remove_dir_all(self.path(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.kept().leases.retain(|lease| lease.id != id);
        Ok(true)
    }
}

async fn make(State(context): State<Arc<Context>>, actor: Actor) -> Result<(StatusCode, Json<Value>), Problem> {
    let work = async {
        actor.caller.require_admin()?;
        let Some(id) = context.checkpoints.kept().begin() else {
            return Err(Problem::unavailable(
                format!(
                    "there are {CHECKPOINTS_MAX} checkpoints already; each goes {} s after it was last asked for",
                    KEPT.as_secs()
                ),
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
        context.checkpoints.kept().end(id, is_made, Instant::now());
        // Who has gone does not come back for it.
        if tell.send(made).is_ok() {
            lapse(&context.checkpoints, id).await;
        }
        // There is nobody to tell of a panic.
        drop(spawn_blocking(move || forget(&context.checkpoints, id)).await);
    });
    let made = told.await.map_err(|_| Problem::unavailable("the server stops", 1))?;
    made.map_err(|error| Problem::internal(&error))?.map_err(|why| Problem::unavailable(why, 10))
}

/// Waits until nobody has asked for it for too long, or it is gone.
async fn lapse(checkpoints: &Checkpoints, id: u64) {
    while let Some(until) = { checkpoints.kept().until(id) }.filter(|until| *until > Instant::now()) {
        sleep_until(until.into()).await;
    }
}

/// Changes nothing that is of interest later: it is not in the audit log.
async fn renew(_: Admin, State(context): State<Arc<Context>>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let is_there = id.parse().is_ok_and(|id| context.checkpoints.kept().renew(id, Instant::now()));
    if is_there { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}

fn unknown() -> Problem {
    Problem::not_found("there is no such checkpoint")
}

async fn remove(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
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
        checkpoints.kept().end(begun[0], true, Instant::now());
        assert_eq!(checkpoints.kept().begin(), None, "it is there");
        assert!(checkpoints.remove(begun[0]).expect("it can be removed"));
        assert!(!checkpoints.path(begun[0]).exists());
        let another = checkpoints.kept().begin().expect("there is room again");
        checkpoints.kept().end(another, false, Instant::now());
        assert!(!checkpoints.remove(another).expect("nothing is tried"), "it was not made");
        assert!(checkpoints.kept().begin().is_some());
        fs::remove_dir_all(&folder).expect("it is ours");
    }

    #[test]
    fn a_lease_ends_when_it_is_not_renewed() {
        let mut kept = Kept::default();
        let begun = Instant::now();
        let id = kept.begin().expect("there is room");
        assert!(!kept.renew(id, begun), "it is not made yet");
        kept.end(id, true, begun);
        assert_eq!(kept.until(id), Some(begun + KEPT));
        // A backup that takes a day.
        let mut now = begun;
        while now < begun + Duration::from_secs(86_400) {
            now += RENEWED_EVERY;
            assert!(kept.until(id).is_some_and(|until| until > now), "it would have been removed");
            assert!(kept.renew(id, now));
        }
        assert_eq!(kept.until(id), Some(now + KEPT));
        kept.leases.clear();
        assert!(!kept.renew(id, now), "it is gone");
    }
}
