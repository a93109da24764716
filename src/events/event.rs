//! One thing that happened, and how it is told. There is no field for tokens, queries or what is in a document.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use selvedge_shards::SessionId;
use serde_json::{Map, Value, json};

use crate::alerts::{Severity, Transition};
use crate::audit::{self, Address, Reason};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A document has its first record, and that is committed.
    Created {
        /// Which.
        document: Arc<str>,
    },
    /// A document has further records, and they are committed.
    Changed {
        /// Which.
        document: Arc<str>,
        /// The last of them.
        sequence: u64,
        /// How many since it was told last.
        updates: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A document is gone, with all its records and versions, and that is committed.
    Deleted {
        /// Which.
        document: Arc<str>,
    },
    /// A session begins.
    Opened {
        /// Where.
        session: SessionAt,
        /// On which document.
        document: Arc<str>,
        /// Whose; nobody's in particular where no tokens are asked for.
        subject: Option<Arc<str>>,
        /// From where.
        address: Option<Address>,
        /// What it speaks.
        dialect: Dialect,
    },
    /// A session is over.
    Closed {
        /// Where it was.
        session: SessionAt,
        /// On which document; unknown where it began while nobody listened, and the document is another core's.
        document: Option<Arc<str>>,
        /// Whose.
        subject: Option<Arc<str>>,
        /// From where.
        address: Option<Address>,
        /// What it spoke.
        dialect: Dialect,
        /// How long it took; unknown where it began while nobody listened.
        duration_ms: Option<u64>,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A version of a document was saved.
    Version {
        /// Of which.
        document: Arc<str>,
        /// The version.
        version: Arc<str>,
        /// As somebody called it.
        name: Option<Arc<str>>,
        /// What it holds.
        sequence: u64,
    },
    /// An alert was raised, or is over.
    Alert {
        /// Which.
        alert: &'static str,
        /// How bad.
        severity: Severity,
        /// It is raised, and not over.
        raised: bool,
        /// The figure that it is about.
        value: f64,
        /// The bound of its severity.
        threshold: f64,
        /// What both count.
        unit: &'static str,
        /// What to do about it.
        recommendation: &'static str,
    },
    /// Somebody was not let in, or had to go. As the audit log has it.
    Refused {
        /// From where.
        address: Option<Address>,
        /// Whose.
        subject: Option<Arc<str>>,
        /// The word for why.
        reason: &'static str,
        /// Why, in words that say nothing of a token.
        detail: Option<Arc<str>>,
    },
    /// A client has sent a stateless message.
    Stateless {
        /// On which document.
        document: Option<Arc<str>>,
        /// Whose message.
        session: Option<SessionAt>,
        /// Whose session.
        subject: Option<Arc<str>>,
        /// How long it is.
        bytes: usize,
        /// What it says, where that is not too long to be told.
        payload: Option<Box<str>>,
    },
    /// So many events found no room.
    Lost {
        /// How many.
        count: u64,
    },
}

/// A longer stateless message is told without what it says.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16 << 10;

/// A session, as it is named outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionAt {
    /// Whose connections it is among.
    pub core: u16,
    /// Which.
    pub session: SessionId,
}

impl fmt::Display for SessionAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.core, self.session.index, self.session.generation)
    }
}

/// What a session speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One document on its connection.
    YWebsocket,
    /// One of several.
    Hocuspocus,
}

impl Dialect {
    fn word(self) -> &'static str {
        match self {
            Self::YWebsocket => "y-websocket",
            Self::Hocuspocus => "hocuspocus",
        }
    }
}

/// Of which kind an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// See [`Event::Created`].
    Created,
    /// See [`Event::Changed`].
    Changed,
    /// See [`Event::Deleted`].
    Deleted,
    /// See [`Event::Opened`].
    Opened,
    /// See [`Event::Closed`].
    Closed,
    /// See [`Event::Version`].
    Version,
    /// See [`Event::Alert`].
    Alert,
    /// See [`Event::Refused`].
    Refused,
    /// See [`Event::Stateless`].
    Stateless,
    /// See [`Event::Lost`].
    Lost,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Changed,
        Self::Deleted,
        Self::Opened,
        Self::Closed,
        Self::Version,
        Self::Alert,
        Self::Refused,
        Self::Stateless,
        Self::Lost,
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Version => "version",
            Self::Alert => "alert",
            Self::Refused => "refused",
            Self::Stateless => "stateless",
            Self::Lost => "lost",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Some of the kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet(u16);

impl KindSet {
    /// All kinds.
    pub const ALL: Self = Self((1 << Kind::ALL.len()) - 1);

    /// Whether this kind is one of them.
    #[must_use]
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}

impl Event {
    /// What the audit log is told of somebody who was not let in, or had to go, if it is that.
    #[must_use]
    pub fn of_audit(audited: &audit::Event) -> Option<Self> {
        let told = |address, subject, reason: &Reason| {
            let detail = reason.detail().map(Arc::from);
            Some(Self::Refused { address, subject, reason: reason.word(), detail })
        };
        let plain = |address, subject, reason| Some(Self::Refused { address, subject, reason, detail: None });
        match audited {
            audit::Event::Refused { address, reason } => told(Some(*address), None, reason),
            audit::Event::Closed { address, subject, reason } => told(*address, subject.clone(), reason),
            audit::Event::Banned { address, .. } => plain(Some(*address), None, "banned"),
            audit::Event::Revoked { subject, .. } => plain(None, Some(Arc::clone(subject)), "revoked"),
            audit::Event::Acted { subject, address, action, outcome: audit::Outcome::Denied, .. } => {
                plain(Some(*address), subject.clone(), action.word())
            }
            audit::Event::Started { .. }
            | audit::Event::Stopped
            | audit::Event::LoggedIn { .. }
            | audit::Event::Acted { .. }
            | audit::Event::SettingChanged { .. } => None,
        }
    }

