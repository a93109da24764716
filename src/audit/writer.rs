//! The thread that writes the audit log. Does not know who records.

use std::time::{Duration, SystemTime};

use super::event::{line, lost_line, repeated_line};
use super::queue::{Queue, Waiting};
use super::repeats::Repeats;
use super::{Event, Outcome};
use crate::rotating_file::RotatingFile;

/// How long it waits for events before it looks at what it has only counted.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it is silent about a disk that cannot be written to.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// Lines that are longer together are written in several steps, each of which is written whole or not at all, and goes into one file.
const STEP_BYTES_MAX: usize = 16 << 10;

// A file has room for more than one step.
const _: () = assert!(STEP_BYTES_MAX < 64 << 10, "the smallest file that can be set has 64 KiB");

/// Writes until the queue is closed and empty.
pub(super) fn run(queue: &Queue, file: RotatingFile) {
    let mut writer = Writer::new(file, SystemTime::now());
    loop {
        let waiting = queue.take(PATIENCE);
        let closed = waiting.closed;
        writer.write(waiting, SystemTime::now());
        if closed {
            return;
        }
    }
}

/// What is written at once: looking whether the file is still there takes longer than writing a line.
#[derive(Debug, Default)]
struct Step {
    text: String,
    lines: u64,
}

pub(super) struct Writer {
    file: RotatingFile,
    repeats: Repeats,
    /// Lines that could not be written.
    lost: u64,
    warned_at: Option<SystemTime>,
}

impl Writer {
    pub(super) fn new(file: RotatingFile, now: SystemTime) -> Self {
        Self { file, repeats: Repeats::new(now), lost: 0, warned_at: None }
    }

    pub(super) fn write(&mut self, waiting: Waiting, now: SystemTime) {
        let Waiting { records, dropped, closed } = waiting;
        let mut lines = Vec::new();
        for record in &records {
            let is_wanted = match &record.event {
                Event::Refused { address, reason } => self.repeats.refused(*address, reason.word()),
                Event::Acted { address, action, outcome: Outcome::Denied, .. } => {
                    self.repeats.refused(*address, action.word())
                }
                Event::Started { .. }
                | Event::Stopped
                | Event::LoggedIn { .. }
                | Event::Banned { .. }
                | Event::Revoked { .. }
                | Event::Closed { .. }
                | Event::SettingChanged { .. }
                | Event::Acted { outcome: Outcome::Done | Outcome::Failed { .. } | Outcome::Unknown, .. } => true,
            };
            if is_wanted {
                lines.push(line(record.at, record.core, &record.event));
            }
        }
        let summary = self.repeats.take(now, closed);
        lines.extend(summary.repeated.iter().map(|(address, word, count)| repeated_line(now, *address, word, *count)));
        if summary.others > 0 {
            lines.push(lost_line(now, "refused-others", summary.others));
        }
        if dropped > 0 {
            lines.push(lost_line(now, "dropped", dropped));
        }
        let mut step = Step::default();
        for line in lines {
            if step.lines > 0 && step.text.len() + line.len() > STEP_BYTES_MAX {
                self.append(&std::mem::take(&mut step), now);
            }
            step.text.push_str(&line);
            step.lines += 1;
        }
        if step.lines > 0 {
            self.append(&step, now);
        }
    }

    /// A disk that is full stops the audit log, and nothing else. What was lost is told as soon as there is room.
    fn append(&mut self, step: &Step, now: SystemTime) {
        if self.lost > 0 {
            match self.file.append(lost_line(now, "lost", self.lost).as_bytes()) {
                Ok(()) => self.lost = 0,
                Err(_) => {
                    self.lost += step.lines;
                    return;
                }
            }
        }
        if let Err(error) = self.file.append(step.text.as_bytes()) {
            self.lost += step.lines;
            let is_due =
                self.warned_at.is_none_or(|at| now.duration_since(at).is_ok_and(|passed| passed >= WARNING_PAUSE));
            if is_due {
                self.warned_at = Some(now);
                tracing::error!(%error, "the audit log cannot be written; what is lost is counted");
            }
        }
    }
}
