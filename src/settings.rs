//! Settings: one struct, filled from defaults, a file, the environment and the command line, in rising precedence. It does not know
//! who reads it.
//!
//! [`table`](mod@table) declares every setting once; whatever else names a setting goes through [`SETTINGS`]. What changes while the server
//! runs, [`live`] keeps.

mod choice;
mod declare;
mod error;
mod kind;
pub mod live;
mod near_miss;
pub mod report;
mod table;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

pub use choice::{
    AtLimit, AuthChoice, Choice, DescriptorsChoice, DriverChoice, Fsync, History, LogFormat, LogLevel, MinVersion,
};
pub use error::{Given, SettingError};
pub use kind::{
    Address, Budget, Bytes, Cores, Count, Fault, File, Folder, Kind, Literal, Milliseconds, Networks, OneOf, Origins,
    Switch, SyncPolicy, Text, WebAddress,
};
pub use table::{SESSIONS_BEHIND_CRITICAL, SETTINGS, Settings};

/// What every variable of ours begins with.
const PREFIX: &str = "SELVEDGE_";

/// The variable that names the settings file.
pub const CONFIG_VARIABLE: &str = "SELVEDGE_CONFIG";

/// Kubernetes sets these in every container beside a service called `selvedge` (`docker --link` sets the second kind): they are
/// about our address, not settings, and no setting may begin like them.
const FOREIGN_PREFIXES: [&str; 2] = ["SELVEDGE_SERVICE_", "SELVEDGE_PORT"];

/// A settings file that is longer than this is not one, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One setting, as it was declared.
pub struct Setting {
    /// The key in a file; variable and flag follow from it.
    pub name: &'static str,
    /// The heading under which it is shown.
    pub group: &'static str,
    /// As in the source, with its line breaks; see [`Setting::meaning`].
    meaning: &'static str,
    marks: &'static [Mark],
    /// What a number counts; empty where there is no number.
    pub unit: fn() -> &'static str,
    /// What may be given, for people.
    pub allowed: fn() -> String,
    /// Sets it from text.
    read: fn(&mut Settings, &str) -> Result<(), Fault>,
    /// Its value.
    pub write: fn(&Settings) -> Literal,
}

impl Setting {
    /// What it does; the first sentence stands for itself.
    pub fn meaning(&self) -> String {
        table::sentence(self.meaning)
    }

    /// It can change while the server runs.
    pub fn is_live(&self) -> bool {
        self.marks.contains(&Mark::Live)
    }

    /// Its value is a secret, or says where one is: nobody is shown it but who started the server.
    pub fn is_secret(&self) -> bool {
        self.marks.contains(&Mark::Secret)
    }

    /// Its value, as it may be shown; nothing where it is secret and given.
    pub fn shown(&self, settings: &Settings) -> Option<Literal> {
        let value = (self.write)(settings);
        (!self.is_secret() || value == (self.write)(&Settings::default())).then_some(value)
    }

    /// On the command line: `--heartbeat-ms`.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// In the environment: `SELVEDGE_HEARTBEAT_MS`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// What is said of a setting beside its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Live,
    Secret,
}

/// A bound that one setting is to another.
struct Relation {
    smaller: &'static str,
    larger: &'static str,
    why: &'static str,
    holds: fn(&Settings) -> bool,
}

/// Where a value came from. Later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nothing was given.
    Default,
    /// The settings file.
    File,
    /// A variable.
    Environment,
    /// A flag.
    CommandLine,
    /// The control plane, while the server runs.
    Running,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::CommandLine => "command line",
            Self::Running => "control plane",
        })
    }
}

/// What was given from outside, unread.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The settings file that the command line names. [`CONFIG_VARIABLE`] names one otherwise; without either, none is read.
    pub file: Option<PathBuf>,
    /// The environment; whatever does not begin with `SELVEDGE_` is passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// Settings on the command line: name (as a key) and value.
    pub command_line: Vec<(String, String)>,
}

/// The settings that are in force, and where each came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// What the server reads.
    pub settings: Settings,
    /// In the order of [`SETTINGS`].
    origins: Vec<Origin>,
}

impl Effective {
    /// Reads everything that was given.
    ///
    /// # Errors
    ///
    /// All that is wrong, not only the first: names that are no settings, values that cannot be taken (also where a later source
    /// gives a better one), and values that do not go together.
    pub fn read(sources: &Sources) -> Result<Self, Vec<SettingError>> {
        let mut reading = Reading {
            effective: Self { settings: Settings::default(), origins: vec![Origin::Default; SETTINGS.len()] },
            errors: Vec::new(),
        };
        if let Some(path) = file_of(sources) {
            reading.file(&path);
        }
        reading.environment(&sources.environment);
        reading.command_line(&sources.command_line);
        reading.finish()
    }

    /// The same with these values on top of all others: names, and texts as the command line would give them.
    ///
    /// # Errors
    ///
    /// As with [`Effective::read`].
    fn with(&self, given: &BTreeMap<&'static str, String>) -> Result<Self, Vec<SettingError>> {
        let mut reading = Reading { effective: self.clone(), errors: Vec::new() };
        reading.running(given);
        reading.finish()
    }

    /// Takes the value of one setting, and where it came from, from others.
    fn keep(&mut self, setting: &'static Setting, of: &Self) {
        let text = (setting.write)(&of.settings).to_string();
        (setting.read)(&mut self.settings, &text).expect("a kind reads what it has written");
        let index = index_of(setting.name).expect("settings are only made in the table");
        self.origins[index] = of.origins[index];
    }

