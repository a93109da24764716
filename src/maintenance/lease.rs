//! Keeps a checkpoint of a running server for as long as a command needs it, and gives it back however the command ends. Does not know what it is
//! needed for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::Plane;
use super::plane::Checkpoint;

/// How often a server is told that its checkpoint is still needed.
pub const RENEWED_EVERY: Duration = Duration::from_secs(60);

/// Given back when dropped, and when the process is told to end (SIGINT, SIGTERM). What ends it otherwise leaves it to the server.
pub(super) struct Lease {
    plane: Plane,
    checkpoint: Checkpoint,
    /// Closed to end the renewing.
    renewing: Option<Sender<()>>,
    signals: Handle,
    threads: Vec<JoinHandle<()>>,
}

impl Lease {
    /// Takes over a checkpoint, and says so often that it is needed.
    ///
    /// # Errors
    ///
    /// The system has no thread or signal to give. The checkpoint is given back.
    pub(super) fn begin(plane: &Plane, checkpoint: Checkpoint, renewed_every: Duration) -> io::Result<Self> {
        let begun = Self::threads(plane, &checkpoint, renewed_every);
        if begun.is_err() {
            plane.release(&checkpoint);
        }
        let (renewing, signals, threads) = begun?;
        Ok(Self { plane: plane.clone(), checkpoint, renewing: Some(renewing), signals, threads })
    }

    fn threads(
        plane: &Plane,
        checkpoint: &Checkpoint,
        renewed_every: Duration,
    ) -> io::Result<(Sender<()>, Handle, Vec<JoinHandle<()>>)> {
        let ending = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The second one does not wait for a server.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&ending))?;
        }
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let handle = signals.handle();
        let (renewing, stopped) = mpsc::channel();
        let (of_renewing, of_ending) = ((plane.clone(), checkpoint.clone()), (plane.clone(), checkpoint.clone()));
        let renew = thread::Builder::new().name("renew".to_owned()).spawn(move || {
            let (plane, checkpoint) = of_renewing;
            while stopped.recv_timeout(renewed_every) == Err(RecvTimeoutError::Timeout) {
                plane.renew(&checkpoint);
            }
        })?;
        let end = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let (plane, checkpoint) = of_ending;
            if let Some(signal) = signals.forever().next() {
                ending.store(true, Ordering::SeqCst);
                plane.release(&checkpoint);
                // The process ends by the signal, as it would have without us.
                if let Err(error) = signal_hook::low_level::emulate_default_handler(signal) {
                    eprintln!("warning: signal {signal} cannot be raised again: {error}");
                }
            }
        })?;
        Ok((renewing, handle, vec![renew, end]))
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.renewing.take());
        self.signals.close();
        for thread in self.threads.drain(..) {
            // What panicked there has said so.
            drop(thread.join());
        }
        self.plane.release(&self.checkpoint);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_read_for_long_is_renewed_and_then_given_back() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let plane = Plane { address, token: Some("admin".to_owned()) };
        let checkpoint = Checkpoint { id: "7".to_owned(), path: "nowhere/7".into() };
        let (said, heard) = mpsc::channel();
        let server = thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.expect("a connection");
                let head = BufReader::new(&connection).lines().map(|line| line.expect("text"));
                let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
                assert!(head.iter().any(|line| line.eq_ignore_ascii_case("authorization: bearer admin")), "{head:?}");
                connection.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("somebody reads");
                let is_last = head[0].starts_with("DELETE");
                said.send(head[0].clone()).expect("the test listens");
                if is_last {
                    break;
                }
            }
        });
        let lease = Lease::begin(&plane, checkpoint, Duration::from_millis(1)).expect("threads");
        for _ in 0..3 {
            assert_eq!(heard.recv().expect("it is renewed"), "PUT /v1/checkpoints/7 HTTP/1.1");
        }
        drop(lease);
        let last = heard.iter().last();
        assert_eq!(last.as_deref(), Some("DELETE /v1/checkpoints/7 HTTP/1.1"));
        server.join().expect("it ends with the lease");
    }
}
