//! Documents over HTTP. What a path does stands in a file of its own; what they need in common beside them.

mod accept;
mod archive;
pub(super) mod body;
mod entry_name;
pub(super) mod name;
pub(super) mod parameters;
pub(super) mod tag;
