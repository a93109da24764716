//! How far a run is, on standard error: a bar with rate and time left where a person looks, a line every few seconds where not. It does not
//! know what is counted.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::printable::printable;
use crate::unit::{Unit, number};

/// Between two lines where standard error is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is cut from a label or a detail, so that the bar stays on one line.
const LABEL_COLUMNS: usize = 24;
const DETAIL_COLUMNS: usize = 40;

/// Of one part of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines { lines: Lines, began: Instant },
    Nothing,
}

impl Progress {
    /// Begins at 0. A `total` of 0 is not known.
    pub(crate) fn new(total: u64, label: &str) -> Self {
        let label = printable(label, LABEL_COLUMNS);
        let shown = if std::io::stderr().is_terminal() {
            Shown::Bar(bar(total).with_message(String::new()).with_prefix(label))
        } else {
            Shown::Lines { lines: Lines::new(total, label), began: Instant::now() }
        };
        Self { shown }
    }

    /// Shows nothing (`--no-progress`).
    pub(crate) fn hidden() -> Self {
        Self { shown: Shown::Nothing }
    }

    /// How far it is, in whatever `total` counts, and what else to say. May be called as often as one likes.
    pub(crate) fn set(&mut self, position: u64, detail: &str) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_position(position);
                bar.set_message(printable(detail, DETAIL_COLUMNS));
            }
            Shown::Lines { lines, began } => {
                if let Some(line) = lines.line(began.elapsed(), position, detail) {
                    say(&line);
                }
            }
            Shown::Nothing => {}
        }
    }

    /// It is done. What was shown stays.
    pub(crate) fn finish(self) {
        match self.shown {
            Shown::Bar(bar) => bar.abandon(),
            Shown::Lines { lines, began } => say(&lines.last(began.elapsed())),
            Shown::Nothing => {}
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let (bar, template) = if total > 0 {
        (ProgressBar::new(total), "{prefix:24} [{bar:24}] {human_pos}/{human_len} {rate}, {eta} left  {msg}")
    } else {
        (ProgressBar::no_length(), "{prefix:24} {human_pos} {rate}, {elapsed}  {msg}")
    };
    let style = ProgressStyle::with_template(template).expect("the template is a constant, and a test reads it");
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // Text is kept in memory: it takes all that is written.
        text.write_str(&Unit::PerSecond.text(state.per_sec().round())).ok();
    };
    bar.with_style(style.progress_chars("=> ").with_key("rate", rate))
}

/// Nobody may be there to read it, which is no reason to stop a run.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// Decides when a line is due, and what it says.
#[derive(Debug)]
struct Lines {
    total: u64,
    label: String,
    position: u64,
    /// The last line's.
    said_at: Duration,
    said_position: u64,
}

impl Lines {
    fn new(total: u64, label: String) -> Self {
        Self { total, label, position: 0, said_at: Duration::ZERO, said_position: 0 }
    }

    fn line(&mut self, now: Duration, position: u64, detail: &str) -> Option<String> {
        self.position = position;
        let since = now.saturating_sub(self.said_at);
        if since < LINE_INTERVAL {
            return None;
        }
        let rate = position.saturating_sub(self.said_position) as f64 / since.as_secs_f64();
        self.said_at = now;
        self.said_position = position;
        let mut line = format!("{}: {}", self.label, number(position as f64));
        if self.total > 0 {
            line.push_str(&format!(" of {}", number(self.total as f64)));
        }
        line.push_str(&format!(", {}", Unit::PerSecond.text(rate)));
        if self.total > position && rate > 0.0 {
            line.push_str(&format!(", {} s left", number(((self.total - position) as f64 / rate).ceil())));
        }
        if !detail.is_empty() {
            line.push_str(&format!(", {}", printable(detail, DETAIL_COLUMNS)));
        }
        Some(line)
    }

    fn last(&self, now: Duration) -> String {
        let seconds = Unit::Time { micros: 1_000_000 };
        format!("{}: {} in {}", self.label, number(self.position as f64), seconds.text(now.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    #[test]
    fn a_line_is_due_every_few_seconds() {
        let mut lines = Lines::new(1_000_000, "opening".into());
        assert_eq!(lines.line(Duration::from_secs(4), 100_000, ""), None);
        let line = lines.line(Duration::from_secs(5), 150_000, "attached 149,000");
        assert_eq!(line.as_deref(), Some("opening: 150,000 of 1,000,000, 30,000/s, 29 s left, attached 149,000"));
        assert_eq!(lines.line(Duration::from_secs(9), 200_000, ""), None);
        // The rate is that of the time since the last line, not of all.
        let line = lines.line(Duration::from_secs(10), 150_000, "");
        assert_eq!(line.as_deref(), Some("opening: 150,000 of 1,000,000, 0/s"));
        assert_eq!(lines.last(Duration::from_millis(12_500)), "opening: 150,000 in 12.5 s");
    }

    #[test]
    fn a_total_that_is_not_known_promises_nothing() {
        let mut lines = Lines::new(0, "holding".into());
        let line = lines.line(Duration::from_secs(8), 80, "\u{1b}[2J");
        assert_eq!(line.as_deref(), Some("holding: 80, 10/s, ?[2J"));
    }

    /// Keeps what is drawn; each drawing clears the lines of the one before.
    #[derive(Clone, Debug, Default)]
    struct Terminal(Arc<Mutex<Vec<String>>>);

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            140
        }
        fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("no test panics while it draws").push(text.trim().to_string());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bar_shows_position_rate_and_detail_on_one_line() {
        for (total, expected) in [(1_000_000, "250,000/1,000,000"), (0, "250,000 ")] {
            let terminal = Terminal::default();
            let bar = bar(total).with_prefix("opening");
            bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
            let mut progress = Progress { shown: Shown::Bar(bar) };
            progress.set(250_000, "attached 249,000");
            progress.finish();
            let drawn = terminal.0.lock().expect("no test panics while it draws");
            let shown = drawn.iter().rfind(|text| !text.is_empty()).expect("something is drawn");
            assert!(shown.starts_with("opening") && shown.contains(expected) && shown.contains("/s"), "{drawn:?}");
            assert!(shown.contains("attached 249,000") && shown.chars().count() <= 140, "{drawn:?}");
        }
    }
}
