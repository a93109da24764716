//! What is served under which path. Decides from one request; has no socket, and does not know which core does what.

mod credential;

use std::sync::Arc;
use std::time::SystemTime;

use selvedge_protocol::document_name::{DocumentName, DocumentNameError};
use selvedge_protocol::http::{
    Connection, Limits, Request, RequestError, RequestKind, Status, UpgradeKey, parse_request, write_refusal,
    write_response, write_upgrade,
};
use selvedge_protocol::sync;
use selvedge_protocol::websocket::{Deflate, negotiate};

use crate::admission::Admission;
use crate::auth::{Authority, Denied, Grant};
use crate::health::{Checked, Health};
use crate::limits::{Door, TurnedAway};
use credential::Credential;

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What a request comes to.
#[derive(Debug)]
pub enum Routed {
    /// More of the head has to come.
    Incomplete,
    /// To be granted: what follows the head, from this many bytes on, is WebSocket.
    Upgrade {
        /// What for.
        upgrade: Upgrade,
        /// Length of the head.
        head_bytes: usize,
    },
    /// To be granted only so that it can be said why there is no session.
    Refused {
        /// What is said.
        refused: Refused,
        /// Length of the head.
        head_bytes: usize,
    },
    /// To be answered by this, and closed.
    Answer {
        /// The whole response.
        response: Vec<u8>,
        /// The peer may still be sending.
        unread: bool,
    },
}

/// A WebSocket that was asked for and may be granted.
#[derive(Debug)]
pub struct Upgrade {
    /// What for.
    pub target: Target,
    /// What it is held to.
    pub admission: Admission,
    handshake: Handshake,
}

/// A WebSocket that was asked for by somebody who is not let in.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub denied: Denied,
    handshake: Handshake,
    /// There would have been a session: the client understands what a session says.
    is_session: bool,
}

/// What the response to an upgrade is made from.
#[derive(Clone, Copy, Debug)]
struct Handshake {
    key: UpgradeKey,
    protocol: Option<&'static str>,
}

impl Handshake {
    fn response(&self, deflate: Option<Deflate>) -> Vec<u8> {
        let mut response = Vec::new();
        write_upgrade(&mut response, &self.key, self.protocol, deflate);
        response
    }
}

/// What a WebSocket is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A session of this document.
    Document(Arc<str>),
    /// Many documents, named in their messages.
    Hocuspocus,
    /// The echo, for conformance tests.
    Echo,
}

impl Upgrade {
    /// The response that grants it.
    #[must_use]
    pub fn response(&self) -> Vec<u8> {
        self.handshake.response(self.admission.deflate)
    }

    /// The same for somebody who is not let in after all.
    #[must_use]
    pub fn refused(&self, denied: Denied) -> Refused {
        Refused { denied, handshake: self.handshake, is_session: self.target.is_session() }
    }
}

impl Refused {
    /// The response that opens the WebSocket, and the one message in it. A Close frame has to follow.
    #[must_use]
    pub fn response(&self) -> Vec<u8> {
        let mut response = self.handshake.response(None);
        if self.is_session {
            sync::put_permission_denied(&mut response, &self.denied.to_string());
        }
        response
    }
}

impl Target {
    fn is_session(&self) -> bool {
        match self {
            Self::Document(_) => true,
            Self::Hocuspocus | Self::Echo => false,
        }
    }
}

/// What is served beyond documents, and how the server is.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints<'a> {
    /// Longest request head.
    pub head_bytes_max: usize,
    /// Whether there is an echo.
    pub conformance: bool,
    /// Whether compression is agreed to.
    pub compression: bool,
    /// Where answers about health come from.
    pub health: &'a Health,
    /// Who is asked whether somebody may come in.
    pub authority: &'a Authority,
    /// For the times in tokens.
    pub now: SystemTime,
    /// Who else is asked; without, all come in.
    pub door: Option<&'a Door<'a>>,
}

