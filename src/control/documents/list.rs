//! `GET /v1/documents`: names in order, page by page. A cursor is the last name that was looked at, so that it stays good whatever happens
//! between two pages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use selvedge_protocol::document_name::NAME_BYTES_MAX;
use serde::Serialize;

use super::cursor;
use super::failure::failed;
use super::times::rfc_3339;
use crate::auth::Right;
use crate::control::Context;
use crate::control::access::Caller;
use crate::control::parameters::Parameters;
use crate::control::problem::Problem;
use crate::documents::{Entry, PAGE_DOCUMENTS_MAX};

/// Documents in a page.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = PAGE_DOCUMENTS_MAX;

/// Names that one request looks at, where its token may read few of them.
const LOOKED_AT_MAX: usize = 10_000;

#[derive(Debug, Serialize)]
pub(super) struct Page {
    documents: Vec<Listed>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    created_at: Option<String>,
    sessions: usize,
}

impl From<(Entry, usize)> for Listed {
    fn from((Entry { name, created_ms }, sessions): (Entry, usize)) -> Self {
        Self { name, created_at: created_ms.map(rfc_3339), sessions }
    }
}

/// A prefix that names can have.
pub(super) fn prefix(parameters: &Parameters) -> Result<&str, Problem> {
    let prefix = parameters.text("prefix").unwrap_or_default();
    if prefix.len() > NAME_BYTES_MAX {
        return Err(Problem::bad_request(format!("prefix: at most {NAME_BYTES_MAX} bytes, as names have")));
    }
    Ok(prefix)
}

pub(super) async fn list(State(context): State<Arc<Context>>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    let parameters = Parameters::read(&uri, &["prefix", "cursor", "limit", "live"])?;
    let prefix = prefix(&parameters)?;
    let allowed = format!("a whole number from 1 to {LIMIT_MAX}");
    let limit = parameters.value::<usize>("limit", &allowed)?.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: {allowed}, not {limit}")));
    }
    if parameters.value::<bool>("live", "true or false")?.unwrap_or(false) {
        let is_wanted = |name: &str| name.starts_with(prefix) && caller.may(name, Right::Read);
        let attended = context.documents.attended(limit, is_wanted).await.map_err(failed)?;
        return Ok(Json(Page { documents: attended.into_iter().map(Listed::from).collect(), next: None }));
    }
    let mut after = parameters.text("cursor").map(cursor::decode).transpose()?;
    let (mut documents, mut looked_at) = (Vec::new(), 0);
    while documents.len() < limit {
        let wanted = limit - documents.len();
        let page = context.documents.list(prefix, after.as_deref(), wanted).await.map_err(failed)?;
        looked_at += page.documents.len();
        let readable = page.documents.into_iter().filter(|document| caller.may(&document.name, Right::Read));
        documents.extend(readable);
        after = page.next;
        if after.is_none() || looked_at >= LOOKED_AT_MAX {
            break;
        }
    }
    // Of what is shown, once.
    let sessions = context.documents.sessions_of(&documents).await.map_err(failed)?;
    let documents = documents.into_iter().zip(sessions).map(Listed::from).collect();
    Ok(Json(Page { documents, next: after.as_deref().map(cursor::encode) }))
}
