//! Logging: where events go and which, also while the server runs. It does not know what is logged.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, fmt, reload};

use crate::settings::{LogFormat, LogLevel, Settings};

/// Decides which events are logged from here on.
#[derive(Clone, Debug)]
pub struct Log(reload::Handle<LevelFilter, Registry>);

impl Log {
    /// Less important events than these are not logged from here on.
    pub fn set_level(&self, level: LogLevel) {
        // It fails where nobody logs any more.
        if let Err(error) = self.0.reload(filter(level)) {
            tracing::warn!(%error, "the level of the log stays as it is");
        }
    }
}

/// Sends events from here on to standard error. Standard output stays free for what was asked for.
///
/// # Panics
///
/// When called a second time in one process.
pub fn start(settings: &Settings) -> Log {
    let (level, handle) = reload::Layer::new(filter(settings.log_level));
    let registry = tracing_subscriber::registry().with(level);
    let layer = fmt::layer().with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Human => {
            use std::io::IsTerminal;
            registry.with(layer.with_ansi(std::io::stderr().is_terminal()).with_target(false)).init();
        }
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
    }
    Log(handle)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
