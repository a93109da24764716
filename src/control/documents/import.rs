//! `POST /v1/import`: takes an archive in as it arrives, several documents at once, and says of each entry in its order what became of it.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::Expected;
use serde::Serialize;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::archive::{Archive, Broken, Item};
use super::body;
use super::failure::failed;
use super::parts::parts;
use super::places::place;
use super::pump::{Gone, Pump};
use super::room::Held;
use super::state::tag;
use super::under_way::{Became, Bounds, UnderWay};
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::{Documents, Failed};

/// Lines that wait for a client which does not read while it sends. When they are full the import waits for it.
const LINES_MAX: usize = 4_096;

/// What happens to an entry whose document is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnConflict {
    Skip,
    Merge,
    Fail,
}

/// What became of an entry.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Taken { document: &'a str, result: Taken, sequence: u64 },
    Skipped { document: &'a str, result: &'static str },
    Failed { document: &'a str, result: &'static str, status: u16, detail: &'a str },
    Refused { entry: &'a str, result: &'static str, detail: &'a str },
}

/// What an archive's document has become.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Taken {
    Created,
    Merged,
}

/// The last line.
#[derive(Debug, Default, Serialize)]
struct Sum {
    /// The archive was read to its end, and has all that it says it has.
    complete: bool,
    /// Documents that it says it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<u64>,
    created: u64,
    merged: u64,
    skipped: u64,
    failed: u64,
    refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(super) async fn import(
    State(context): State<Arc<Context>>,
    actor: Actor,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["on_conflict"])?;
    let on_conflict = match parameters.text("on_conflict") {
        Some("skip") => OnConflict::Skip,
        Some("merge") => OnConflict::Merge,
        Some("fail") | None => OnConflict::Fail,
        Some(other) => return Err(Problem::bad_request(format!("on_conflict: skip, merge or fail, not {other:?}"))),
    };
    body::expect(&headers, &["application/x-tar", "application/tar", "application/octet-stream"])?;
    let place = place()?;
    let (pump, answer) = Pump::new(LINES_MAX);
    let current = context.live.current();
    let settings = &current.effective.settings;
    let archive = Archive::new(body.into_data_stream(), Arc::clone(&context.room), settings.document_bytes_max);
    let bounds = match on_conflict {
        // Nothing behind a document that is there is taken in, so each has to wait what becomes of the one before.
        OnConflict::Fail => Bounds::SINGLE,
        OnConflict::Skip | OnConflict::Merge => Bounds::several(settings.uncommitted_bytes_max),
    };
    let way = Way { documents: context.documents.unhurried(), context, actor, on_conflict };
    let import = Import { way: Arc::new(way), bounds, pump, sum: Sum::default() };
    tokio::spawn(async move {
        import.run(archive).await;
        drop(place);
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], answer).into_response())
}

/// One import that is going on.
struct Import {
    way: Arc<Way>,
    bounds: Bounds,
    pump: Pump,
    sum: Sum,
}

/// How each of its documents is put in.
struct Way {
    context: Arc<Context>,
    documents: Documents,
    actor: Actor,
    on_conflict: OnConflict,
}

/// What was put in; `None` where a document is there.
type Done = Option<(Taken, u64)>;

/// What stands next in an archive.
type Next = Result<Option<Item>, Broken>;

/// Whether it goes on.
type Step = Result<(), Ended>;

/// Why it ends before its archive does.
enum Ended {
    /// Nobody reads what becomes of it: what is done stays done.
    Gone,
    /// A document is there.
    Conflict,
    Broken(Broken),
}

impl From<Gone> for Ended {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl Import {
    async fn run<S, E>(mut self, mut archive: Archive<S>)
    where
        S: futures_util::Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        let (ask, mut asked) = mpsc::channel(1);
        let (give, given) = mpsc::channel(1);
        let read = async {
            // What is not asked for is not read: so no more is held than is under way, and one document.
            while let Some(()) = asked.recv().await {
                if give.send(archive.next().await).await.is_err() {
                    break;
                }
            }
            pending::<Infallible>().await
        };
        let ended = tokio::select! {
            ended = self.take_all(ask, given) => ended.err(),
            never = read => match never {},
        };
        let is_whole = ended.is_none();
        self.sum.expected = archive.inventory().expected();
        match ended {
            None => {
                archive.finish().await;
                self.sum.detail = archive.inventory().lack();
                self.sum.complete = self.sum.detail.is_none();
            }
            Some(Ended::Gone) => return,
            Some(Ended::Conflict) => {
                self.sum.detail = Some("it ends at a document that is there (on_conflict=fail)".to_owned());
            }
            Some(Ended::Broken(broken)) => self.sum.detail = Some(broken.to_string()),
        }
        if self.say(&self.sum).await.is_err() {
            return;
        }
        if !is_whole {
            archive.give_up().await;
        }
        self.pump.finish();
    }

