//! A file that lines are appended to: begun anew when full, with so many before it kept under numbers, and found again when somebody has moved
//! it. Does not know lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where it is, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The current file.
    pub file: PathBuf,
    /// It is begun anew when it would grow beyond this.
    pub file_bytes_max: u64,
    /// Files that are kept, the current one included.
    pub files_max: usize,
}

/// Nobody else is to read who did what.
const MODE: u32 = 0o600;

#[derive(Debug)]
pub(crate) struct RotatingFile {
    options: Options,
    file: File,
    /// Its length.
    bytes: u64,
}

impl RotatingFile {
    pub(crate) fn open(options: Options) -> io::Result<Self> {
        let (file, bytes) = open(&options.file)?;
        Ok(Self { options, file, bytes })
    }

    /// Appends all of these bytes, or none of them.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.follow()?;
        let length = lines.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.options.file_bytes_max {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(lines) {
            // Half a line would spoil the next one. Where this fails as well, the next line is spoiled.
            drop(self.file.set_len(self.bytes));
            return Err(error);
        }
        self.bytes += length;
        Ok(())
    }

    /// Somebody else may rotate, or have removed the file: then it is made anew under its name.
    fn follow(&mut self) -> io::Result<()> {
        let mine = self.file.metadata()?;
        let is_there =
            fs::metadata(&self.options.file).is_ok_and(|named| (named.dev(), named.ino()) == (mine.dev(), mine.ino()));
        if is_there {
            // Somebody may have cut it short.
            self.bytes = mine.len();
        } else {
            (self.file, self.bytes) = open(&self.options.file)?;
        }
        Ok(())
    }

    /// Each file gets the next number, and the last one goes.
    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.options.file;
        if self.options.files_max == 1 {
            self.file.set_len(0)?;
            self.bytes = 0;
            return Ok(());
        }
        for number in (1..self.options.files_max).rev() {
            let from = if number == 1 { path.clone() } else { numbered(path, number - 1) };
            match fs::rename(from, numbered(path, number)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        (self.file, self.bytes) = open(path)?;
        Ok(())
    }
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    // Opening a pipe would wait for its reader.
    if fs::metadata(path).is_ok_and(|named| !named.is_file()) {
        return Err(io::Error::other("it is not a file"));
    }
    let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
    let found = file.metadata()?;
    if found.permissions().mode() & 0o777 != MODE {
        file.set_permissions(PermissionsExt::from_mode(MODE))?;
    }
    Ok((file, found.len()))
}
