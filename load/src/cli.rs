//! The command line: which command. Does not know what a command does.

mod baseline;
mod compare;
mod echo;
mod edit;
mod idle;
mod join;
mod presence;
mod replay;
mod run_options;
mod show;
mod storm;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::crew::Outcome;
use crate::report::{Better, Report};
use crate::tally::Count;

/// The exit code for a command line, or files named by it, that cannot be taken.
pub(crate) const EXIT_USAGE: u8 = 2;

/// Loads any server that speaks y-websocket, and says what it found
#[derive(Debug, Parser)]
#[command(name = "selvedge-load", version = env!("VERSION_WITH_COMMIT"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Very many clients attach to documents and do nothing, but for a few
    Idle(idle::IdleOptions),
    /// Writers append to documents at a rate, and everybody in a document must get every update.
    ///
    /// An acknowledgement is the return of an update to its writer. It means `on disk` where the server sends it after that, as Selvedge does;
    /// the servers of npm send it at once.
    Edit(edit::EditOptions),
    /// One hot document with several writers and many readers
    Fanout(edit::FanoutOptions),
    /// Users of one document tell each other where they are
    Presence(presence::PresenceOptions),
    /// Many clients join one large document in the same moment
    Join(join::JoinOptions),
    /// All clients lose their connections at once, and come back at once
    Storm(storm::StormOptions),
    /// Recorded editing sessions, as fast as the server stores them
    Replay(replay::ReplayOptions),
    /// Any WebSocket server that sends back what it gets, for comparisons
    Echo(echo::EchoOptions),
    /// Four fixed runs, stored for later comparison
    Baseline(baseline::BaselineOptions),
    /// Compare two stored runs, or two baselines, and say what got worse
    Compare(compare::Compare),
    /// Show a stored run again
    Show(show::Show),
}

/// Where Selvedge's documents are by default.
const URL: &str = "ws://127.0.0.1:8420/yjs/{document}";

impl Cli {
    pub(crate) fn run(&self) -> ExitCode {
        let ended = match &self.command {
            Command::Idle(idle) => idle.run(),
            Command::Edit(edit) => edit.run(),
            Command::Fanout(fanout) => fanout.run(),
            Command::Presence(presence) => presence.run(),
            Command::Join(join) => join.run(),
            Command::Storm(storm) => storm.run(),
            Command::Replay(replay) => replay.run(),
            Command::Echo(echo) => echo.run(),
            Command::Baseline(baseline) => baseline.run(),
            Command::Compare(compare) => return compare.run(),
            Command::Show(show) => return show.run(),
        };
        ended.unwrap_or_else(|error| {
            eprintln!("error: {error}");
            error.exit_code()
        })
    }
}

/// Adds what all scenarios with edits have in options.
fn tell_edits(report: &mut Report, outcome: &Outcome) {
    let count = |count| outcome.counts.of(count);
    report.rate("updates", count(Count::Updates));
    report.rate("deliveries", count(Count::Deliveries));
    let frames = count(Count::UpdateFrames);
    if frames > 0 {
        let arrived = count(Count::Delivered) + count(Count::Acknowledged);
        report.figure("updates_per_frame", arrived as f64 / frames as f64, Better::Neither);
    }
    report.figure("duplicates", count(Count::Duplicates) as f64, Better::Lower);
    report.figure("held_back", count(Count::HeldBack) as f64, Better::Lower);
    report.missing("deliveries", count(Count::DeliveriesDue), count(Count::Delivered));
    match count(Count::Acknowledged) {
        0 if count(Count::UpdatesSent) > 0 => report
            .warnings
            .push("there is no acknowledgement figure: this server does not send a writer its own updates".to_owned()),
        acknowledged => report.missing("acknowledgements", count(Count::UpdatesSent), acknowledged),
    }
}

/// Whoever closes standard output early has seen enough.
pub(crate) fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
    }
}
