//! `selvedge-load baseline`: four fixed runs, stored together for later comparison. Knows which; `edit` knows what happens in each.

use std::path::PathBuf;
use std::process::ExitCode;

use super::edit::EditOptions;
use super::run_options::{RunError, RunOptions, seconds_above_zero};
use crate::report::Report;
use crate::{cli, store, table};

/// Options of `baseline`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BaselineOptions {
    /// Where documents are
    #[arg(long, value_name = "URL", default_value = super::URL)]
    url: String,
    /// Folder of the stored runs, which is made where there is none
    #[arg(long, value_name = "FOLDER", default_value = "baselines")]
    folder: PathBuf,
    /// How long each of the first two runs is measured
    #[arg(long, default_value = "10", value_parser = seconds_above_zero)]
    seconds: f64,
    /// How long the last run is measured, which is to show what changes with time
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds_above_zero)]
    stability: f64,
    #[command(flatten)]
    options: RunOptions,
}

/// One of the four.
struct Fixed {
    name: &'static str,
    writers: u32,
    documents: u32,
    rate_per_s: f64,
    seconds: f64,
    warm_up: f64,
}

impl BaselineOptions {
    /// All connections write, and read what the others in their document write.
    fn fixed(&self) -> [Fixed; 4] {
        [
            Fixed {
                name: "baseline: 100 connections, 10 messages a second each",
                writers: 100,
                documents: 20,
                rate_per_s: 10.0,
                seconds: self.seconds,
                warm_up: 1.0,
            },
            Fixed {
                name: "baseline: 1,000 connections, 50 messages a second each",
                writers: 1000,
                documents: 500,
                rate_per_s: 50.0,
                seconds: self.seconds,
                warm_up: 1.0,
            },
            Fixed {
                name: "baseline: burst of 2,000 connects and 20,000 messages in a second",
                writers: 2000,
                documents: 1000,
                rate_per_s: 10.0,
                seconds: 1.0,
                warm_up: 0.0,
            },
            Fixed {
                name: "baseline: stability of 200 connections, 25 messages a second each",
                writers: 200,
                documents: 50,
                rate_per_s: 25.0,
                seconds: self.stability,
                warm_up: 1.0,
            },
        ]
    }

    pub(crate) fn run(&self) -> Result<ExitCode, RunError> {
        if self.options.json.is_some() || self.options.plot.is_some() {
            let text = "--json and --plot: a baseline is stored in its --folder; `selvedge-load show` draws it";
            return Err(RunError::Option(text.to_owned()));
        }
        let reports = self.fixed().iter().map(|fixed| self.measure(fixed)).collect::<Result<Vec<Report>, _>>()?;
        let tables: Vec<String> = reports.iter().map(table::render).collect();
        let shown = cli::print(&tables.join("\n\n"));
        match store::write(&self.folder, &reports) {
            Ok(path) => eprintln!("stored as {}", path.display()),
            Err(error) => {
                eprintln!("error: {error}");
                return Ok(ExitCode::FAILURE);
            }
        }
        Ok(if reports.iter().all(|report| report.failures.is_empty()) { shown } else { ExitCode::FAILURE })
    }

    fn measure(&self, fixed: &Fixed) -> Result<Report, RunError> {
        let mut options = self.options.clone();
        options.warm_up = fixed.warm_up;
        let edit = EditOptions {
            url: self.url.clone(),
            writers: fixed.writers,
            documents: fixed.documents,
            readers: 0,
            rate: fixed.rate_per_s,
            bytes: 20,
            seconds: fixed.seconds,
            options,
        };
        edit.measure(fixed.name)
    }
}
