//! The small text files of `/proc`. Knows how they are read and how `Name: value kB` lines are written, not what they mean.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than any of them holds on a machine with a thousand CPUs; what is beyond is not read.
const BYTES_MAX: u64 = 4 << 20;

/// The text, with what is not UTF-8 (the name of a process may be anything) replaced.
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of a `Name:   1234 kB` line, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = field(text, name)?.strip_suffix("kB")?.trim_end().parse::<u64>().ok()?;
    value.checked_mul(1_024)
}

/// What follows `Name:`, on the first line that begins so.
pub(crate) fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_whole_name() {
        let text = "MemTotal:  24731284 kB\nSlabs: 1 kB\nSlab:\t 211132 kB\nHuge: 3\nmodel name\t: A CPU: of sorts\n";
        assert_eq!(kilobytes(text, "Slab"), Some(211_132 * 1_024));
        assert_eq!(kilobytes(text, "Mem"), None);
        assert_eq!(kilobytes(text, "Huge"), None);
        assert_eq!(kilobytes(&format!("A: {} kB", u64::MAX), "A"), None);
        assert_eq!(field(text, "model name"), Some("A CPU: of sorts"));
    }
}
