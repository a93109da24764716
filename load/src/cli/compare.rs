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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::Report;
    use crate::sample;

    fn code(before: &[Report], after: &[Report], more: impl FnOnce(&mut Compare)) -> Result<String, StoreError> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut compare = Compare {
            before: store::write(&folder.path().join("before"), before)?,
            after: store::write(&folder.path().join("after"), after)?,
            history: Some(folder.path().join("before")),
            json: true,
        };
        more(&mut compare);
        compare.compare().map(|code| format!("{code:?}"))
    }

    fn exit(code: u8) -> String {
        format!("{:?}", ExitCode::from(code))
    }

    #[test]
    fn the_exit_code_says_whether_something_is_critical() {
        let run = sample::edit;
        let check = |after: Report, expected| {
            assert_eq!(code(&[run()], &[after], |_| ()).expect("both can be read"), exit(expected));
        };
        check(run(), 0);
        check(sample::slower(run(), "delivery", 1.2), 0);
        check(sample::slower(run(), "delivery", 1.4), 1);
        check(Report { failures: vec!["a text differs".into()], ..run() }, 1);
        check(Report { scenario: "echo".into(), ..run() }, EXIT_USAGE);
        let shown_to_people = code(&[run()], &[run()], |compare| compare.json = false);
        assert_eq!(shown_to_people.expect("both can be read"), exit(0));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let run = [sample::edit()];
        let missing = code(&run, &run, |compare| compare.after = "/nowhere/b.json".into());
        assert!(matches!(missing, Err(StoreError::Io { .. })), "{missing:?}");
        let foreign = code(&run, &run, |compare| fs::write(&compare.before, "{}").expect("it is ours"));
        assert!(matches!(foreign, Err(StoreError::NotAReport { .. })), "{foreign:?}");
        let no_folder = code(&run, &run, |compare| compare.history = Some("/nowhere".into()));
        assert!(matches!(no_folder, Err(StoreError::Io { .. })), "{no_folder:?}");
    }

    #[test]
    fn programs_can_read_what_was_found() {
        let stored = |report| store::Stored { path: "x.json".into(), reports: vec![report] };
        let after = sample::with_figure(sample::slower(sample::edit(), "delivery", 1.4), "lost_updates", 2.0);
        let comparison = Comparison::new(&stored(sample::edit()), &stored(after));
        let found =
            Findings { critical: true, comparison: &comparison, look_first: &suspects(&comparison), history: None };
        let json: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&found).expect("it is plain data")).expect("it is JSON");
        assert_eq!(json["look_first"][0]["name"], "lost_updates");
        assert_eq!(json["look_first"][0]["worse_percent"], serde_json::Value::Null);
        let changes = json["comparison"]["scenarios"][0]["changes"].as_array().expect("it is a list");
        let delivery = changes.iter().find(|change| change["name"] == "delivery p99").expect("it is compared");
        assert_eq!((&delivery["verdict"], &delivery["before"]), (&"critical".into(), &1_330.0.into()));
    }
}
