//! How many descriptors this process, and what it starts, may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as it goes, and says where that is.
pub(crate) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised is measured with fewer connections, or fails to open them.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}
