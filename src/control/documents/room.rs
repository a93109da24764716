//! Room for the bodies and documents that requests hold at once. Who finds none is told to try again. Does not know what is in them.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pump::Pump;
use crate::control::problem::Problem;
use crate::limits::{Pressure, Stage};

/// What is counted at once.
const UNIT_BYTES: usize = 1 << 10;

/// In [`UNIT_BYTES`]: one of the largest that the settings allow, or several of the usual size.
const UNITS_MAX: usize = (1 << 30) / UNIT_BYTES;

/// Pieces that are on their way to a connection.
const PIECES_MAX: usize = 2;

/// All of it.
#[derive(Debug)]
pub struct Room {
    permits: Arc<Semaphore>,
    pressure: Arc<Pressure>,
}

impl Room {
    /// While memory is short nobody gets any.
    #[must_use]
    pub fn new(pressure: Arc<Pressure>) -> Self {
        Self { permits: Arc::new(Semaphore::new(UNITS_MAX)), pressure }
    }

    /// For something whose size shows on the way.
    ///
    /// # Errors
    ///
    /// Memory is short.
    pub(in crate::control) fn enter(self: &Arc<Self>) -> Result<Held, Problem> {
        let permit = Arc::clone(&self.permits).try_acquire_many_owned(0).expect("none is always there");
        self.check().map(|()| Held { room: Arc::clone(self), permit })
    }

    fn check(&self) -> Result<(), Problem> {
        match self.pressure.stage() {
            Stage::Plenty => Ok(()),
            Stage::RefuseJoins | Stage::DelayCatchUps | Stage::Close => {
                Err(Problem::unavailable("memory is short", MEMORY_RETRY_AFTER_S))
            }
        }
    }
}

/// Memory that is short is not had back at once.
const MEMORY_RETRY_AFTER_S: u32 = 5;

/// Room that is taken as long as it lives.
#[derive(Debug)]
pub(in crate::control) struct Held {
    room: Arc<Room>,
    permit: OwnedSemaphorePermit,
}

impl Held {
    /// Takes room for so many bytes in all, where it has not as much.
    pub(in crate::control) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.room.check()?;
        let units = bytes.div_ceil(UNIT_BYTES).min(UNITS_MAX);
        let more = u32::try_from(units.saturating_sub(self.permit.num_permits())).expect("there are not so many");
        let more = Arc::clone(&self.room.permits).try_acquire_many_owned(more);
        self.permit.merge(more.map_err(|_| Problem::unavailable("too much is read and written at once", 1))?);
        Ok(())
    }

    /// A body of these bytes, which gives the room back when it is sent or nobody takes it any more.
    pub(in crate::control) fn body(mut self, bytes: Bytes) -> Result<Body, Problem> {
        self.grow(bytes.len())?;
        let (pump, body) = Pump::new(PIECES_MAX);
        tokio::spawn(async move {
            if pump.send(bytes).await.is_ok() {
                pump.finish();
            }
            drop(self);
        });
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::limits::Budget;

    #[test]
    fn room_is_given_back_and_there_is_none_while_memory_is_short() {
        let pressure = Arc::new(Pressure::default());
        pressure.set_budget(Budget(100_000));
        let room = Arc::new(Room::new(Arc::clone(&pressure)));
        let mut first = room.enter().expect("there is room");
        // More than there is takes all of it.
        first.grow(usize::MAX).expect("nobody has any");
        let mut second = room.enter().expect("nothing is not too much");
        let refused = |held: &mut Held| held.grow(1).map_err(|problem| problem.status());
        assert_eq!(refused(&mut second), Err(StatusCode::SERVICE_UNAVAILABLE));
        drop(first);
        assert_eq!(refused(&mut second), Ok(()));
        pressure.measured(95_000);
        assert_eq!(refused(&mut second), Err(StatusCode::SERVICE_UNAVAILABLE));
        assert!(room.enter().is_err());
        pressure.measured(50_000);
        assert_eq!(refused(&mut room.enter().expect("memory is there again")), Ok(()));
    }
}
