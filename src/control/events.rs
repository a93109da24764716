//! Events as they happen, over HTTP: server-sent events (HTML standard, section 9.2). Each stream reads from the feed at its own pace; what
//! happens, [`crate::events`] knows.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::sse;
use axum::response::sse::{KeepAlive, Sse};
use axum::routing::get;
use futures_util::Stream;
use futures_util::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Context;
use super::access::{Admin, Caller};
use super::parameters::Parameters;
use super::problem::Problem;
use crate::events::{Kind, KindSet, Listening, Reading};

/// How often it is told how the process is, and looked whether who listens still may.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Events that are taken from the feed at once.
const EVENTS_PER_STEP_MAX: usize = 256;

/// How soon a stream that was cut should come again.
const RETRY: Duration = Duration::from_secs(2);

/// The word for how the process is, beside the kinds of events.
const STATUS: &str = "status";

pub(super) fn routes(streams_max: usize) -> Router<Arc<Context>> {
    let room = Arc::new(Semaphore::new(streams_max));
    let answer = move |admin: Admin, State(context): State<Arc<Context>>, uri: Uri, headers: HeaderMap| {
        let room = Arc::clone(&room);
        async move { listen(admin, &context, &uri, &headers, room) }
    };
    Router::new().route("/v1/events", get(answer))
}

/// What one stream tells.
#[derive(Clone, Copy)]
struct Types {
    kinds: KindSet,
    status: bool,
}

/// Words of kinds with commas between them; all where there are none.
fn types(uri: &Uri) -> Result<Types, Problem> {
    let parameters = Parameters::read(uri, &["types"])?;
    let Some(words) = parameters.text("types") else { return Ok(Types { kinds: KindSet::ALL, status: true }) };
    let mut status = false;
    // That something is missing is told to all.
    let mut kinds = vec![Kind::Lost];
    for word in words.split(',').map(str::trim) {
        match Kind::parse(word) {
            Some(kind) => kinds.push(kind),
            None if word == STATUS => status = true,
            None => {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
                let known = known.join(", ");
                return Err(Problem::bad_request(format!("types: there is no {word:?}; there are {STATUS}, {known}")));
            }
        }
    }
    Ok(Types { kinds: kinds.into_iter().collect(), status })
}

fn listen(
    Admin(caller): Admin,
    context: &Arc<Context>,
    uri: &Uri,
    headers: &HeaderMap,
    room: Arc<Semaphore>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>> + use<>>, Problem> {
    let types = types(uri)?;
    let place = room
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable("there are as many streams as allowed (control_streams_max)", 5))?;
    let listening = context.events.listen();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let reading = context.events.feed().read(last);
    let mut ticks = interval(STATUS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let context = Arc::clone(context);
    let first = sse::Event::default().retry(RETRY).comment("events");
    let stream = Listener {
        context,
        caller,
        types,
        reading,
        ticks,
        waiting: VecDeque::from([first]),
        _listening: listening,
        _place: place,
    };
    let events = stream::unfold(stream, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// One stream.
struct Listener {
    context: Arc<Context>,
    caller: Caller,
    types: Types,
    reading: Reading,
    ticks: Interval,
    /// Taken from the feed, and not yet by whoever listens.
    waiting: VecDeque<sse::Event>,
    _listening: Listening,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// The next thing to say; nothing where the server stops, or who listens may not any longer.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            tokio::select! {
                goes_on = self.reading.wait() => {
                    self.take();
                    if !goes_on && self.waiting.is_empty() {
                        return None;
                    }
                }
                _ = self.ticks.tick() => {
                    self.caller.uphold(&self.context).ok()?;
                    if self.types.status
                        && let Some(status) = super::status::json(&self.context)
                    {
                        self.waiting.push_back(sse::Event::default().event(STATUS).data(status));
                    }
                }
            }
        }
    }

    fn take(&mut self) {
        let news = self.reading.take(self.context.events.feed(), EVENTS_PER_STEP_MAX);
        if news.missed > 0 {
            let data = json!({"missed": news.missed}).to_string();
            self.waiting.push_back(sse::Event::default().event("missed").data(data));
        }
        for told in news.events {
            let kind = told.event.kind();
            if self.types.kinds.contains(kind) {
                self.waiting.push_back(sse::Event::default().id(&*told.id).event(kind.word()).data(told.json()));
            }
        }
    }
}
