//! Logging: where events go and which. It does not know what is logged.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

use crate::settings::{LogFormat, LogLevel, Settings};

/// Sends events from here on to standard error. Standard output stays free for what was asked for.
///
/// # Panics
///
/// When called a second time in one process.
pub fn start(settings: &Settings) {
    let level = match settings.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let subscriber = fmt().with_writer(std::io::stderr).with_max_level(level);
    match settings.log_format {
        LogFormat::Human => {
            use std::io::IsTerminal;
            subscriber.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
        }
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}
