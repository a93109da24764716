//! The `selvedge` binary: command line, settings, logging, and then the server.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use selvedge::doctor::{self, Asked, Machine, ThisMachine};
use selvedge::settings::{Effective, Settings, report};
use selvedge::{auth, logging, server, view};

use cli::{ConfigFormat, Doctor, DoctorFormat, Parsed, Task};

// Documents of all sizes come and go on every core for months: what matters is that memory is given back and not fragmented.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code for a command line or settings that cannot be taken.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let (task, sources) = match cli::parse(std::env::args_os()) {
        // It reads no settings, and begins with giving up what it could do harm with.
        Ok(Parsed::ViewWorker(bounds)) => return view::worker::run(bounds),
        Ok(Parsed::Task(task, sources)) => (task, sources),
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
        Task::Doctor(task) => examine(&task, &effective.settings),
        Task::Token(issued) => match auth::issue(&issued, &effective.settings, SystemTime::now()) {
            Ok(token) => print(&format!("{token}\n")),
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(EXIT_USAGE)
            }
        },
        Task::Serve => {
            logging::start(&effective.settings);
            server::run(&effective.settings)
        }
    }
}

fn examine(task: &Doctor, settings: &Settings) -> ExitCode {
    let asked = Asked {
        connections: task.connections.unwrap_or(settings.connections_max as u64),
        descriptors: settings.descriptors,
        port: settings.listen.port(),
        data_dir: settings.data_dir.clone(),
    };
    let findings = match task.format {
        DoctorFormat::Explain => return print(&doctor::explain()),
        DoctorFormat::Table | DoctorFormat::Json => {
            doctor::examine(&Machine::new(&task.root), &asked, &ThisMachine::below(&task.root))
        }
    };
    let printed = print(&match task.format {
        DoctorFormat::Json => doctor::json(&asked, &findings),
        DoctorFormat::Table | DoctorFormat::Explain => doctor::table(&asked, &findings),
    });
    if printed == ExitCode::SUCCESS && !doctor::is_fit(&findings) { ExitCode::FAILURE } else { printed }
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
