//! `selvedge doctor`: holds the machine against what a number of connections needs, and says what to do. It changes nothing, and it does
//! not know what the knobs are: those are declared in `tuning/knobs.toml`, which `tuning/apply` reads as well.

mod declaration;
mod formula;
mod inspect;
mod judge;
mod machine;
mod network;
mod probe;
mod report;
#[cfg(test)]
mod tests;

pub use declaration::{Apply, KNOBS, Kind, Knob, Level, Rule, When};
pub use inspect::examine;
pub use judge::State;
pub use machine::Machine;
pub use probe::{Probe, ThisMachine};
pub use report::{explain, json, table};

use std::path::PathBuf;

use crate::settings::DescriptorsChoice;

/// What the machine is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Connections at once.
    pub connections: u64,
    /// What a connection is in the process.
    pub descriptors: DescriptorsChoice,
    /// Where the server listens.
    pub port: u16,
    /// Where the documents are.
    pub data_dir: PathBuf,
}

/// What was found of one knob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub knob: &'static Knob,
    /// Whether it will do.
    pub state: State,
    /// What is there, for people; empty where there is nothing.
    pub found: String,
    /// What would do, for people.
    pub wanted: String,
    /// What else there is to say; mostly empty.
    pub note: String,
    /// Without it the server will not hold so many connections.
    pub required: bool,
    /// The command that mends it, where something has to be mended.
    pub mend: Option<String>,
}

/// Whether nothing that is required is lacking.
#[must_use]
pub fn is_fit(findings: &[Finding]) -> bool {
    !findings.iter().any(|finding| finding.required && finding.state.is_wrong())
}
