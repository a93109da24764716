//! `selvedge-load show`: a stored run again, as it was shown when it ended. Knows the command line; the table and the picture know the rest.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::{EXIT_USAGE, print};
use crate::printable::printable;
use crate::{plot, store, table};

/// What is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// A file of --json, or of a baseline
    file: PathBuf,
    /// Draw the run as a picture too. Of a file with several runs, each gets the name with a number
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

impl Show {
    pub(crate) fn run(&self) -> ExitCode {
        let stored = match store::read(&self.file) {
            Ok(stored) => stored,
            Err(error) => {
                eprintln!("error: {}", printable(&error.to_string(), usize::MAX));
                return ExitCode::from(EXIT_USAGE);
            }
        };
        let tables: Vec<String> = stored.reports.iter().map(table::render).collect();
        let shown = print(&tables.join("\n\n"));
        for (position, report) in stored.reports.iter().enumerate() {
            let Some(path) = &self.plot else { continue };
            let path = if stored.reports.len() == 1 { path.clone() } else { numbered(path, position + 1) };
            if let Err(error) = plot::draw(report, &path) {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        }
        shown
    }
}

/// `run.svg` to `run-2.svg`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_has_a_name() {
        assert_eq!(numbered(Path::new("a/run.svg"), 2), Path::new("a/run-2.svg"));
        assert_eq!(numbered(Path::new("run"), 3), Path::new("run-3"));
    }
}
