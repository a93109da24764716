//! The settings that are in force while the server runs: what changes them, each change checked as at the start, and the way back. Knows
//! neither who asks for a change nor what follows from one.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value};

use super::kind::Fault;
use super::{
    Effective, Given, Literal, SETTINGS, Setting, SettingError, Settings, Sources, index_of, names, near_miss,
};

/// Revisions that can be gone back to. The oldest is forgotten for a further one.
pub const EARLIER_MAX: usize = 32;

/// Unknown names of one patch for which the one that was probably meant is looked for. Each is held against all that there are.
const SUGGESTED_MAX: usize = 8;

/// The settings at one time.
#[derive(Debug)]
pub struct Revision {
    /// Grows by one with each change, one that goes back included; the start is the first.
    pub number: u64,
    /// What is in force.
    pub effective: Effective,
    /// What file, environment and command line say; where that cannot change while the server runs, what they said at the start.
    base: Effective,
    /// What was given while the server runs.
    given: BTreeMap<&'static str, String>,
    /// What the file said when it was read last, and a restart would bring, where that is not in force. What was given while the server runs is in
    /// front of the file, and not in here.
    pub pending: Vec<Change>,
}

/// A setting with another value.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which.
    pub setting: &'static Setting,
    /// Before; as it may be shown.
    pub old: Option<Literal>,
    /// After; as it may be shown.
    pub new: Option<Literal>,
}

/// Where a change came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody gave other values.
    Patched {
        /// Who; nobody in particular where no tokens are asked for.
        by: Option<Arc<str>>,
    },
    /// Somebody wants the ones before.
    RolledBack {
        /// Who.
        by: Option<Arc<str>>,
    },
    /// The settings file was read again.
    Reloaded,
}

/// Settings have changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What is in force from here on.
    pub revision: Arc<Revision>,
    /// What is new in it. May be nothing.
    pub changes: Vec<Change>,
}

/// Why nothing has changed.
#[derive(Debug)]
pub enum Rejected {
    /// Whoever asked has seen another revision.
    Outdated {
        /// The one in force.
        number: u64,
    },
    /// There is no revision to go back to.
    NothingBefore,
    /// More members than there are settings: some of them cannot be any.
    TooMany {
        /// How many.
        members: usize,
    },
    /// What was given cannot be taken. Everything that is wrong with it.
    Invalid(Vec<SettingError>),
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outdated { number } => {
                write!(formatter, "the settings have changed since: revision {number} is in force")
            }
            Self::NothingBefore => formatter.write_str("there is no revision to go back to"),
            Self::TooMany { members } => write!(formatter, "{members} members; there are {} settings", SETTINGS.len()),
            Self::Invalid(errors) => {
                let errors: Vec<String> = errors.iter().map(SettingError::to_string).collect();
                formatter.write_str(&errors.join(". "))
            }
        }
    }
}

/// Carries a change out, and writes it down. Called for one change after the other.
pub type Follow = Box<dyn Fn(&Changed, &Cause) + Send + Sync>;

/// One for the process.
pub struct Live {
    sources: Sources,
    follow: Follow,
    /// Locked for no longer than it takes to read or replace it: who asks what is in force waits for nobody who changes it.
    current: RwLock<Arc<Revision>>,
    /// Whoever changes something holds it until everybody has been told.
    past: Mutex<Past>,
}

/// What was, for those who change something.
struct Past {
    /// The revisions before the one in force, the latest last. At most [`EARLIER_MAX`].
    earlier: VecDeque<Arc<Revision>>,
    /// What file, environment and command line said when they were read last and could be taken, whatever became of it then.
    read: Settings,
}

impl Live {
    /// With these settings, read from these sources, the server was started.
    #[must_use]
    pub fn new(effective: Effective, sources: Sources, follow: Follow) -> Self {
        let past = Past { earlier: VecDeque::new(), read: effective.settings.clone() };
        let revision =
            Revision { number: 1, base: effective.clone(), effective, given: BTreeMap::new(), pending: Vec::new() };
        Self { sources, follow, current: RwLock::new(Arc::new(revision)), past: Mutex::new(past) }
    }

