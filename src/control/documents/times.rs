//! Times as they are sent.

use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_millis;

/// The last millisecond of the year 9999: later ones cannot be written (RFC 3339).
const MILLISECONDS_MAX: u64 = 253_402_300_799_999;

/// Milliseconds since 1970.
pub(in crate::control) fn rfc_3339(milliseconds: u64) -> String {
    // A clock that is set wrong must not make a document unreadable.
    format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(milliseconds.min(MILLISECONDS_MAX))).to_string()
}