impl Endpoints<'_> {
    /// Looks at all that has arrived of a request. `surplus`: there are too many connections already.
    #[must_use]
    pub fn route(&self, received: &[u8], surplus: bool) -> Routed {
        match parse_request(received, &Limits { head_bytes_max: self.head_bytes_max }) {
            Ok(None) => Routed::Incomplete,
            Ok(Some((request, head_bytes))) => match self.upgrade_of(&request, surplus) {
                Ok(Ok(upgrade)) => Routed::Upgrade { upgrade, head_bytes },
                Ok(Err(refused)) => Routed::Refused { refused, head_bytes },
                Err(answer) => Routed::Answer { response: answer.response(), unread: received.len() > head_bytes },
            },
            Err(error) => {
                let mut response = Vec::new();
                write_refusal(&mut response, &error);
                // Where the head ends is unknown, except that a method is found out with it.
                Routed::Answer {
                    response,
                    unread: error != RequestError::MethodNotAllowed || !received.ends_with(b"\r\n\r\n"),
                }
            }
        }
    }

    fn upgrade_of(&self, request: &Request<'_>, surplus: bool) -> Result<Result<Upgrade, Refused>, Answer> {
        let mut segments = request.path_segments();
        let path = (segments.next(), segments.next(), segments.next());
        let target = match path {
            (Some("healthz"), None, _) => return Err(Answer::Health(self.health.liveness())),
            (Some("readyz"), None, _) => return Err(Answer::Health(self.health.readiness())),
            (Some("yjs"), Some(segment), None) => {
                let name = DocumentName::from_path_segment(segment).map_err(Answer::BadName)?;
                Target::Document(name.as_str().into())
            }
            (Some("yjs"), Some(_), Some(_)) => return Err(Answer::SlashInName),
            // With a slash behind it, as some have it in their settings.
            (Some("hocuspocus"), None | Some(""), None) => Target::Hocuspocus,
            (Some("echo"), None, _) if self.conformance => Target::Echo,
            _ => return Err(Answer::NotFound { conformance: self.conformance }),
        };
        match request.kind {
            RequestKind::Get => Err(Answer::WebSocketOnly),
            RequestKind::Upgrade { .. } if self.health.is_draining() => Err(Answer::Unavailable("the server stops")),
            RequestKind::Upgrade { .. } if surplus => Err(Answer::Unavailable("too many connections")),
            RequestKind::Upgrade { key } => {
                self.door.map_or(Ok(()), |door| door.check(request)).map_err(Answer::TurnedAway)?;
                let credential = Credential::of(request);
                let handshake = Handshake { key, protocol: credential.protocol };
                let is_session = target.is_session();
                Ok(match self.admit(credential, &target) {
                    Ok(grant) => {
                        let deflate = if self.compression { negotiate(request.extensions()) } else { None };
                        let admission = Admission { grant, deflate, place: None };
                        Ok(Upgrade { target, admission, handshake })
                    }
                    Err(denied) => Err(Refused { denied, handshake, is_session }),
                })
            }
        }
    }

    fn admit(&self, credential: Credential<'_>, target: &Target) -> Result<Arc<Grant>, Denied> {
        let grant = match credential.token {
            // Each of its documents brings a token of its own.
            Ok(None) if *target == Target::Hocuspocus && !self.authority.is_open() => Arc::new(Grant::nothing()),
            Ok(token) => self.authority.admit(token.as_deref(), self.now)?,
            Err(_) if self.authority.is_open() => self.authority.admit(None, self.now)?,
            Err(denied) => return Err(denied),
        };
        match target {
            Target::Document(name) if grant.right_on(name).is_none() => Err(Denied::Forbidden),
            Target::Document(_) | Target::Hocuspocus | Target::Echo => Ok(grant),
        }
    }
}