    /// Where the value of a setting came from.
    pub fn origin(&self, setting: &Setting) -> Origin {
        self.origins[index_of(setting.name).expect("settings are only made in the table")]
    }

    /// Whether nobody gave it.
    pub fn is_default(&self, setting: &Setting) -> bool {
        self.origin(setting) == Origin::Default
    }
}

fn file_of(sources: &Sources) -> Option<PathBuf> {
    let variable =
        || sources.environment.iter().find(|(name, _)| name == CONFIG_VARIABLE).map(|(_, value)| value.into());
    sources.file.clone().or_else(variable)
}

fn index_of(name: &str) -> Option<usize> {
    SETTINGS.iter().position(|setting| setting.name == name)
}

fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

/// What was read so far.
struct Reading {
    effective: Effective,
    errors: Vec<SettingError>,
}

impl Reading {
    fn file(&mut self, path: &Path) {
        let table = match read_bounded(path) {
            Ok(text) => text.parse::<toml::Table>(),
            Err(error) => {
                self.errors.push(SettingError::FileUnreadable { path: path.into(), error });
                return;
            }
        };
        let table = match table {
            Ok(table) => table,
            Err(error) => {
                self.errors.push(SettingError::FileSyntax { path: path.into(), message: error.to_string() });
                return;
            }
        };
        for (key, value) in table {
            let given = Given::File { path: path.into(), key: key.clone(), value: shown(&value) };
            match index_of(&key) {
                Some(index) => self.set(index, Origin::File, given, scalar(&value)),
                None => {
                    let nearest = near_miss::nearest(&key, names()).map(String::from);
                    self.errors.push(SettingError::Unknown { given, nearest });
                }
            }
        }
    }

    fn environment(&mut self, environment: &[(OsString, OsString)]) {
        for (variable, value) in environment {
            let variable = variable.to_string_lossy().into_owned();
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if variable == CONFIG_VARIABLE || FOREIGN_PREFIXES.iter().any(|foreign| variable.starts_with(foreign)) {
                continue;
            }
            let given = Given::Environment { variable: variable.clone(), value: value.to_string_lossy().into_owned() };
            // The variable has to be spelled as documented: `SELVEDGE_listen` is not ours.
            match SETTINGS.iter().position(|setting| setting.variable() == variable) {
                Some(index) => self.set(index, Origin::Environment, given, value.to_str().ok_or(Fault::NotText)),
                None => {
                    let nearest = near_miss::nearest(name, names().chain(["config"]));
                    let nearest = nearest.map(|name| format!("{PREFIX}{}", name.to_uppercase()));
                    self.errors.push(SettingError::Unknown { given, nearest });
                }
            }
        }
    }

    fn command_line(&mut self, command_line: &[(String, String)]) {
        for (name, value) in command_line {
            let flag = format!("--{}", name.replace('_', "-"));
            let given = Given::CommandLine { flag, value: value.clone() };
            match index_of(name) {
                Some(index) => self.set(index, Origin::CommandLine, given, Ok(value)),
                None => self.errors.push(SettingError::Unknown { given, nearest: None }),
            }
        }
    }

    fn running(&mut self, given: &BTreeMap<&'static str, String>) {
        for (&name, value) in given {
            let index = index_of(name).expect("only settings are kept");
            let given = Given::Running { name: name.into(), value: value.clone() };
            self.set(index, Origin::Running, given, Ok(value));
        }
    }

    fn finish(mut self) -> Result<Effective, Vec<SettingError>> {
        // Relations between values that are not the ones meant would only confuse.
        if self.errors.is_empty() {
            self.relations();
        }
        if self.errors.is_empty() { Ok(self.effective) } else { Err(self.errors) }
    }

    fn set(&mut self, index: usize, origin: Origin, given: Given, text: Result<impl AsRef<str>, Fault>) {
        let setting = &SETTINGS[index];
        let read = text.and_then(|text| (setting.read)(&mut self.effective.settings, text.as_ref()));
        match read {
            Ok(()) => self.effective.origins[index] = origin,
            Err(fault) => self.errors.push(SettingError::Invalid { given, fault, allowed: (setting.allowed)() }),
        }
    }

    fn relations(&mut self) {
        let named = |name| {
            let setting = &SETTINGS[index_of(name).expect("the compiler checks the names of relations")];
            let value = (setting.write)(&self.effective.settings).to_string();
            (setting, value, self.effective.origin(setting))
        };
        let broken = table::RELATIONS.iter().filter(|relation| !(relation.holds)(&self.effective.settings));
        self.errors = broken
            .map(|relation| SettingError::Related {
                smaller: named(relation.smaller),
                larger: named(relation.larger),
                why: relation.why.trim(),
            })
            .collect();
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    // A folder or a device could give any length or none, and never end.
    let about = fs::metadata(path)?;
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("not a file of at most {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path)
}

/// What a file gave, in the form that the environment and the command line give it in.
fn scalar(value: &toml::Value) -> Result<String, Fault> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(on) => Ok(on.to_string()),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            Err(Fault::NotOneValue)
        }
    }
}

fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::Table(_) => "(a table)".into(),
        toml::Value::Array(_) => "(a list)".into(),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Boolean(_)
        | toml::Value::Float(_)
        | toml::Value::Datetime(_) => value.to_string(),
    }
}
