//! The process that looks at documents. It begins by giving up whatever it could do harm with, and then answers one request after another.

mod base64;
mod build;
mod compare;
mod deep;
mod difference;
mod document;
mod edit;
mod kind;
mod markup;
mod pieces;
mod places;
mod plain;
mod restore;
mod sandbox;
mod script;
mod show;
mod syscalls;
mod value;

use std::io::{self, Read as _, Write as _};
use std::panic;
use std::process::{self, ExitCode};

use super::frame::{HEADER_BYTES, Header, Request, Response};
pub use super::options::Bounds;

/// What a request could not be answered for.
#[derive(Debug)]
enum Refusal {
    Malformed,
    NoSuchRoot,
    BadOperation { index: usize, why: String },
    TooLarge(super::Size),
}

/// Answers requests on standard input until it ends.
#[must_use]
pub fn run(bounds: Bounds) -> ExitCode {
    // What a document has brought into disorder is not cleaned up.
    panic::set_hook(Box::new(|what| {
        eprintln!("{what}");
        process::abort();
    }));
    let ended = sandbox::enter(bounds).map_err(|error| error.to_string()).and_then(|()| {
        let served = serve(bounds);
        served.map_err(|error| error.to_string())
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("view worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(bounds: Bounds) -> io::Result<()> {
    let (mut requests, mut responses) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut header = [0; HEADER_BYTES];
        match requests.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let header = Header::decode(header);
        let bytes_max = usize::try_from(bounds.memory_bytes).expect("64 bits");
        let lengths = header.within(bytes_max).ok_or(io::ErrorKind::InvalidData)?;
        let mut parts = [Vec::new(), Vec::new()];
        for (part, length) in parts.iter_mut().zip(lengths) {
            part.resize(length, 0);
            requests.read_exact(part)?;
        }
        let request = Request::parse(header.tag, parts).ok_or(io::ErrorKind::InvalidData)?;
        let response = respond(&request, bounds.answer_bytes_max);
        let header = response.header().ok_or(io::ErrorKind::InvalidData)?;
        responses.write_all(&header.encode())?;
        for part in response.parts() {
            responses.write_all(&part)?;
        }
        responses.flush()?;
    }
}

fn respond(request: &Request, answer_bytes_max: usize) -> Response {
    match answer(request, answer_bytes_max) {
        Ok(answer) if answer.len() > answer_bytes_max => Response::TooLarge(super::Size::Answer),
        Ok(answer) => Response::Answer(answer),
        Err(Refusal::Malformed) => Response::Malformed,
        Err(Refusal::NoSuchRoot) => Response::NoSuchRoot,
        Err(Refusal::TooLarge(what)) => Response::TooLarge(what),
        Err(Refusal::BadOperation { index, why }) => {
            Response::BadOperation { index: u32::try_from(index).unwrap_or(u32::MAX), why }
        }
    }
}

/// Every document is gone before its answer is written: what happens while it goes costs this request.
fn answer(request: &Request, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    match request {
        Request::Json { update } => show::json(update, bytes_max),
        Request::Text { update } => show::text(update, None),
        Request::TextOf { update, root } => show::text(update, Some(root)),
        Request::Patch { update, operations } => edit::patch(update, operations),
        Request::Compare { before, after } => compare::compare(before, after, bytes_max),
        Request::Restore { now, version } => restore::restore(now, version),
    }
}
