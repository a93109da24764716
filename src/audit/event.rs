//! What the audit log tells, and how it is written. There is no field for tokens, queries or contents. Does not know where it is written.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use serde_json::{Map, Value, json};

use crate::limits::AddressKey;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server has started, with these settings; those without a value are secret.
    Started {
        /// Name and value of each that is not at its default.
        settings: Vec<(&'static str, Option<String>)>,
    },
    /// The server has ended in order.
    Stopped,
    /// Somebody came in with a token.
    LoggedIn {
        /// Whose token.
        subject: Arc<str>,
        /// From where.
        address: Address,
        /// The document that was asked for, where it was one.
        document: Option<Arc<str>>,
        /// How many patterns of documents the token has.
        documents: usize,
        /// How the token came.
        how: How,
        /// When the token ends.
        expires_at: Option<SystemTime>,
    },
    /// Somebody did not come in.
    Refused {
        /// From where.
        address: Address,
        /// Why.
        reason: Reason,
    },
    /// An address gets no connections for a while.
    Banned {
        /// Which.
        address: Address,
        /// For how long, in milliseconds.
        ban_ms: u64,
    },
    /// A user is not let in any more.
    Revoked {
        /// Who.
        subject: Arc<str>,
        /// Sessions that were closed.
        sessions: usize,
    },
    /// A limit has closed a connection or a session that was open.
    Closed {
        /// Of which address.
        address: Option<Address>,
        /// Whose.
        subject: Option<Arc<str>>,
        /// Which limit.
        reason: Reason,
    },
    /// A setting has another value from here on.
    SettingChanged {
        /// Whose token; nobody's where none are asked for, or a signal did it.
        subject: Option<Arc<str>>,
        /// What did it.
        how: SettingHow,
        /// Which.
        setting: &'static str,
        /// Before; nothing where it is secret.
        old: Option<String>,
        /// After; nothing where it is secret.
        new: Option<String>,
    },
    /// Somebody did something through the control plane, or tried to.
    Acted {
        /// Whose token; nobody's where none are asked for.
        subject: Option<Arc<str>>,
        /// From where.
        address: Address,
        /// What.
        action: Action,
        /// To which document.
        document: Option<Arc<str>>,
        /// What else tells one such action from another: the other document, the session, the user.
        target: Option<Arc<str>>,
        /// What came of it.
        outcome: Outcome,
    },
}

/// How settings change while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingHow {
    /// Other values were given.
    Patched,
    /// Those before were wanted back.
    RolledBack,
    /// The file was read again.
    Reloaded,
}

impl SettingHow {
    fn word(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::RolledBack => "rolled-back",
            Self::Reloaded => "reloaded",
        }
    }
}

/// What is done through the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A document is made that was not there.
    CreateDocument,
    /// A document is removed, with everything that is stored of it.
    DeleteDocument,
    /// An update is applied.
    UpdateDocument,
    /// Operations are applied.
    PatchDocument,
    /// A version is kept.
    SaveVersion,
    /// A version is removed.
    DeleteVersion,
    /// A document is brought back to a version.
    RestoreVersion,
    /// A document is made from another.
    CopyDocument,
    /// A message is sent to all sessions of a document.
    SendStateless,
    /// A session is closed.
    DismissSession,
    /// All sessions of a user are closed.
    DismissUser,
    /// A user is not let in any more.
    RevokeUser,
    /// Documents are read out, many at once.
    Export,
    /// A document is taken in from an archive.
    Import,
    /// All data are copied, for a backup.
    MakeCheckpoint,
    /// That copy is removed.
    RemoveCheckpoint,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CreateDocument => "create-document",
            Self::DeleteDocument => "delete-document",
            Self::UpdateDocument => "update-document",
            Self::PatchDocument => "patch-document",
            Self::SaveVersion => "save-version",
            Self::DeleteVersion => "delete-version",
            Self::RestoreVersion => "restore-version",
            Self::CopyDocument => "copy-document",
            Self::SendStateless => "send-stateless",
            Self::DismissSession => "dismiss-session",
            Self::DismissUser => "dismiss-user",
            Self::RevokeUser => "revoke-user",
            Self::Export => "export",
            Self::Import => "import",
            Self::MakeCheckpoint => "make-checkpoint",
            Self::RemoveCheckpoint => "remove-checkpoint",
        }
    }
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The token does not allow it.
    Denied,
    /// It was not done.
    Failed {
        /// The status of the answer.
        status: u16,
    },
    /// The request ended before the answer was there: it may have been done.
    Unknown,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed { .. } => "failed",
            Self::Unknown => "unknown",
        }
    }

    fn status(self) -> Option<u16> {
        match self {
            Self::Failed { status } => Some(status),
            Self::Done | Self::Denied | Self::Unknown => None,
        }
    }
}

/// An address, or the part of it that limits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// As it connected.
    Exact(IpAddr),
    /// As it is counted: IPv6 by network.
    Counted(AddressKey),
}

impl Address {
    /// As it is counted.
    #[must_use]
    pub fn key(self) -> AddressKey {
        match self {
            Self::Exact(address) => AddressKey::of(address),
            Self::Counted(key) => key,
        }
    }