    /// What is in force. Never waits for a change that is under way.
    #[must_use]
    pub fn current(&self) -> Arc<Revision> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other values: by name, `null` for the one that file, environment and command line say. All of them or none.
    ///
    /// # Errors
    ///
    /// One of them cannot be taken, or `expected` is not the revision in force.
    pub fn patch(
        &self,
        patch: &Map<String, Value>,
        expected: Option<u64>,
        by: Option<Arc<str>>,
    ) -> Result<Changed, Rejected> {
        // Before anything is done for any of them.
        if patch.len() > SETTINGS.len() {
            return Err(Rejected::TooMany { members: patch.len() });
        }
        let mut past = self.past();
        let before = self.current();
        before.expect(expected)?;
        let mut given = before.given.clone();
        let mut errors = Vec::new();
        for (name, value) in patch {
            match wanted(name, value, &before.effective.settings, errors.len() < SUGGESTED_MAX) {
                Ok(Wanted::Nothing) => {}
                Ok(Wanted::Value(name, text)) => drop(given.insert(name, text)),
                Ok(Wanted::Base(name)) => drop(given.remove(name)),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(Rejected::Invalid(errors));
        }
        let effective = before.base.with(&given).map_err(Rejected::Invalid)?;
        let base = before.base.clone();
        Ok(self.advance(&mut past, before, Next { effective, base, given }, &Cause::Patched { by }))
    }

    /// Goes back to the revision before; again, to the one before that.
    ///
    /// # Errors
    ///
    /// There is none, or `expected` is not the revision in force.
    pub fn roll_back(&self, expected: Option<u64>, by: Option<Arc<str>>) -> Result<Changed, Rejected> {
        let mut past = self.past();
        let before = self.current();
        before.expect(expected)?;
        let last = past.earlier.pop_back().ok_or(Rejected::NothingBefore)?;
        let next = Next { effective: last.effective.clone(), base: last.base.clone(), given: last.given.clone() };
        Ok(self.advance(&mut past, before, next, &Cause::RolledBack { by }))
    }

    /// Reads the settings file again, and takes from it what can change while the server runs.
    ///
    /// # Errors
    ///
    /// The file as a whole, with all else, is not what a server could be started with.
    pub fn reload(&self) -> Result<Changed, Rejected> {
        let read = Effective::read(&self.sources).map_err(Rejected::Invalid)?;
        let mut base = read.clone();
        let mut past = self.past();
        let before = self.current();
        for setting in SETTINGS.iter().filter(|setting| !setting.is_live()) {
            base.keep(setting, &before.base);
        }
        // What was given while the server runs stays in front, as the command line stays in front of the file.
        let given = before.given.clone();
        let effective = base.with(&given).map_err(Rejected::Invalid)?;
        past.read = read.settings;
        Ok(self.advance(&mut past, before, Next { effective, base, given }, &Cause::Reloaded))
    }

    fn advance(&self, past: &mut Past, before: Arc<Revision>, next: Next, cause: &Cause) -> Changed {
        let Next { effective, base, given } = next;
        let pending = changes(&effective.settings, &past.read, |setting| !given.contains_key(setting.name));
        let changes = changes(&before.effective.settings, &effective.settings, |_| true);
        debug_assert!(changes.iter().all(|change| change.setting.is_live()), "{changes:?}");
        let is_same = changes.is_empty() && given == before.given && base.settings == before.base.settings;
        let number = if is_same { before.number } else { before.number + 1 };
        let revision = Arc::new(Revision { number, effective, base, given, pending });
        match cause {
            // What a file says behind what was given is in force nowhere: to go back from it would change nothing.
            Cause::Reloaded if changes.is_empty() => {}
            Cause::Patched { .. } | Cause::Reloaded if !is_same => {
                if past.earlier.len() >= EARLIER_MAX {
                    past.earlier.pop_front();
                }
                past.earlier.push_back(before);
            }
            // What was gone back from is not something to go back to.
            Cause::Patched { .. } | Cause::Reloaded | Cause::RolledBack { .. } => {}
        }
        let changed = Changed { revision, changes };
        (self.follow)(&changed, cause);
        // When everybody has been told: what is shown as in force is.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&changed.revision);
        changed
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Revision {
    fn expect(&self, expected: Option<u64>) -> Result<(), Rejected> {
        match (expected, self.number) {
            (Some(expected), number) if expected != number => Err(Rejected::Outdated { number }),
            (Some(_) | None, _) => Ok(()),
        }
    }
}

/// A revision without its number, and without what follows from what it is.
struct Next {
    effective: Effective,
    base: Effective,
    given: BTreeMap<&'static str, String>,
}

/// What one member of a patch asks for.
enum Wanted {
    /// What is there already, of a setting that cannot change.
    Nothing,
    Value(&'static str, String),
    Base(&'static str),
}

fn wanted(name: &str, value: &Value, current: &Settings, suggest: bool) -> Result<Wanted, SettingError> {
    let given = || Given::Running { name: name.into(), value: value.to_string() };
    let Some(setting) = index_of(name).map(|index| &SETTINGS[index]) else {
        let nearest = suggest.then(|| near_miss::nearest(name, names()).map(String::from)).flatten();
        return Err(SettingError::Unknown { given: given(), nearest });
    };
    let text = match value {
        Value::Null if setting.is_live() => return Ok(Wanted::Base(setting.name)),
        // It cannot have changed.
        Value::Null => return Ok(Wanted::Nothing),
        Value::Bool(on) => Ok(on.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => Err(Fault::NotOneValue),
    };
    let mut settings = current.clone();
    let read = text.and_then(|text| (setting.read)(&mut settings, &text).map(|()| text));
    let text = read.map_err(|fault| SettingError::Invalid { given: given(), fault, allowed: (setting.allowed)() })?;
    if setting.is_live() {
        Ok(Wanted::Value(setting.name, text))
    } else if settings == *current {
        Ok(Wanted::Nothing)
    } else {
        Err(SettingError::NeedsRestart { given: given() })
    }
}

fn changes(old: &Settings, new: &Settings, of: impl Fn(&Setting) -> bool) -> Vec<Change> {
    let differs = |setting: &&Setting| of(setting) && (setting.write)(old) != (setting.write)(new);
    let change = |setting: &'static Setting| Change { setting, old: setting.shown(old), new: setting.shown(new) };
    SETTINGS.iter().filter(differs).map(change).collect()
}

#[cfg(test)]
mod tests;
