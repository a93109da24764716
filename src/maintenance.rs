//! What an operator does with the data beside serving it: back up, restore, verify, inspect. Each is one command; none repairs anything unasked.

mod apart;
mod backup;
mod copy;
mod failed;
mod filling;
mod inspect;
mod lease;
mod manifest;
mod owner;
pub mod plane;
mod restore;
mod source;
mod verify;

pub use backup::backup;
pub use failed::{Advice, Failed};
pub use inspect::{Inspected, inspect};
pub use lease::RENEWED_EVERY;
pub use plane::Plane;
pub use restore::restore;
pub use source::CHECKPOINTS;
pub use verify::{Fault, Verified, verify};

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a progress bar is drawn while nothing moves.
const DRAWN: Duration = Duration::from_millis(200);

/// A bar of bytes on standard error; nothing where that is no terminal.
fn bar_of_bytes(total: u64) -> ProgressBar {
    bar(total, "{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
}

/// A bar of documents, of which there are about so many.
fn bar_of_documents(about: u64) -> ProgressBar {
    bar(about, "{bar:40} {pos}/{len} documents, {per_sec}, {eta} left")
}

fn bar(total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    bar.set_style(ProgressStyle::with_template(template).expect("the template is right"));
    bar.enable_steady_tick(DRAWN);
    bar
}