    pub(crate) fn text(self) -> String {
        match self {
            Self::Exact(address) => address.to_string(),
            Self::Counted(key) => key.to_string(),
        }
    }
}

/// How a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// With the upgrade request.
    Upgrade,
    /// In a message of the dialect.
    Message,
}

/// Why somebody did not come in, or had to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its network may not connect.
    Network,
    /// A proxy did not say understandably for whom it speaks.
    Proxy,
    /// The page may not connect.
    Origin,
    /// The address has as many connections as it may.
    AddressConnections,
    /// Too many new connections come from the address.
    AddressArrivals,
    /// The address is banned.
    AddressBanned,
    /// The user has as many connections or sessions as allowed.
    User,
    /// The user has newer ones, and as many as allowed.
    Displaced,
    /// A message did not end.
    MessageTimeout,
    /// Memory is short.
    Memory,
    /// The token, or that there was none. In words that say nothing of the token itself.
    Login(Cow<'static, str>),
}

impl Reason {
    /// The word for it; see [`Reason::detail`].
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Proxy => "proxy",
            Self::Origin => "origin",
            Self::AddressConnections => "address-connections",
            Self::AddressArrivals => "address-arrivals",
            Self::AddressBanned => "address-banned",
            Self::User => "user",
            Self::Displaced => "displaced",
            Self::MessageTimeout => "message-timeout",
            Self::Memory => "memory",
            Self::Login(_) => "login",
        }
    }

    /// What else there is to say of it.
    pub(crate) fn detail(&self) -> Option<&str> {
        match self {
            Self::Login(detail) => Some(detail),
            Self::Network
            | Self::Proxy
            | Self::Origin
            | Self::AddressConnections
            | Self::AddressArrivals
            | Self::AddressBanned
            | Self::User
            | Self::Displaced
            | Self::MessageTimeout
            | Self::Memory => None,
        }
    }
}

/// The line for one event, with its end.
pub(super) fn line(at: SystemTime, core: Option<u16>, event: &Event) -> String {
    let (name, fields) = fields(event);
    put_line(at, core, name, fields)
}

/// The line for so many refusals like one that was written before.
pub(super) fn repeated_line(at: SystemTime, address: Address, word: &str, count: u64) -> String {
    put_line(at, None, "refused", json!({"address": address.text(), "reason": word, "repeated": count}))
}

/// The line for so many events of which nothing else is known.
pub(super) fn lost_line(at: SystemTime, name: &str, count: u64) -> String {
    put_line(at, None, name, json!({"count": count}))
}

fn put_line(at: SystemTime, core: Option<u16>, name: &str, fields: Value) -> String {
    let mut object = Map::new();
    object.insert("time".into(), format_rfc3339_millis(at).to_string().into());
    object.insert("event".into(), name.into());
    if let Some(core) = core {
        object.insert("core".into(), core.into());
    }
    if let Value::Object(fields) = fields {
        object.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    format!("{}\n", Value::Object(object))
}

fn fields(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Started { settings } => {
            let settings: Map<String, Value> = settings
                .iter()
                .map(|(name, value)| ((*name).into(), value.clone().map_or(json!("(secret)"), Value::from)))
                .collect();
            ("started", json!({"version": env!("CARGO_PKG_VERSION"), "settings": settings}))
        }
        Event::Stopped => ("stopped", json!({})),
        Event::LoggedIn { subject, address, document, documents, how, expires_at } => {
            let how = match how {
                How::Upgrade => "upgrade",
                How::Message => "message",
            };
            let fields = json!({
                "subject": **subject,
                "address": address.text(),
                "document": document.as_deref(),
                "documents": documents,
                "how": how,
                "expires_at": expires_at.map(|at| format_rfc3339_millis(at).to_string()),
            });
            ("logged-in", fields)
        }
        Event::Refused { address, reason } => {
            ("refused", json!({"address": address.text(), "reason": reason.word(), "detail": reason.detail()}))
        }
        Event::Banned { address, ban_ms } => ("banned", json!({"address": address.text(), "ban_ms": ban_ms})),
        Event::Revoked { subject, sessions } => ("revoked", json!({"subject": **subject, "sessions": sessions})),
        Event::Closed { address, subject, reason } => {
            let address = address.map(Address::text);
            (
                "closed",
                json!({"address": address, "subject": subject.as_deref(), "reason": reason.word(), "detail": reason.detail()}),
            )
        }
        Event::SettingChanged { subject, how, setting, old, new } => {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(secret)".into());
            let fields = json!({
                "subject": subject.as_deref(),
                "how": how.word(),
                "setting": setting,
                "old": shown(old),
                "new": shown(new),
            });
            ("setting-changed", fields)
        }
        Event::Acted { subject, address, action, document, target, outcome } => {
            let fields = json!({
                "subject": subject.as_deref(),
                "address": address.text(),
                "action": action.word(),
                "document": document.as_deref(),
                "target": target.as_deref(),
                "outcome": outcome.word(),
                "status": outcome.status(),
            });
            ("acted", fields)
        }
    }
}
