//! Where keys and revocations come from, and what has come from there so far: from settings and files to an [`Authority`]. Has no
//! thread and no clock, and fetches nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::file::{Content, Look, Watched};
use super::keeper::{Command, RevokeError};
use super::key::{Key, parse_set};
use super::keys::Keys;
use super::revoked::{REVOKED_MAX, Revoked};
use super::start_error::{FileFault, StartError};
use super::verified::Verified;
use super::{Asks, Authority, Demands, Issuer, Trusted};
use crate::settings::{AuthChoice, Settings};

/// Names of keys that the issuer does not have, kept so that whoever asks again is told so. Above, the oldest is forgotten.
const ABSENT_MAX: usize = 64;

/// What tokens are checked with, as far as it is known without asking anybody.
pub struct Sources(pub(super) Option<Box<Known>>);

/// All that is known.
pub(super) struct Known {
    demands: Arc<Demands>,
    /// Outlives every authority: what one core has computed is so whatever keys there are.
    verified: Arc<Verified>,
    secret: Option<(Watched, Arc<Key>)>,
    own: Option<(Watched, Vec<Arc<Key>>)>,
    /// Where keys are published, and how often they are fetched.
    pub(super) published_at: Option<(String, Duration)>,
    /// What was fetched last; none before the first time.
    published: Option<Vec<Arc<Key>>>,
    absent: VecDeque<Box<str>>,
    listed: Option<(Watched, Revoked)>,
    /// Revoked by whoever calls.
    called: Revoked,
}

fn has_keys(settings: &Settings) -> bool {
    settings.auth_secret_file.is_some() || settings.auth_keys_file.is_some() || settings.auth_jwks_url.is_some()
}

/// Whether nobody is asked for a token because only this machine can connect, and not because somebody wants it so.
#[must_use]
pub fn is_for_this_machine_only(settings: &Settings) -> bool {
    settings.auth == AuthChoice::Auto && !has_keys(settings)
}

impl Sources {
    /// Reads what the settings name.
    ///
    /// # Errors
    ///
    /// Nothing is said of who may come where anybody could; or a file cannot be taken.
    pub fn read(settings: &Settings) -> Result<Self, StartError> {
        let listen = settings.listen;
        let is_loopback = listen.ip().to_canonical().is_loopback();
        let has_keys = has_keys(settings);
        let asks_for_tokens = match settings.auth {
            AuthChoice::Jwt if !has_keys => return Err(StartError::NoKeys),
            AuthChoice::Auto if !has_keys && !is_loopback => return Err(StartError::Unprotected { listen }),
            AuthChoice::Jwt => true,
            AuthChoice::Auto => has_keys,
            AuthChoice::None => false,
        };
        if asks_for_tokens {
            return Known::read(settings).map(Box::new).map(Some).map(Self);
        }
        if !is_loopback {
            tracing::warn!(%listen, "auth is none: whoever reaches this address can read and change every document");
        }
        if has_keys {
            tracing::warn!("auth is none: the keys that are given are not used");
        }
        if settings.auth_revoked_file.is_some() {
            tracing::warn!("no tokens are asked for: auth_revoked_file is not used");
        }
        Ok(Self(None))
    }
}

impl Sources {
    /// Whether nobody is asked for a token.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }
}

