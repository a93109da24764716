//! `selvedge-load`: loads any server that speaks y-websocket, and says what it found.

mod auxiliary;
mod cli;
mod date;
mod kernel_memory;
mod machine;
mod plot;
mod printable;
mod proc_file;
mod process;
mod progress;
mod report;
#[cfg(test)]
mod sample;
mod store;
mod table;
mod unit;

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
