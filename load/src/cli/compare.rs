//! `selvedge-load compare`: two files of runs side by side. Knows the command line and the exit codes; what is found is found elsewhere.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{EXIT_USAGE, print};
use crate::compare::Comparison;
use crate::compare::history::History;
use crate::compare::suspect::{Suspect, suspects};
use crate::compare::text;
use crate::printable::printable;
use crate::store::{self, StoreError};

/// What is asked for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: 0 where nothing is critical, 1 where something is or a later run failed, 2 where the files cannot be \
                        compared."
)]
pub(crate) struct Compare {
    /// The earlier runs: a file of --json, or of a baseline
    before: PathBuf,
    /// The later runs
    after: PathBuf,
    /// Show the trend over all runs that are stored in this folder
    #[arg(long, value_name = "DIR")]
    history: Option<PathBuf>,
    /// Print for programs
    #[arg(long)]
    json: bool,
}

/// All that there is to say, for programs.
#[derive(Serialize)]
struct Findings<'f> {
    critical: bool,
    comparison: &'f Comparison,
    look_first: &'f [Suspect],
    history: Option<&'f History>,
}

impl Compare {
    pub(crate) fn run(&self) -> ExitCode {
        match self.compare() {
            Ok(code) => code,
            Err(error) => {
                tell("error", &error);
                ExitCode::from(EXIT_USAGE)
            }
        }
    }

    fn compare(&self) -> Result<ExitCode, StoreError> {
        let comparison = Comparison::new(&store::read(&self.before)?, &store::read(&self.after)?);
        let history = match &self.history {
            Some(folder) => {
                let folder = store::read_folder(folder)?;
                folder.skipped.iter().for_each(|error| tell("skipped", error));
                Some(History::new(&folder.files))
            }
            None => None,
        };
        let look_first = suspects(&comparison);
        let text = if self.json {
            let findings = Findings {
                critical: comparison.is_critical(),
                comparison: &comparison,
                look_first: &look_first,
                history: history.as_ref(),
            };
            let mut text = serde_json::to_string(&findings).expect("plain data with names for keys can be written");
            text.push('\n');
            text
        } else {
            text::render(&comparison, &look_first, history.as_ref())
        };
        let printed = print(&text);
        Ok(if comparison.is_empty() {
            ExitCode::from(EXIT_USAGE)
        } else if comparison.is_critical() {
            ExitCode::FAILURE
        } else {
            printed
        })
    }
}

fn tell(word: &str, error: &StoreError) {
    eprintln!("{word}: {}", printable(&error.to_string(), usize::MAX));
}