/// An answer other than an upgrade.
#[derive(Debug)]
enum Answer {
    Health(Checked),
    NotFound {
        conformance: bool,
    },
    BadName(DocumentNameError),
    /// Clients put names into the path as they are: `notes/1` arrives as two segments.
    SlashInName,
    WebSocketOnly,
    TurnedAway(TurnedAway),
    Unavailable(&'static str),
}

impl Answer {
    fn response(self) -> Vec<u8> {
        let (status, content_type, body, headers): (_, _, _, &[(&str, &str)]) = match self {
            Self::Health(Checked { is_well, body }) => {
                let status = if is_well { Status::Ok } else { Status::ServiceUnavailable };
                (status, JSON, body, &[("Cache-Control", "no-store")])
            }
            Self::NotFound { conformance } => (Status::NotFound, PLAIN_TEXT, directory(conformance), &[]),
            Self::BadName(error) => (Status::BadRequest, PLAIN_TEXT, format!("{error}\n"), &[]),
            Self::SlashInName => (
                Status::NotFound,
                PLAIN_TEXT,
                "the document name is one segment of the path: a slash in it is written %2F (encodeURIComponent)\n"
                    .to_owned(),
                &[],
            ),
            Self::WebSocketOnly => (
                Status::UpgradeRequired,
                PLAIN_TEXT,
                "this path speaks WebSocket; connect with a WebSocket client\n".to_owned(),
                &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
            ),
            Self::TurnedAway(turned_away) => {
                let retry_after = turned_away.retry_after_s().map(|seconds| seconds.to_string());
                let headers = retry_after.as_ref().map(|seconds| [("Retry-After", seconds.as_str())]);
                return plain(
                    turned_away.status(),
                    &format!("{turned_away}\n"),
                    headers.as_ref().map_or(&[], |one| one),
                );
            }
            Self::Unavailable(reason) => (
                Status::ServiceUnavailable,
                PLAIN_TEXT,
                format!("{reason}; try again later\n"),
                &[("Retry-After", "2")],
            ),
        };
        let mut response = Vec::new();
        write_response(&mut response, status, content_type, body.as_bytes(), headers, Connection::Close);
        response
    }
}

fn plain(status: Status, body: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut response = Vec::new();
    write_response(&mut response, status, PLAIN_TEXT, body.as_bytes(), headers, Connection::Close);
    response
}

fn directory(conformance: bool) -> String {
    let echo = if conformance { "/echo            WebSocket: sends back what it hears\n" } else { "" };
    format!(
        "nothing is served under this path; there are\n\
         /yjs/{{document}}  WebSocket: the y-websocket protocol for one document\n\
         /hocuspocus      WebSocket: the Hocuspocus protocol for many documents\n\
         {echo}\
         /healthz         the process runs, and each of its cores turns\n\
         /readyz          the process takes new clients\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves documents, and nothing else that is not always served.
    fn quiet<'a>(health: &'a Health, authority: &'a Authority) -> Endpoints<'a> {
        Endpoints {
            head_bytes_max: 8192,
            conformance: false,
            compression: false,
            health,
            authority,
            now: SystemTime::UNIX_EPOCH,
            door: None,
        }
    }

    fn request(target: &str, upgrade: bool) -> Vec<u8> {
        let upgrade = if upgrade {
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        } else {
            ""
        };
        format!("GET {target} HTTP/1.1\r\nHost: test\r\n{upgrade}\r\n").into_bytes()
    }

    fn answer(endpoints: &Endpoints<'_>, request: &[u8], surplus: bool) -> String {
        match endpoints.route(request, surplus) {
            Routed::Answer { response, .. } => String::from_utf8(response).expect("answers are text"),
            other @ (Routed::Incomplete | Routed::Upgrade { .. } | Routed::Refused { .. }) => {
                panic!("not an answer: {other:?}")
            }
        }
    }

    fn target(endpoints: &Endpoints<'_>, path: &str) -> Target {
        let request = request(path, true);
        match endpoints.route(&request, false) {
            Routed::Upgrade { upgrade, head_bytes } => {
                assert_eq!(head_bytes, request.len());
                upgrade.target
            }
            other @ (Routed::Incomplete | Routed::Refused { .. } | Routed::Answer { .. }) => {
                panic!("not an upgrade: {other:?}")
            }
        }
    }

    #[test]
    fn documents_are_named_by_one_decoded_segment() {
        let (health, authority) = (Health::default(), Authority::open());
        let endpoints = quiet(&health, &authority);
        for (path, name) in [("/yjs/notes", "notes"), ("/yjs/a%2Fb?token=1", "a/b"), ("/yjs/%2541", "%41")] {
            assert_eq!(target(&endpoints, path), Target::Document(name.into()), "{path}");
        }
        for path in ["/hocuspocus", "/hocuspocus/", "/hocuspocus?token=x"] {
            assert_eq!(target(&endpoints, path), Target::Hocuspocus, "{path}");
        }
        for path in ["/yjs/", "/yjs/%00", "/yjs/%FF", "/yjs/%2"] {
            let answer = answer(&endpoints, &request(path, true), false);
            assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("allowed are"), "{path}: {answer}");
        }
        for path in ["/yjs/a/b", "/yjs/a/", "/yjs//a", "/yjs/a/b/c?token=x"] {
            let answer = answer(&endpoints, &request(path, true), false);
            assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("written %2F"), "{path}: {answer}");
        }
    }

