//! A small file that a person may change while the server runs: read again and again. Knows no clock, and not what is in it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::start_error::FileFault;

/// Longest file, in bytes. It is read several times in a second.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a file held, or why it cannot be read.
pub(super) type Content = Result<Vec<u8>, FileFault>;

/// A file, and what was in it at the last look.
pub(super) struct Watched {
    /// The setting that names it.
    pub(super) setting: &'static str,
    pub(super) path: PathBuf,
    /// May be a secret: there is no debug text of it.
    seen: Content,
    /// It was the same at the look before.
    is_settled: bool,
}

/// What a look finds, if it is not what was found before.
pub(super) enum Look<'a> {
    /// Another content than at the last look: who writes it may not have finished.
    Changing(&'a Content),
    /// The same content at two looks, for the first time.
    Changed(&'a Content),
}

impl Watched {
    /// Looks for the first time: what is there counts.
    pub(super) fn open(setting: &'static str, path: &Path) -> Self {
        Self { setting, path: path.to_owned(), seen: read(path), is_settled: true }
    }

    /// What is known of it.
    pub(super) fn seen(&self) -> &Content {
        &self.seen
    }

    /// Looks again.
    pub(super) fn look(&mut self) -> Option<Look<'_>> {
        let now = read(&self.path);
        if now != self.seen {
            self.seen = now;
            self.is_settled = false;
            return Some(Look::Changing(&self.seen));
        }
        (!std::mem::replace(&mut self.is_settled, true)).then_some(Look::Changed(&self.seen))
    }
}

fn read(path: &Path) -> Content {
    let unreadable = |error: std::io::Error| FileFault::Unreadable(error.to_string());
    // A device or a pipe could give any length or none, and never end.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(FileFault::NotAFile);
    }
    let mut content = Vec::new();
    File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > FILE_BYTES_MAX { Err(FileFault::TooLong) } else { Ok(content) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_it_is_seen_twice() {
        let path = std::env::temp_dir().join(format!("selvedge-watched-{}", std::process::id()));
        fs::write(&path, b"one").expect("a folder for tests");
        let mut watched = Watched::open("auth_secret_file", &path);
        assert_eq!(watched.seen(), &Ok(b"one".to_vec()));
        assert!(watched.look().is_none());
        fs::write(&path, b"").expect("it was written before");
        assert!(matches!(watched.look(), Some(Look::Changing(Ok(content))) if content.is_empty()));
        fs::write(&path, b"two").expect("it was written before");
        assert!(matches!(watched.look(), Some(Look::Changing(Ok(content))) if content == b"two"));
        assert!(matches!(watched.look(), Some(Look::Changed(Ok(content))) if content == b"two"));
        assert!(watched.look().is_none());
        fs::remove_file(&path).expect("it is there");
        assert!(matches!(watched.look(), Some(Look::Changing(Err(FileFault::Unreadable(_))))));
        assert!(matches!(watched.look(), Some(Look::Changed(Err(FileFault::Unreadable(_))))));
        assert!(watched.look().is_none(), "it is said once");
    }

    #[test]
    fn only_files_of_a_bounded_length_are_read() {
        assert_eq!(read(Path::new("/dev/zero")), Err(FileFault::NotAFile));
        assert_eq!(read(&std::env::temp_dir()), Err(FileFault::NotAFile));
        let path = std::env::temp_dir().join(format!("selvedge-long-{}", std::process::id()));
        let file = File::create(&path).expect("a folder for tests");
        file.set_len(FILE_BYTES_MAX).expect("a sparse file");
        assert!(read(&path).is_ok());
        file.set_len(FILE_BYTES_MAX + 1).expect("a sparse file");
        assert_eq!(read(&path), Err(FileFault::TooLong));
        fs::remove_file(&path).expect("it is there");
    }
}
