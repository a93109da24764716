//! View workers as the server runs them: the built binary, in its sandbox, asked over pipes. What they answer, what they are not allowed, and what
//! documents that were made to do harm cost.

#[path = "view/documents.rs"]
mod documents;
#[path = "view/hostile.rs"]
mod hostile;
#[path = "view/processes.rs"]
mod processes;

use std::future::Future;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use documents::{Writer, hex};
use processes::Worker;
use selvedge::view::{Death, Fault, Operation, Options, RootState, Size, View, ViewError};
use serde_json::{Value, json};

/// The control plane has an executor of one thread too.
fn run<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads can be had").block_on(what)
}

fn options() -> Options {
    Options {
        program: env!("CARGO_BIN_EXE_selvedge").into(),
        workers_max: 2,
        waiting_max: 16,
        timeout: Duration::from_secs(30),
        memory_bytes: 512 << 20,
        answer_bytes_max: 16 << 20,
        requests_per_worker_max: 1,
    }
}
