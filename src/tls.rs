//! TLS of the server's side: certificates, and sessions without I/O. The one home of `rustls`. Has no socket and no clock, and does not
//! know what is said inside.

mod acceptor;
mod counters;
mod failure;
mod identity;
mod reload;
mod session;
mod turns;
mod validity;

pub use acceptor::{Acceptor, MinVersion};
pub use counters::Counters;
pub use failure::Failure;
pub use identity::{Files, Identity, IdentityError};
pub use reload::Reloader;
pub use rustls::Error as SetupError;
pub use session::{Received, SEND_PIECE_BYTES, Session, UNFINISHED_BYTES_MAX};
pub use turns::Turns;
