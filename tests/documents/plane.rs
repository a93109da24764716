//! The control plane of a server, as its clients have it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, SendBody};

/// A way to it, with a token or without.
#[derive(Clone)]
pub(crate) struct Plane {
    agent: Agent,
    address: SocketAddr,
    token: Option<String>,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Plane {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            // A bound for tests that hang, not a measure.
            .timeout_global(Some(Duration::from_secs(600)));
        Self { agent: config.build().into(), address, token: None }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Asks for something. `request` is method and path; headers come in pairs; an empty body is none.
    pub(crate) fn ask(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let mut asked = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            asked = asked.header(*name, *value);
        }
        if let Some(token) = &self.token {
            asked = asked.header("authorization", format!("Bearer {token}"));
        }
        let answer = if body.is_empty() {
            self.agent.run(asked.body(()).expect("a request"))
        } else {
            let length = body.len().to_string();
            let asked = asked
                .header("content-length", length)
                .body(SendBody::from_owned_reader(std::io::Cursor::new(body.to_vec())));
            self.agent.run(asked.expect("a request"))
        };
        let answer = answer.unwrap_or_else(|error| panic!("{request}: {error}"));
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(1 << 30).read_to_vec().unwrap_or_else(|error| panic!("{request}: {error}"));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], &[])
    }

    /// With a body of JSON.
    pub(crate) fn tell(&self, request: &str, body: &Value) -> Answer {
        self.ask(request, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Applies an update.
    pub(crate) fn update(&self, document: &str, update: &[u8]) -> Answer {
        let request = format!("POST /v1/documents/{document}/updates");
        self.ask(&request, &[("content-type", "application/octet-stream")], update)
    }
}

impl Answer {
    /// That it is this, or what it is instead.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if status >= 400 {
            assert_eq!(self.header("content-type"), "application/problem+json");
            assert_eq!(self.json()["status"], status);
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are text"))
    }

    /// Each line of JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = self.text();
        lines.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }
}