    /// An alert has changed.
    #[must_use]
    pub fn of_alert(transition: &Transition) -> Self {
        let alert = transition.alert;
        Self::Alert {
            alert: alert.kind.name(),
            severity: alert.severity,
            raised: !transition.resolved,
            value: alert.value,
            threshold: alert.threshold,
            unit: alert.kind.unit(),
            recommendation: alert.kind.recommendation(),
        }
    }

    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Created { .. } => Kind::Created,
            Self::Changed { .. } => Kind::Changed,
            Self::Deleted { .. } => Kind::Deleted,
            Self::Opened { .. } => Kind::Opened,
            Self::Closed { .. } => Kind::Closed,
            Self::Version { .. } => Kind::Version,
            Self::Alert { .. } => Kind::Alert,
            Self::Refused { .. } => Kind::Refused,
            Self::Stateless { .. } => Kind::Stateless,
            Self::Lost { .. } => Kind::Lost,
        }
    }

    /// Of which document, where it is of one.
    #[must_use]
    pub fn document(&self) -> Option<&Arc<str>> {
        match self {
            Self::Created { document }
            | Self::Changed { document, .. }
            | Self::Deleted { document }
            | Self::Opened { document, .. }
            | Self::Version { document, .. } => Some(document),
            Self::Closed { document, .. } | Self::Stateless { document, .. } => document.as_ref(),
            Self::Alert { .. } | Self::Refused { .. } | Self::Lost { .. } => None,
        }
    }

    /// What of it varies in size, and about what stands around it.
    pub(super) fn text_bytes(&self) -> usize {
        const AROUND: usize = 256;
        let length = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        let varying = match self {
            Self::Created { document } | Self::Changed { document, .. } | Self::Deleted { document } => document.len(),
            Self::Opened { document, subject, .. } => document.len() + length(subject),
            Self::Closed { document, subject, reason, .. } => length(document) + length(subject) + reason.len(),
            Self::Version { document, version, name, .. } => document.len() + version.len() + length(name),
            Self::Alert { recommendation, .. } => recommendation.len(),
            Self::Refused { subject, detail, .. } => length(subject) + length(detail),
            Self::Stateless { document, subject, payload, .. } => {
                length(document) + length(subject) + payload.as_ref().map_or(0, |payload| payload.len())
            }
            Self::Lost { .. } => 0,
        };
        AROUND + varying
    }

    fn fields(&self) -> Value {
        let address = |address: &Option<Address>| address.map(Address::text);
        match self {
            Self::Created { document } | Self::Deleted { document } => json!({"document": &**document}),
            Self::Changed { document, sequence, updates, bytes } => {
                json!({"document": &**document, "sequence": sequence, "updates": updates, "bytes": bytes})
            }
            Self::Opened { session, document, subject, address: from, dialect } => json!({
                "document": &**document,
                "session": session.to_string(),
                "subject": subject.as_deref(),
                "address": address(from),
                "dialect": dialect.word(),
            }),
            Self::Closed { session, document, subject, address: from, dialect, duration_ms, reason } => json!({
                "document": document.as_deref(),
                "session": session.to_string(),
                "subject": subject.as_deref(),
                "address": address(from),
                "dialect": dialect.word(),
                "duration_ms": duration_ms,
                "reason": reason,
            }),
            Self::Version { document, version, name, sequence } => json!({
                "document": &**document,
                "version": &**version,
                "name": name.as_deref(),
                "sequence": sequence,
            }),
            Self::Alert { alert, severity, raised, value, threshold, unit, recommendation } => json!({
                "alert": alert,
                "severity": severity.name(),
                "raised": raised,
                "value": value,
                "threshold": threshold,
                "unit": unit,
                "recommendation": recommendation,
            }),
            Self::Refused { address: from, subject, reason, detail } => json!({
                "address": address(from),
                "subject": subject.as_deref(),
                "reason": reason,
                "detail": detail.as_deref(),
            }),
            Self::Stateless { document, session, subject, bytes, payload } => json!({
                "document": document.as_deref(),
                "session": session.map(|session| session.to_string()),
                "subject": subject.as_deref(),
                "bytes": bytes,
                "payload": payload.as_deref(),
            }),
            Self::Lost { count } => json!({"count": count}),
        }
    }
}

/// An event with its number.
#[derive(Clone, Debug)]
pub struct Told {
    /// Grows by one with each.
    pub number: u64,
    /// Its name among the events of all times; ends with the number.
    pub id: Arc<str>,
    /// When it happened.
    pub at: SystemTime,
    /// What.
    pub event: Event,
}

impl Told {
    /// As it is told: an object, with whatever is unknown left out.
    #[must_use]
    pub fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("id".into(), (*self.id).into());
        object.insert("event".into(), self.event.kind().word().into());
        object.insert("time".into(), format_rfc3339_millis(self.at).to_string().into());
        if let Value::Object(fields) = self.event.fields() {
            object.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
        Value::Object(object).to_string()
    }
}
