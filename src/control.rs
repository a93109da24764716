//! The control plane: what people and their tools see of the server, and how they reach it. A thread of its own with an executor of its own,
//! which is away from the cores in everything: they do not wait for it, and go on where it fails.

mod access;
mod act;
mod bans;
mod checkpoints;
mod context;
mod documents;
mod events;
mod guard;
mod health;
mod leftover;
mod metrics;
mod openapi;
mod parameters;
mod peer;
mod playground;
mod problem;
mod routes;
mod serve;
mod settings;
mod status;
mod taken;
mod versions;
mod watching;
mod web;
mod webhooks;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;
use tokio::sync::watch;

pub use bans::Bans;
pub use checkpoints::Checkpoints;
pub use context::{Context, Latest};
pub use documents::room::Room;
pub use metrics::Requests;
pub use watching::{THREAD_NAME as WATCH_THREAD_NAME, Watch, Watcher};

use crate::priority;
use serve::Rules;

/// The start of the names of its threads. What panics there ends one request, not the process.
pub const THREAD_NAME: &str = "control";

/// Threads for what waits or computes for long: the store, files, large edits.
const BLOCKING_THREADS_MAX: usize = 6;

// One is left for whatever is done in a moment.
const _: () = assert!(crate::documents::BUSY_THREADS_MAX + crate::versions::BUSY_THREADS_MAX < BLOCKING_THREADS_MAX);

/// Why there is no control plane.
#[derive(Debug)]
pub enum StartError {
    /// Somebody beyond this machine would reach it, and nobody would be asked for a token.
    Unprotected {
        /// The setting.
        listen: SocketAddr,
    },
    /// Its address cannot be had.
    Refused {
        /// The setting.
        listen: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The system has no thread to give.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unprotected { listen } => write!(
                f,
                "control_listen: others reach {listen}, and no tokens are asked for: name a key (auth_secret_file, auth_keys_file, auth_jwks_url), \
                 or an address of this machine alone"
            ),
            Self::Refused { listen, error } if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "control_listen: {listen} is taken: another server runs there; choose another (--control-listen), or none (--control=false)"
            ),
            Self::Refused { listen, error } => write!(f, "control_listen: cannot listen on {listen}: {error}"),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

/// Its address, taken before anything else is opened.
#[derive(Debug)]
pub struct Claimed(TcpListener);

/// Takes the address. Who takes nothing of what is sent for `user_timeout` is gone (TCP_USER_TIMEOUT): nobody keeps one of the places for
/// connections by not reading.
///
/// # Errors
///
/// It cannot be had, or must not be.
pub fn claim(listen: SocketAddr, is_open: bool, user_timeout: Duration) -> Result<Claimed, StartError> {
    if is_open && !listen.ip().to_canonical().is_loopback() {
        return Err(StartError::Unprotected { listen });
    }
    let refused = |error| StartError::Refused { listen, error };
    let listener = TcpListener::bind(listen).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    // Sockets that are accepted have it from their listener.
    SockRef::from(&listener).set_tcp_user_timeout(Some(user_timeout)).map_err(refused)?;
    Ok(Claimed(listener))
}

impl Claimed {
    /// Where it is.
    ///
    /// # Errors
    ///
    /// The kernel does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// The thread's owner.
#[derive(Debug)]
pub struct Control {
    thread: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Control {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system has none to give.
    pub fn spawn(claimed: Claimed, context: Arc<Context>) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name(THREAD_NAME)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .build()
            .map_err(StartError::Thread)?;
        let rules = Rules::of(context.settings());
        let serve = move || {
            priority::stand_back();
            if let Err(error) = runtime.block_on(serve::serve(claimed.0, context, rules, stopped)) {
                tracing::error!(%error, "the control plane has ended; documents are served as before");
            }
            // What still works on a blocking thread is not waited for.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(serve).map_err(StartError::Thread)?;
        Ok(Self { thread, stop })
    }

    /// Ends the thread; requests that are being answered are given a moment.
    pub fn stop(self) {
        // Where it has ended by itself nobody listens.
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the control plane has panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_keys_nobody_beyond_this_machine_reaches_it() {
        let claim = |listen: &str| claim(listen.parse().expect("an address"), true, Duration::from_secs(30));
        for others in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:0.0.0.0]:0", "[2001:db8::1]:0"] {
            assert!(matches!(claim(others), Err(StartError::Unprotected { .. })), "{others}");
        }
        let claimed = claim("127.0.0.1:0").expect("a free port");
        assert_ne!(claimed.address().expect("it is bound").port(), 0);
    }
}
