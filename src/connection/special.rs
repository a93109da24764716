//! What only some connections have for as long as they are open, in one box that the others do without. Does not know what any of it is
//! for.

use crate::admission::Admission;
use crate::tls;

/// Invariant: where it is there, so is something in it.
#[derive(Debug, Default)]
pub(super) struct Special(Option<Box<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    admission: Option<Admission>,
    /// Apart, because it is large, and goes to another core with the socket.
    tls: Option<Box<tls::Session>>,
}

impl Special {
    /// What the connection is held to, where that is anything.
    pub(super) fn admission(&self) -> Option<&Admission> {
        self.0.as_ref()?.admission.as_ref()
    }

    pub(super) fn set_admission(&mut self, admission: Option<Admission>) {
        if admission.is_some() || self.0.is_some() {
            self.0.get_or_insert_default().admission = admission;
            self.tidy();
        }
    }

    /// What stands between the connection and its socket, where that is TLS.
    pub(super) fn tls(&self) -> Option<&tls::Session> {
        self.0.as_ref()?.tls.as_deref()
    }

    pub(super) fn tls_mut(&mut self) -> Option<&mut tls::Session> {
        self.0.as_mut()?.tls.as_deref_mut()
    }

    pub(super) fn set_tls(&mut self, tls: Box<tls::Session>) {
        self.0.get_or_insert_default().tls = Some(tls);
    }

    pub(super) fn take_tls(&mut self) -> Option<Box<tls::Session>> {
        let tls = self.0.as_mut()?.tls.take();
        self.tidy();
        tls
    }

    fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|parts| parts.admission.is_none() && parts.tls.is_none()) {
            self.0 = None;
        }
    }
}
