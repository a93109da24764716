//! Documents as archives (tar), one or all: written as they are read, one document at a time.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use selvedge_protocol::document_name::DocumentName;
use serde::Serialize;
use tar::{EntryType, Header};

use super::archive::BLOCK_BYTES;
use super::entry_name;
use super::list::prefix;
use super::name::Named;
use super::places::place;
use super::pump::{Gone, Pump};
use super::state::state;
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::access::Caller;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::{PAGE_DOCUMENTS_MAX, State as DocumentState};

/// What a header has room for.
const PATH_BYTES_MAX: usize = 100;

/// Pieces that wait to be sent.
const PIECES_MAX: usize = 4;

/// Failures that are told one by one; the others are counted.
const FAILURES_MAX: usize = 1_000;

/// What is in an archive: its last entry.
#[derive(Debug, Default, Serialize)]
struct Manifest {
    format: u32,
    documents: u64,
    bytes: u64,
    failed: u64,
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    document: String,
    detail: String,
}

pub(super) async fn one(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
) -> Result<Response, Problem> {
    let act = actor.act(Action::Export, Some(name.as_str()));
    let work = async {
        actor.caller.require(name.as_str(), Right::Read)?;
        Parameters::read(&uri, &[])?;
        let mut held = context.room.enter()?;
        let state = state(&context, &name).await?;
        held.grow(state.update.len())?;
        let (pump, body) = Pump::new(PIECES_MAX);
        let manifest = Manifest { format: 1, documents: 1, bytes: state.update.len() as u64, ..Manifest::default() };
        let path = entry_name::write(&name);
        tokio::spawn(async move {
            let result = async {
                put(&pump, &path, Some(&state), state.update.clone()).await?;
                end(&pump, &manifest).await
            };
            if result.await.is_ok() {
                pump.finish();
            }
            drop(held);
        });
        Ok(archive(body))
    };
    act.run(work).await
}

pub(super) async fn all(State(context): State<Arc<Context>>, actor: Actor, uri: Uri) -> Result<Response, Problem> {
    let work = async {
        let parameters = Parameters::read(&uri, &["prefix"])?;
        let prefix = prefix(&parameters)?.to_owned();
        let place = place()?;
        let (pump, body) = Pump::new(PIECES_MAX);
        let caller = actor.caller.clone();
        let context = Arc::clone(&context);
        tokio::spawn(async move {
            if write(&context, &caller, &prefix, &pump).await.is_ok() {
                pump.finish();
            }
            drop(place);
        });
        Ok(archive(body))
    };
    actor.act(Action::Export, None).run(work).await
}

fn archive(body: axum::body::Body) -> Response {
    let headers =
        [(CONTENT_TYPE, "application/x-tar"), (CONTENT_DISPOSITION, "attachment; filename=\"selvedge-export.tar\"")];
    (StatusCode::OK, headers, body).into_response()
}

/// Why an archive breaks off: what is sent so far is no whole archive, and nobody takes it for one.
enum Broken {
    Gone,
    /// The names cannot be read.
    Unlisted,
    /// Who asks may not any longer.
    NotUpheld,
}

impl From<Gone> for Broken {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

async fn write(context: &Context, caller: &Caller, prefix: &str, pump: &Pump) -> Result<(), Broken> {
    let mut manifest = Manifest { format: 1, ..Manifest::default() };
    let mut after: Option<String> = None;
    loop {
        let page = context.documents.list(prefix, after.as_deref(), PAGE_DOCUMENTS_MAX).await.map_err(|error| {
            tracing::warn!(%error, "an export broke off: the documents cannot be listed");
            Broken::Unlisted
        })?;
        for document in page.documents {
            // What cannot be one has come to be stored in no way of ours.
            let Ok(name) = DocumentName::new(&document.name) else { continue };
            if !caller.may(name.as_str(), Right::Read) {
                continue;
            }
            caller.uphold(context).map_err(|_| Broken::NotUpheld)?;
            let held = context.room.enter();
            match context.documents.state(&name).await {
                Ok(Some(state)) => match held.and_then(|mut held| held.grow(state.update.len()).map(|()| held)) {
                    Ok(_held) => {
                        put(pump, &entry_name::write(&name), Some(&state), state.update.clone()).await?;
                        manifest.documents += 1;
                        manifest.bytes += state.update.len() as u64;
                    }
                    Err(problem) => manifest.failed(name.as_str(), problem.detail()),
                },
                // Deleted meanwhile.
                Ok(None) => {}
                Err(error) => manifest.failed(name.as_str(), &error.to_string()),
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(end(pump, &manifest).await?);
        }
    }
}

impl Manifest {
    fn failed(&mut self, document: &str, detail: &str) {
        self.failed += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(Failure { document: document.to_owned(), detail: detail.to_owned() });
        }
    }
}

/// What ends an archive.
async fn end(pump: &Pump, manifest: &Manifest) -> Result<(), Gone> {
    let manifest = serde_json::to_vec_pretty(manifest).expect("names and numbers are JSON");
    put(pump, entry_name::MANIFEST, None, manifest.into()).await?;
    pump.send(Bytes::from_static(&[0; 2 * BLOCK_BYTES])).await
}

/// One entry.
async fn put(pump: &Pump, path: &str, state: Option<&DocumentState>, bytes: Bytes) -> Result<(), Gone> {
    pump.send(head(path, state, bytes.len()).into()).await?;
    let padding = bytes.len().next_multiple_of(BLOCK_BYTES) - bytes.len();
    pump.send(bytes).await?;
    pump.send(Bytes::from_static(&[0; BLOCK_BYTES]).split_to(padding)).await
}

/// What stands in front of an entry's bytes.
fn head(path: &str, state: Option<&DocumentState>, bytes: usize) -> Vec<u8> {
    const IN_MEMORY: &str = "what is written to memory is written";
    let mut extended = Vec::new();
    // A keyword of our own would make other readers complain.
    let comment = state.map(|state| format!("sequence={} created_ms={}", state.sequence, state.created_ms));
    extended.extend(comment.as_ref().map(|comment| ("comment", comment.as_bytes())));
    // A longer one does not fit the header, which has its beginning then, for readers that know no better.
    let short = &path[..path.len().min(PATH_BYTES_MAX)];
    if short != path {
        extended.push(("path", path.as_bytes()));
    }
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(state.map_or(0, |state| state.created_ms) / 1_000);
    header.set_size(bytes as u64);
    header.set_path(short).expect("it is short, and one name");
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions(extended).expect(IN_MEMORY);
    builder.append(&header, std::io::empty()).expect(IN_MEMORY);
    // Taken out before the builder ends its archive.
    std::mem::take(builder.get_mut())
}