    #[test]
    fn unknown_paths_are_told_what_exists() {
        let (health, authority) = (Health::default(), Authority::open());
        for (conformance, echo) in [(false, 404), (true, 426)] {
            let endpoints = Endpoints { conformance, ..quiet(&health, &authority) };
            for path in ["/", "/yjs", "/healthz/", "//yjs/a", "/echo/x", "/hocuspocus/a", "/hocuspocus//"] {
                let answer = answer(&endpoints, &request(path, true), false);
                assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("/yjs/{document}"), "{path}: {answer}");
                assert_eq!(answer.contains("/echo"), conformance);
            }
            assert!(answer(&endpoints, &request("/echo", false), false).starts_with(&format!("HTTP/1.1 {echo} ")));
        }
        let endpoints = Endpoints { conformance: true, ..quiet(&health, &authority) };
        assert_eq!(target(&endpoints, "/echo"), Target::Echo);
    }

    #[test]
    fn compression_is_agreed_to_only_where_it_is_on_and_offered() {
        let (health, authority) = (Health::default(), Authority::open());
        for (compression, offer, agreed) in [
            (false, "permessage-deflate", false),
            (true, "permessage-deflate; client_max_window_bits", true),
            (true, "x-unknown, permessage-deflate; server_max_window_bits=8, permessage-deflate", true),
            (true, "permessage-deflate; unknown", false),
            (true, "", false),
        ] {
            let endpoints = Endpoints { conformance: true, compression, ..quiet(&health, &authority) };
            let mut request = request("/echo", true);
            request.truncate(request.len() - 2);
            request.extend_from_slice(format!("Sec-WebSocket-Extensions: {offer}\r\n\r\n").as_bytes());
            let Routed::Upgrade { upgrade, .. } = endpoints.route(&request, false) else { panic!("an upgrade") };
            assert_eq!(upgrade.admission.deflate.is_some(), agreed, "{offer}");
            let response = String::from_utf8(upgrade.response()).expect("a head is text");
            assert_eq!(
                response.contains("Sec-WebSocket-Extensions: permessage-deflate; server_no_"),
                agreed,
                "{response}"
            );
        }
    }

    #[test]
    fn health_is_told_and_refusals_follow_it() {
        let (health, authority) = (Health::default(), Authority::open());
        let endpoints = quiet(&health, &authority);
        let status = |path, upgrade, surplus| {
            let answer = answer(&endpoints, &request(path, upgrade), surplus);
            answer.split(' ').nth(1).map(str::to_owned).expect("a status line")
        };
        assert_eq!(status("/readyz", false, true), "200");
        assert_eq!(status("/yjs/a", true, true), "503");
        assert_eq!(status("/yjs/a", false, false), "426");
        assert_eq!(target(&endpoints, "/yjs/a"), Target::Document("a".into()));
        health.drain();
        assert_eq!(status("/readyz", false, false), "503");
        assert_eq!(status("/yjs/a", true, false), "503");
        assert_eq!(status("/healthz", false, false), "200");
    }
}
