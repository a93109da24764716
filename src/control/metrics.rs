//! `GET /metrics`: everything that is counted, for Prometheus. Read when it is asked for, from what cores and threads have laid out; nobody
//! counts for it alone, and nobody is waited for. What the families mean stands in docs/OPERATIONS.md.
//!
//! Each part of the server has a file of its own below. To add one: a function `put` like theirs, and a line in [`PARTS`].

mod alerts;
mod connections;
mod cores;
mod documents;
mod limits;
mod memory;
mod page;
mod process;
mod requests;
mod storage;
mod text;
mod times;
mod updates;
mod view;
mod webhooks;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text as open_metrics};
use prometheus_client::registry::Registry;
use selvedge_storage::Figures;

use super::Context;
use super::access::Admin;
use super::problem::Problem;
use crate::instruments::{Batches, Timings};
use crate::reactor::Counted;
use crate::settings::Settings;
use crate::settings::live::Revision;
use page::Page;
pub use requests::Requests;
pub(super) use requests::count;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Puts the families of one part of the server on the page.
type Part = fn(&Seen, &mut Page<'_>) -> fmt::Result;

/// All parts whose families begin with `selvedge_`, in the order of the page.
const PARTS: [Part; 13] = [
    process::put,
    connections::put,
    documents::put,
    updates::put,
    times::put,
    cores::put,
    storage::put,
    memory::put,
    limits::put,
    requests::put,
    alerts::put,
    view::put,
    webhooks::put,
];

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new().route("/metrics", get(scrape))
}

async fn scrape(_: Admin, State(context): State<Arc<Context>>, headers: HeaderMap) -> Result<Response, Problem> {
    // It waits for nothing: a page that came only while the disk answers would end just when it is wanted.
    let page = write(&context).map_err(|error| Problem::internal(&error))?;
    let takes_open_metrics = headers
        .get_all(ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("application/openmetrics-text")));
    Ok(match takes_open_metrics {
        true => ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        false => ([(CONTENT_TYPE, PLAIN_TEXT)], text::of_open_metrics(&page)).into_response(),
    })
}

/// The page, in the text format of OpenMetrics.
fn write(context: &Arc<Context>) -> Result<String, fmt::Error> {
    let seen = Arc::new(Seen::now(Arc::clone(context)));
    let mut ours = Registry::with_prefix("selvedge");
    ours.register_collector(Box::new(Parts { seen: Arc::clone(&seen), parts: &PARTS }));
    // These have the same names in all programs.
    let mut common = Registry::default();
    common.register_collector(Box::new(Parts { seen, parts: &[process::put_common] }));
    let mut page = String::new();
    open_metrics::encode_registry(&mut page, &ours)?;
    open_metrics::encode_registry(&mut page, &common)?;
    open_metrics::encode_eof(&mut page)?;
    Ok(page)
}

/// What the parts read from: the counts of all cores were taken in one moment, so that they fit together.
struct Seen {
    context: Arc<Context>,
    cores: Vec<Counted>,
    revision: Arc<Revision>,
    /// As the watch has read it some seconds ago; nothing where the store is not open.
    store: Option<Figures>,
}

impl Seen {
    fn now(context: Arc<Context>) -> Self {
        let cores = context.board.read().collect();
        let revision = context.live.current();
        let store = context.watch.store();
        Self { context, cores, revision, store }
    }

    /// Those in force.
    fn settings(&self) -> &Settings {
        &self.revision.effective.settings
    }

    fn timings(&self) -> Timings {
        self.context.timings_with(&self.cores)
    }

    fn batches(&self) -> Batches {
        self.context.batches_with(&self.cores)
    }

    /// A number of all cores together.
    fn sum(&self, of: impl Fn(&Counted) -> u64) -> u64 {
        self.cores.iter().map(of).sum()
    }
}

struct Parts {
    seen: Arc<Seen>,
    parts: &'static [Part],
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

impl Collector for Parts {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        self.parts.iter().try_for_each(|put| put(&self.seen, &mut page))
    }
}
