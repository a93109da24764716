//! How many archives are read and written at once. Each holds one document at a time, or a few MiB of several.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::control::problem::Problem;

/// Exports of many documents, and imports.
const ARCHIVES_MAX: usize = 4;

static PLACES: Semaphore = Semaphore::const_new(ARCHIVES_MAX);

/// A place as long as it is held.
pub(super) fn place() -> Result<SemaphorePermit<'static>, Problem> {
    let full = || Problem::unavailable(format!("{ARCHIVES_MAX} archives are read and written already"), 10);
    PLACES.try_acquire().map_err(|_| full())
}
