//! Threads that give way to the cores.

/// Niceness of threads beside the cores: where they share CPUs with the cores they get a tenth of what a core gets, so that whoever makes the
/// server read or report much delays others who do, and not those who write.
const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread, and of those that it starts from here on.
pub(crate) fn stand_back() {
    // Linux takes no process for the calling thread.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "a thread beside the cores has the priority of a core");
    }
}
