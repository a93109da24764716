//! `/v1/documents/{name}/sessions`: who has a document open, closing a session; and messages to all of them.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use selvedge_shards::{Access, Dialect};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body;
use super::failure::failed;
use super::name::Named;
use super::state::describe;
use super::times::rfc_3339;
use crate::audit::Action;
use crate::auth::Right;
use crate::control::Context;
use crate::control::access::Caller;
use crate::control::act::Actor;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::{SessionName, SessionView};

/// Which segment of `/v1/documents/{name}/sessions/{session}` names the session, where the first one is empty.
const SEGMENT: usize = 5;

/// Who has a document open.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    sessions: Vec<Session>,
    count: usize,
}

#[derive(Debug, Serialize)]
struct Session {
    id: String,
    /// For those who may know everything. Readers see each other's awareness, and nothing else of one another.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    since: String,
    access: &'static str,
    dialect: &'static str,
    awareness: Vec<Announced>,
}

/// What a client says of itself.
#[derive(Debug, Serialize)]
struct Announced {
    client: u64,
    state: Value,
}

impl Session {
    fn of(view: SessionView, tells_all: bool) -> Self {
        Self {
            id: view.id.to_string(),
            subject: view.subject.filter(|_| tells_all),
            address: view.address.filter(|_| tells_all),
            since: rfc_3339(view.since_ms),
            access: match view.access {
                Access::ReadOnly => "read",
                Access::ReadWrite => "write",
            },
            dialect: match view.dialect {
                Dialect::YWebsocket => "y-websocket",
                Dialect::Hocuspocus => "hocuspocus",
            },
            awareness: view
                .awareness
                .into_iter()
                .map(|(client, json)| Announced { client, state: parsed(&json) })
                .collect(),
        }
    }
}

/// It was JSON when it came. What is nested deeper than we read is shown as text.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| json.into())
}

pub(super) async fn list(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Named(name): Named,
    uri: Uri,
) -> Result<Json<Page>, Problem> {
    caller.require(name.as_str(), Right::Read)?;
    Parameters::read(&uri, &[])?;
    let sessions = context.documents.sessions(&name).await.map_err(failed)?;
    if sessions.in_all == 0 {
        // Of a document without sessions it has to be known whether there is one.
        describe(&context, &name).await?;
    }
    let tells_all = caller.0.admin;
    let shown = sessions.shown.into_iter().map(|view| Session::of(view, tells_all)).collect();
    Ok(Json(Page { sessions: shown, count: sessions.in_all }))
}

pub(super) async fn dismiss(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    let session = uri.path().split('/').nth(SEGMENT).unwrap_or_default().parse::<SessionName>();
    let work = async {
        // Nobody who may only write is to send others away.
        actor.caller.require_admin()?;
        Parameters::read(&uri, &[])?;
        let session = session.map_err(|()| not_there())?;
        match context.documents.dismiss(&name, session).await.map_err(failed)? {
            true => Ok(StatusCode::NO_CONTENT),
            false => Err(not_there()),
        }
    };
    let act = actor.act(Action::DismissSession, Some(name.as_str()));
    let act = match session {
        Ok(session) => act.with_target(&session.to_string()),
        // It names nothing.
        Err(()) => act,
    };
    act.run(work).await
}

fn not_there() -> Problem {
    Problem::not_found("the document has no such session")
}

/// A message to all sessions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    payload: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Told {
    delivered: bool,
}

pub(super) async fn tell(
    State(context): State<Arc<Context>>,
    actor: Actor,
    Named(name): Named,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Told>, Problem> {
    let work = async {
        actor.caller.require(name.as_str(), Right::Comment)?;
        Parameters::read(&uri, &[])?;
        let Message { payload } = body::read_json(&context.room, &headers, body).await?;
        let bytes_max = context.live.current().effective.settings.message_bytes_max;
        if payload.len() > bytes_max {
            let detail = format!("payload: at most {bytes_max} bytes (message_bytes_max)");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let delivered = context.documents.send_stateless(&name, &payload).await.map_err(failed)?;
        Ok(Json(Told { delivered }))
    };
    actor.act(Action::SendStateless, Some(name.as_str())).run(work).await
}