impl Known {
    fn read(settings: &Settings) -> Result<Self, StartError> {
        tracing::info!(
            secret = settings.auth_secret_file.is_some(),
            keys = settings.auth_keys_file.is_some(),
            published = settings.auth_jwks_url.is_some(),
            audience = settings.auth_audience,
            issuer = settings.auth_issuer,
            "tokens are asked for"
        );
        let secret =
            settings.auth_secret_file.as_ref().map(|path| opened(Watched::open("auth_secret_file", path), secret_of));
        let own = settings.auth_keys_file.as_ref().map(|path| opened(Watched::open("auth_keys_file", path), keys_of));
        let listed = settings
            .auth_revoked_file
            .as_ref()
            .map(|path| opened(Watched::open("auth_revoked_file", path), revoked_of));
        let refresh = Duration::from_millis(settings.auth_jwks_refresh_ms);
        Ok(Self {
            demands: Arc::new(Demands {
                audience: settings.auth_audience.clone(),
                issuer: settings.auth_issuer.clone(),
                leeway: Duration::from_millis(settings.auth_leeway_ms),
            }),
            verified: Arc::new(Verified::new()),
            secret: secret.transpose()?,
            own: own.transpose()?,
            published_at: settings.auth_jwks_url.clone().map(|url| (url, refresh)),
            published: None,
            absent: VecDeque::new(),
            listed: listed.transpose()?,
            called: Revoked::default(),
        })
    }

    /// What the cores are to go by; `ask` is where they ask for keys that they do not know.
    pub(super) fn authority(&self, ask: &SyncSender<Command>) -> Authority {
        let own = self.secret.iter().map(|(_, key)| key).chain(self.own.iter().flat_map(|(_, keys)| keys));
        let published = self.published.as_deref().unwrap_or_default();
        let keys = Keys::merged(own, published, |key| {
            tracing::warn!(kid = ?key.id, "a published key has the name of a key in auth_keys_file, and is left out");
        });
        let listed = self.listed.as_ref().map(|(_, revoked)| revoked);
        let issuer = self.published_at.as_ref().map(|_| Issuer {
            is_pending: self.published.is_none(),
            absent: self.absent.iter().cloned().collect(),
            ask: ask.clone(),
        });
        Authority(Asks::Token(Box::new(Trusted {
            keys,
            verified: Arc::clone(&self.verified),
            revoked: Arc::new(listed.map_or_else(|| self.called.clone(), |listed| listed.union(&self.called))),
            demands: Arc::clone(&self.demands),
            issuer,
        })))
    }

    /// Looks at all files again. Says whether what is known is another than before; what cannot be taken leaves what was.
    pub(super) fn look(&mut self) -> bool {
        let mut is_other = false;
        if let Some((watched, key)) = &mut self.secret {
            is_other |= take(watched, key, secret_of);
        }
        if let Some((watched, keys)) = &mut self.own {
            is_other |= take(watched, keys, keys_of);
        }
        if let Some((watched, revoked)) = &mut self.listed {
            is_other |= take_revoked(watched, revoked);
        }
        is_other
    }

    /// What the issuer publishes now. Says whether it can be taken; the reason why not is in the log.
    pub(super) fn fetched(&mut self, body: &[u8], asked: impl IntoIterator<Item = Box<str>>) -> bool {
        let Some(keys) = published_of(body) else { return false };
        for id in asked {
            let is_here = keys.iter().any(|key| key.id.as_ref() == Some(&id));
            if !is_here && !self.absent.contains(&id) {
                self.absent.push_back(id);
            }
        }
        while self.absent.len() > ABSENT_MAX {
            self.absent.pop_front();
        }
        self.published = Some(keys);
        true
    }

    /// Whether anything was ever fetched.
    pub(super) fn is_pending(&self) -> bool {
        self.published.is_none()
    }

    /// Revokes a subject until the process ends.
    pub(super) fn revoke(&mut self, subject: &str) -> Result<(), RevokeError> {
        if self.called.len() >= REVOKED_MAX && !self.called.contains(subject) {
            return Err(RevokeError::Full);
        }
        self.called.insert(subject.into());
        Ok(())
    }
}

fn opened<T>(watched: Watched, read: impl Fn(&[u8]) -> Result<T, FileFault>) -> Result<(Watched, T), StartError> {
    match value_of(watched.seen(), read) {
        Ok(value) => Ok((watched, value)),
        Err(fault) => Err(StartError::File { setting: watched.setting, path: watched.path, fault }),
    }
}