    /// Puts in what is given, as much at once as the bounds allow.
    async fn take_all(&mut self, ask: Sender<()>, given: Receiver<Next>) -> Step {
        let mut under_way = UnderWay::new(self.bounds);
        let taken = self.take_given(ask, given, &mut under_way).await;
        // Where it ends early, nobody hears of the rest, but it is not left alone.
        under_way.finish().await;
        taken
    }

    async fn take_given(&mut self, ask: Sender<()>, mut given: Receiver<Next>, under_way: &mut UnderWay<Done>) -> Step {
        // One that was read and has to wait for others; whether another one is being read; and what is behind the last.
        let (mut waiting, mut is_reading, mut end) = (None, false, None);
        loop {
            if let Some((name, update, held)) = waiting
                .take_if(|(name, update, _): &mut (DocumentName, Bytes, Held)| under_way.is_turn_of(name, update.len()))
            {
                let bytes = update.len();
                under_way.begin(name.clone(), bytes, Arc::clone(&self.way).put(name, update, held));
            }
            if end.is_none() && waiting.is_none() && !is_reading && under_way.has_room() {
                is_reading = ask.try_send(()).is_ok();
            }
            tokio::select! {
                next = given.recv(), if is_reading => {
                    is_reading = false;
                    match next.expect("whoever is asked answers") {
                        Ok(Some(Item::Document { name, update, held })) => waiting = Some((name, update, held)),
                        Ok(Some(Item::Refused { path, why })) => under_way.refuse(path, why),
                        Ok(None) => end = Some(Ok(())),
                        Err(broken) => end = Some(Err(Ended::Broken(broken))),
                    }
                }
                became = under_way.first(), if !under_way.is_empty() => match became {
                    Became::Put { name, result } => self.told(&name, result).await?,
                    Became::Refused { path, why } => {
                        self.sum.refused += 1;
                        self.say(&Line::Refused { entry: &path, result: "refused", detail: &why }).await?;
                    }
                },
                // Nothing is under way or waits, and nothing more comes.
                else => return end.expect("it is read on as long as there is more"),
            }
        }
    }

    async fn told(&mut self, name: &DocumentName, result: Result<Done, Problem>) -> Step {
        let document = name.as_str();
        let mut ends = false;
        match result {
            Ok(Some((taken, sequence))) => {
                match taken {
                    Taken::Created => self.sum.created += 1,
                    Taken::Merged => self.sum.merged += 1,
                }
                self.say(&Line::Taken { document, result: taken, sequence }).await?;
            }
            Ok(None) if self.way.on_conflict == OnConflict::Fail => {
                self.sum.failed += 1;
                let detail = "there is a document of this name already";
                let status = StatusCode::CONFLICT.as_u16();
                self.say(&Line::Failed { document, result: "failed", status, detail }).await?;
                ends = true;
            }
            Ok(None) => {
                self.sum.skipped += 1;
                self.say(&Line::Skipped { document, result: "skipped" }).await?;
            }
            Err(problem) => {
                self.sum.failed += 1;
                let (status, detail) = (problem.status().as_u16(), problem.detail());
                self.say(&Line::Failed { document, result: "failed", status, detail }).await?;
            }
        }
        if ends { Err(Ended::Conflict) } else { Ok(()) }
    }

    async fn say(&self, line: &impl Serialize) -> Result<(), Gone> {
        let mut line = serde_json::to_vec(line).expect("names and numbers are JSON");
        line.push(b'\n');
        self.pump.send(line.into()).await
    }
}

impl Way {
    /// Puts a document in, and writes down that it was.
    async fn put(self: Arc<Self>, name: DocumentName, update: Bytes, held: Held) -> Result<Done, Problem> {
        let act = self.actor.act(Action::Import, Some(name.as_str()));
        let result = act.run(self.put_whole(&name, update)).await;
        drop(held);
        result
    }

    /// Puts a document in, or finds that it is there; then nothing.
    async fn put_whole(&self, name: &DocumentName, update: Bytes) -> Result<Done, Problem> {
        self.actor.caller.uphold(&self.context)?;
        self.actor.caller.require(name.as_str(), Right::Write)?;
        let there = match self.on_conflict {
            OnConflict::Skip | OnConflict::Fail => None,
            OnConflict::Merge => tag(&self.context, name).await?.filter(|tag| tag.sequence > 0),
        };
        let taken = if there.is_some() { Taken::Merged } else { Taken::Created };
        // Bound to there being nothing, unless it may join what is there.
        let expected = match self.on_conflict {
            OnConflict::Merge => Expected::Any,
            OnConflict::Skip | OnConflict::Fail => Expected::Nothing,
        };
        let parts = parts(&self.context, update).await?;
        match self.documents.put_whole(name, parts, expected).await {
            Ok(sequence) => Ok(Some((taken, sequence))),
            Err(Failed::PreconditionFailed { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}
