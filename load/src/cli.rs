//! The command line: which command. Does not know what a command does.

mod show;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

/// The exit code for a command line, or files named by it, that cannot be taken.
pub(crate) const EXIT_USAGE: u8 = 2;

/// Loads any server that speaks y-websocket, and says what it found
#[derive(Debug, Parser)]
#[command(name = "selvedge-load", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show a stored run again
    Show(show::Show),
}

impl Cli {
    pub(crate) fn run(&self) -> ExitCode {
        match &self.command {
            Command::Show(show) => show.run(),
        }
    }
}

/// Whoever closes standard output early has seen enough.
fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
    }
}