fn value_of<T>(content: &Content, read: impl Fn(&[u8]) -> Result<T, FileFault>) -> Result<T, FileFault> {
    match content {
        Ok(bytes) => read(bytes),
        Err(fault) => Err(fault.clone()),
    }
}

fn secret_of(content: &[u8]) -> Result<Arc<Key>, FileFault> {
    Key::from_secret(content).map(Arc::new).map_err(FileFault::Key)
}

/// A JWK set, or a public key in PEM. One key that cannot be used refuses the file: whoever wrote it counts on all of them.
fn keys_of(content: &[u8]) -> Result<Vec<Arc<Key>>, FileFault> {
    if !content.trim_ascii_start().starts_with(b"{") {
        // What is not text has no PEM in it either.
        let key = Key::from_pem(std::str::from_utf8(content).unwrap_or_default());
        return key.map(|key| vec![Arc::new(key)]).map_err(FileFault::Key);
    }
    let set = parse_set(content).map_err(FileFault::Set)?;
    let keys = (1..)
        .zip(set)
        .map(|(number, (id, key))| key.map(Arc::new).map_err(|fault| FileFault::KeyInSet { number, id, fault }));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(FileFault::EmptySet) } else { Ok(keys) }
}

fn revoked_of(content: &[u8]) -> Result<Revoked, FileFault> {
    Revoked::parse(content).map_err(FileFault::Revoked)
}

/// What an issuer publishes. It may have keys for others too: those are passed over, unless none is left.
fn published_of(body: &[u8]) -> Option<Vec<Arc<Key>>> {
    let set = match parse_set(body) {
        Ok(set) => set,
        Err(fault) => {
            tracing::warn!(%fault, "what auth_jwks_url gives cannot be taken; the keys that are known stay");
            return None;
        }
    };
    let mut keys = Vec::new();
    for (id, key) in set {
        match key.and_then(published) {
            Ok(key) => keys.push(Arc::new(key)),
            Err(fault) => tracing::warn!(kid = ?id, %fault, "a key at auth_jwks_url is passed over"),
        }
    }
    if keys.is_empty() {
        tracing::warn!("auth_jwks_url gives no key that can be used; the keys that are known stay");
        return None;
    }
    Some(keys)
}

fn published(key: Key) -> Result<Key, super::KeyFault> {
    match key.algorithm {
        super::Algorithm::Hs256 => Err(super::KeyFault::PublishedSecret),
        super::Algorithm::Rs256 | super::Algorithm::Es256 | super::Algorithm::EdDsa => Ok(key),
    }
}

/// Takes a file's new content once nobody writes it any more.
fn take<T>(watched: &mut Watched, value: &mut T, read: impl Fn(&[u8]) -> Result<T, FileFault>) -> bool {
    let (setting, path) = (watched.setting, watched.path.display().to_string());
    match watched.look() {
        Some(Look::Changed(content)) => taken(setting, &path, value_of(content, read), value),
        Some(Look::Changing(_)) | None => false,
    }
}

/// Who is new on the list is revoked at once; who has gone from it, when nobody writes it any more.
fn take_revoked(watched: &mut Watched, revoked: &mut Revoked) -> bool {
    let (setting, path) = (watched.setting, watched.path.display().to_string());
    match watched.look() {
        Some(Look::Changed(content)) => taken(setting, &path, value_of(content, revoked_of), revoked),
        Some(Look::Changing(content)) => match value_of(content, revoked_of) {
            Ok(new) if new.adds_to(revoked) => {
                *revoked = revoked.union(&new);
                true
            }
            Ok(_) | Err(_) => false,
        },
        None => false,
    }
}

fn taken<T>(setting: &str, path: &str, new: Result<T, FileFault>, value: &mut T) -> bool {
    match new {
        Ok(new) => {
            *value = new;
            tracing::info!(setting, path, "a file has changed, and what is in it holds from here on");
            true
        }
        Err(fault) => {
            tracing::error!(setting, path, %fault, "a file has changed and cannot be taken; what was in it before stays");
            false
        }
    }
}
