//! The `selvedge` binary: command line, settings, logging, and then the server.

mod cli;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use selvedge::doctor::{self, Asked, Machine, ThisMachine};
use selvedge::maintenance::{self, Failed, Plane};
use selvedge::settings::{Effective, Settings, report};
use selvedge::{auth, logging, server, view};

use cli::{ConfigFormat, Doctor, DoctorFormat, Maintain, Parsed, Task};

// Documents of all sizes come and go on every core for months: what matters is that memory is given back and not fragmented.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code for a command line or settings that cannot be taken.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let (task, sources) = match cli::parse(std::env::args_os()) {
        // It reads no settings, and begins with giving up what it could do harm with.
        Ok(Parsed::ViewWorker(bounds)) => return view::worker::run(bounds),
        Ok(Parsed::Task(task)) => *task,
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
            Ok(token) => {
                if issued.opens_nothing() {
                    eprintln!("warning: the token opens nothing: give it --document PATTERN=RIGHT, or --admin");
                }
                print(&format!("{token}\n"))
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(EXIT_USAGE)
            }
        },
        Task::Maintain(task) => maintain(&task, &effective.settings).unwrap_or_else(|failed| {
            eprintln!("error: {failed}");
            ExitCode::FAILURE
        }),
        Task::Completions(shell) => print_bytes(&cli::completions(shell)),
        Task::Man(None) => done(cli::man().map(|page| print_bytes(&page))),
        Task::Man(Some(folder)) => done(cli::man_pages(&folder).map(|()| ExitCode::SUCCESS)),
        Task::Serve => {
            let log = logging::start(&effective.settings);
            server::run(effective, sources, log)
        }
    }
}

fn maintain(task: &Maintain, settings: &Settings) -> Result<ExitCode, Failed> {
    let plane = |token: &Option<PathBuf>| {
        let token = token.as_deref().map(maintenance::plane::token).transpose()?;
        Ok::<_, Failed>(Plane { address: settings.control_listen, token })
    };
    let data_dir = &settings.data_dir;
    Ok(match task {
        Maintain::Backup { folder, token } => {
            let bytes = maintenance::backup(data_dir, folder, &plane(token)?)?;
            print(&format!("{bytes} bytes are backed up in {}\n", folder.display()))
        }
        Maintain::Restore { folder } => {
            let bytes = maintenance::restore(folder, data_dir)?;
            print(&format!("{bytes} bytes are restored in {}\n", data_dir.display()))
        }
        Maintain::Verify { folder, token, json } => {
            let verified = maintenance::verify(folder.as_ref().unwrap_or(data_dir), &plane(token)?)?;
            let printed = match json {
                true => print(&format!("{:#}\n", verified.json())),
                false => print(&verified.to_string()),
            };
            if verified.faults.is_empty() { printed } else { ExitCode::FAILURE }
        }
        Maintain::Inspect { document, folder, json } => {
            let inspected = maintenance::inspect(folder.as_ref().unwrap_or(data_dir), document)?;
            match json {
                true => print(&format!("{:#}\n", inspected.json())),
                false => print(&inspected.to_string()),
            }
        }
    })
}

fn done(result: io::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
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

fn print(text: &str) -> ExitCode {
    print_bytes(text.as_bytes())
}

/// Whoever closes standard output early (`selvedge config | head`) has seen enough.
fn print_bytes(bytes: &[u8]) -> ExitCode {
    match io::stdout().lock().write_all(bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
    }
}
