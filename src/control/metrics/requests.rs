//! Requests to the control plane, counted and timed by route. Does not know what they ask for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::Seen;
use super::page::{In, Page};
use super::times::{SECONDS_PER_MICROSECOND, coarse_time_bounds};
use crate::control::Context;
use crate::instruments::Histogram;

/// What stands for the route where none is under the path: what others make up must not become labels.
const NO_ROUTE: &str = "none";

/// Bounded by routes, times methods and statuses that handlers answer with.
#[derive(Debug, Default)]
pub struct Requests(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    answered: BTreeMap<(String, &'static str, u16), u64>,
    times: BTreeMap<String, Histogram>,
}

impl Requests {
    fn answered(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let mut counted = self.counted();
        *counted.answered.entry((route.to_owned(), name_of(method), status)).or_default() += 1;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counted.times.entry(route.to_owned()).or_default().record(micros);
    }

    /// Plain numbers: poison says nothing.
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The layer. The time is that to the beginning of the answer, whose body may be a stream.
pub(in crate::control) async fn count(
    State(context): State<Arc<Context>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let response = next.run(request).await;
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    context.requests.answered(route, &method, response.status().as_u16(), begun.elapsed());
    response
}

/// Anything may be sent as a method.
fn name_of(method: &Method) -> &'static str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.iter().zip(names).find_map(|(known, name)| (known == method).then_some(name)).unwrap_or("other")
}

pub(super) fn put(seen: &Seen, page: &mut Page<'_>) -> fmt::Result {
    let counted = seen.context.requests.counted();
    let answered: Vec<_> = counted
        .answered
        .iter()
        .map(|((route, method, status), count)| (route.as_str(), *method, status.to_string(), *count))
        .collect();
    let series: Vec<_> = answered
        .iter()
        .map(|(route, method, status, count)| {
            ([("route", *route), ("method", *method), ("status", status.as_str())], *count)
        })
        .collect();
    let family = ("control_requests", In::Count, "Requests to the control plane, by route, method and status.");
    page.counters(family, series.iter().map(|(labels, count)| (&labels[..], *count)))?;
    let family = (
        "control_request_duration",
        In::Seconds,
        "From a request to the control plane to the beginning of its answer, by route.",
    );
    let times = counted.times.iter().map(|(route, times)| (route.as_str(), times));
    page.histogram_by(family, "route", times, coarse_time_bounds, SECONDS_PER_MICROSECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_make_up_does_not_become_a_label() {
        let requests = Requests::default();
        for method in ["GET", "BREW", "PROPFIND"] {
            let method = Method::from_bytes(method.as_bytes()).expect("a token");
            requests.answered(NO_ROUTE, &method, 404, Duration::from_millis(1));
        }
        let counted = requests.counted();
        let keys: Vec<_> = counted
            .answered
            .iter()
            .map(|((route, method, status), count)| (route.as_str(), *method, *status, *count))
            .collect();
        assert_eq!(keys, [("none", "GET", 404, 1), ("none", "other", 404, 2)]);
        assert_eq!(counted.times[NO_ROUTE].count(), 3);
    }
}
