//! The `selvedge` binary: command line, settings, logging, and then the server.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use selvedge::settings::{Effective, report};
use selvedge::{logging, server};

use cli::{ConfigFormat, Task};

// Documents of all sizes come and go on every core for months: what matters is that memory is given back and not fragmented.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code for a command line or settings that cannot be taken.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let (task, sources) = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    let effective = match Effective::read(&sources) {
        Ok(effective) => effective,
        Err(errors) => {
            for error in errors {
                eprintln!("error: {error}");
            }
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match task {
        Task::Config(ConfigFormat::Table) => print(&report::table(&effective)),
        Task::Config(ConfigFormat::Toml) => print(&report::toml(&effective)),
        Task::Config(ConfigFormat::Json) => print(&report::json(&effective)),
        Task::Serve => {
            logging::start(&effective.settings);
            server::run(&effective.settings)
        }
    }
}

/// Whoever closes standard output early (`selvedge config | head`) has seen enough.
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
