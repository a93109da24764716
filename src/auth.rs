//! Who may do what with which document: tokens in, grants out. Has no socket, and does not know how a token came.

mod denied;
mod grant;

use std::sync::Arc;
use std::time::SystemTime;

pub use denied::Denied;
pub use grant::{Grant, Pattern, Right};

/// Who is asked whether somebody may come in. What it knows does not change; when keys do, every core is given another one.
#[derive(Debug)]
pub struct Authority {
    everybody: Arc<Grant>,
}

impl Authority {
    /// Asks for no token, and gives everything to everybody.
    #[must_use]
    pub fn open() -> Self {
        Self { everybody: Arc::new(Grant::everything()) }
    }

    /// What a token allows; `None` where none was given.
    ///
    /// # Errors
    ///
    /// The token, or that there is none, is no reason to let anybody in.
    pub fn admit(&self, token: Option<&str>, now: SystemTime) -> Result<Arc<Grant>, Denied> {
        let _ = (token, now);
        Ok(Arc::clone(&self.everybody))
    }
}
