//! `selvedge-load`: loads any server that speaks y-websocket, and says what it found.

mod account;
mod author;
mod auxiliary;
mod cli;
mod clock;
mod compare;
mod connection;
mod coverage;
mod crew;
mod date;
mod effort;
mod hands;
mod kernel_memory;
mod latency;
mod machine;
mod observer;
mod opening;
mod pace;
mod part;
mod plot;
mod presence_state;
mod printable;
mod proc_file;
mod process;
mod progress;
mod random;
mod reading;
mod report;
#[cfg(test)]
mod sample;
mod scenario;
mod session;
mod sources;
mod stamp;
mod step;
mod store;
mod table;
mod tally;
mod target;
mod trace;
mod unit;
mod worker;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => {
            // Help and version that were asked for are no errors, and nobody may be there to read either.
            error.print().ok();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}
