//! What can be wrong with settings, and the words for it. It does not know how a setting is read.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::kind::Fault;
use super::{Origin, Setting};

/// One thing that is wrong with what was given. Its text names the setting, what was given, and what may be.
#[derive(Debug)]
pub enum SettingError {
    /// The file that was asked for cannot be read.
    FileUnreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not TOML.
    FileSyntax {
        /// Which.
        path: PathBuf,
        /// Where and what, with the line.
        message: String,
    },
    /// There is no setting of this name.
    Unknown {
        /// As it was given.
        given: Given,
        /// The name that was probably meant, as it would be given at the same place.
        nearest: Option<String>,
    },
    /// The value cannot be taken.
    Invalid {
        /// As it was given.
        given: Given,
        /// What is wrong with it.
        fault: Fault,
        /// What may be given.
        allowed: String,
    },
    /// It cannot change while the server runs.
    NeedsRestart {
        /// As it was given.
        given: Given,
    },
    /// Two settings do not go together.
    Related {
        /// The setting that is too large, and its value.
        smaller: (&'static Setting, String, Origin),
        /// The setting that it may not exceed, and its value.
        larger: (&'static Setting, String, Origin),
        /// Why it may not.
        why: &'static str,
    },
}

/// A name and its value, where they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// `name = value` in a file.
    File {
        /// Which file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The value, as TOML writes it.
        value: String,
    },
    /// `NAME=value` in the environment.
    Environment {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// `--name value` on the command line.
    CommandLine {
        /// With its hyphens.
        flag: String,
        /// Its value.
        value: String,
    },
    /// `{"name": value}` through the control plane.
    Running {
        /// The name.
        name: String,
        /// The value.
        value: String,
    },
}

impl fmt::Display for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, key, value } => write!(formatter, "{}: {key} = {value}", path.display()),
            Self::Environment { variable, value } => write!(formatter, "{variable}={value}"),
            Self::CommandLine { flag, value } => write!(formatter, "{flag} {value}"),
            Self::Running { name, value } => write!(formatter, "{name} = {value}"),
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileUnreadable { path, .. } if path.as_os_str().is_empty() => formatter.write_str(
                "the settings file (--config, SELVEDGE_CONFIG) has an empty name; name one, or leave it out",
            ),
            Self::FileUnreadable { path, error } => write!(formatter, "{}: cannot be read: {error}", path.display()),
            Self::FileSyntax { path, message } => write!(formatter, "{}: {}", path.display(), message.trim_end()),
            Self::Unknown { given, nearest } => {
                write!(formatter, "{given}: there is no such setting")?;
                match nearest {
                    Some(nearest) => write!(formatter, "; did you mean {nearest}?"),
                    None => write!(formatter, "; `selvedge config` lists all"),
                }
            }
            Self::Invalid { given, fault, allowed } => write!(formatter, "{given}: {fault}; allowed: {allowed}"),
            Self::NeedsRestart { given } => write!(formatter, "{given}: needs a restart"),
            Self::Related { smaller, larger, why } => {
                let (small, small_value, small_origin) = smaller;
                let (large, large_value, large_origin) = larger;
                write!(
                    formatter,
                    "{} = {small_value} ({small_origin}) exceeds {} = {large_value} ({large_origin}): {why}",
                    small.name, large.name,
                )
            }
        }
    }
}

impl std::error::Error for SettingError {}
