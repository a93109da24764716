//! Reports in files: one file for each run of the baseline, in a folder of them. Files may be anybody's: each is read to a limit, and what is
//! not a list of reports is refused with the reason. Does not know what the reports say.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::date::Date;
use crate::report::Report;

/// A baseline is some hundred kilobytes; a larger file is refused unread.
pub(crate) const FILE_BYTES_MAX: u64 = 16 << 20;

/// A file that holds more is refused.
pub(crate) const REPORTS_MAX: usize = 64;

/// Of a folder with more, only the newest by name are read, and the rest is reported as skipped.
pub(crate) const FILES_MAX: usize = 200;

/// And not more than this in all.
const FOLDER_BYTES_MAX: u64 = 128 << 20;

/// How many entries of a folder are looked at; a folder with more is not one of baselines.
const ENTRIES_MAX: usize = 100_000;

/// How many runs of the same commit may begin in the same second.
const SAME_NAME_MAX: u32 = 100;

/// Of the version, in the name of a file.
const COMMIT_CHARACTERS: usize = 24;

/// Why a file cannot be read or written.
#[derive(Debug)]
pub(crate) enum StoreError {
    Io {
        path: PathBuf,
        error: io::Error,
    },
    /// Neither a file nor, where one file was named, something that can be read like one.
    NotAFile {
        path: PathBuf,
    },
    TooLarge {
        path: PathBuf,
    },
    /// Not JSON, or not what a report looks like.
    NotAReport {
        path: PathBuf,
        error: serde_json::Error,
    },
    TooMany {
        path: PathBuf,
        reports: usize,
    },
    Empty {
        path: PathBuf,
    },
    /// The folder holds more than is read, and this file is old.
    Old {
        path: PathBuf,
    },
    TooManyEntries {
        path: PathBuf,
    },
    /// A report of ours that nobody could read again, such as one with a number that is none.
    NotReadableAgain {
        scenario: String,
        error: serde_json::Error,
    },
    /// No name is left, or none can be made.
    NoName {
        folder: PathBuf,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(formatter, "{}: {error}", path.display()),
            Self::NotAFile { path } => write!(formatter, "{}: not a file", path.display()),
            Self::TooLarge { path } => {
                write!(
                    formatter,
                    "{}: larger than {} MiB, so not a stored report",
                    path.display(),
                    FILE_BYTES_MAX >> 20
                )
            }
            Self::NotAReport { path, error } => write!(formatter, "{}: not a stored report: {error}", path.display()),
            Self::TooMany { path, reports } => {
                write!(formatter, "{}: {reports} reports, but at most {REPORTS_MAX} are read", path.display())
            }
            Self::Empty { path } => write!(formatter, "{}: holds no report", path.display()),
            Self::Old { path } => {
                write!(
                    formatter,
                    "{}: left out, only the newest {FILES_MAX} and {} MiB are read",
                    path.display(),
                    FOLDER_BYTES_MAX >> 20
                )
            }
            Self::TooManyEntries { path } => {
                write!(formatter, "{}: more than {ENTRIES_MAX} entries, so not a folder of baselines", path.display())
            }
            Self::NotReadableAgain { scenario, error } => {
                write!(formatter, "the report of {scenario} could not be read again: {error}")
            }
            Self::NoName { folder } => write!(formatter, "{}: no name is left for the file", folder.display()),
        }
    }
}

impl std::error::Error for StoreError {}

/// A file that was read. Never without a report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) path: PathBuf,
    pub(crate) reports: Vec<Report>,
}

impl Stored {
    /// When its first run began.
    pub(crate) fn started_unix_s(&self) -> u64 {
        self.reports.first().map_or(0, |report| report.started_unix_s)
    }
}

/// What a folder held: what could be read, oldest run first, and what could not and why.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) files: Vec<Stored>,
    pub(crate) skipped: Vec<StoreError>,
}

/// Reads one file, which holds a report or a list of them.
///
/// # Errors
///
/// It cannot be read, or is something else.
pub(crate) fn read(path: &Path) -> Result<Stored, StoreError> {
    let failed = |error| StoreError::Io { path: path.into(), error };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(StoreError::NotAFile { path: path.into() });
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(StoreError::TooLarge { path: path.into() });
    }
    let reports = parse(&bytes).map_err(|error| StoreError::NotAReport { path: path.into(), error })?;
    match reports.len() {
        0 => Err(StoreError::Empty { path: path.into() }),
        1..=REPORTS_MAX => Ok(Stored { path: path.into(), reports }),
        reports => Err(StoreError::TooMany { path: path.into(), reports }),
    }
}

/// Reads all files of a folder whose name ends with `.json`.
///
/// # Errors
///
/// The folder itself cannot be read. Files that cannot are in [`Folder::skipped`].
pub(crate) fn read_folder(folder: &Path) -> Result<Folder, StoreError> {
    let failed = |error| StoreError::Io { path: folder.into(), error };
    let mut paths = Vec::new();
    for (position, entry) in fs::read_dir(folder).map_err(failed)?.enumerate() {
        if position >= ENTRIES_MAX {
            return Err(StoreError::TooManyEntries { path: folder.into() });
        }
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    // Names begin with the time.
    paths.sort();
    let old = paths.len().saturating_sub(FILES_MAX);
    let mut skipped: Vec<StoreError> = paths.drain(..old).map(|path| StoreError::Old { path }).collect();
    let mut files = Vec::new();
    let mut bytes_left = FOLDER_BYTES_MAX;
    for path in paths.into_iter().rev() {
        match read_regular(&path, &mut bytes_left) {
            Ok(stored) => files.push(stored),
            Err(error) => skipped.push(error),
        }
    }
    files.sort_by_key(Stored::started_unix_s);
    Ok(Folder { files, skipped })
}

/// In a folder a pipe would wait forever, and a link may lead anywhere.
fn read_regular(path: &Path, bytes_left: &mut u64) -> Result<Stored, StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(|error| StoreError::Io { path: path.into(), error })?;
    if !metadata.is_file() {
        return Err(StoreError::NotAFile { path: path.into() });
    }
    // What is too large by itself is refused unread and takes nothing.
    if metadata.len() <= FILE_BYTES_MAX {
        *bytes_left = bytes_left.checked_sub(metadata.len()).ok_or_else(|| StoreError::Old { path: path.into() })?;
    }
    read(path)
}

/// Writes the runs of one baseline into a folder, which is made where there is none, and says the file. After a crash the file is there whole or
/// not at all.
///
/// # Errors
///
/// It cannot be written, or could not be read again.
pub(crate) fn write(folder: &Path, reports: &[Report]) -> Result<PathBuf, StoreError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error| StoreError::Io { path, error }
    };
    let first = reports.first().ok_or_else(|| StoreError::Empty { path: folder.into() })?;
    if reports.len() > REPORTS_MAX {
        return Err(StoreError::TooMany { path: folder.into(), reports: reports.len() });
    }
    let bytes = encode(reports)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(StoreError::TooLarge { path: folder.into() });
    }
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let path = free_name(folder, first).ok_or_else(|| StoreError::NoName { folder: folder.into() })?;
    // Not `.json`: a reader of the folder passes over what a crash leaves.
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    let written = write_synced(&unfinished, &bytes).and_then(|()| fs::rename(&unfinished, &path));
    if written.is_err() {
        fs::remove_file(&unfinished).ok();
    }
    written.map_err(failed(&path))?;
    // The name is in the folder, which is a file of its own to the disk.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
    Ok(path)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn encode(reports: &[Report]) -> Result<Vec<u8>, StoreError> {
    for report in reports {
        let checked = serde_json::to_vec(report).and_then(|bytes| serde_json::from_slice::<Report>(&bytes));
        checked.map_err(|error| StoreError::NotReadableAgain { scenario: report.scenario.clone(), error })?;
    }
    let encoded = serde_json::to_vec(reports);
    encoded.map_err(|error| StoreError::NotReadableAgain { scenario: "all".into(), error })
}

fn free_name(folder: &Path, first: &Report) -> Option<PathBuf> {
    let time = Date::from_unix(first.started_unix_s)?.compact();
    let commit = commit(&first.version);
    (1..=SAME_NAME_MAX)
        .map(|number| if number == 1 { String::new() } else { format!("-{number}") })
        .map(|number| folder.join(format!("{time}-{commit}{number}.json")))
        .find(|path| !path.exists())
}

/// From `0.1.0 (2b4a7eb5d3aa, modified)`: `2b4a7eb5d3aa-modified`. The version itself where there is no commit.
fn commit(version: &str) -> String {
    let inner = version.split_once('(').map_or(version, |(_, inner)| inner);
    let words = inner.split(|character: char| !character.is_ascii_alphanumeric() && character != '.');
    let name = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let name: String = name.chars().take(COMMIT_CHARACTERS).collect();
    if name.is_empty() { "unknown".into() } else { name }
}

fn parse(bytes: &[u8]) -> Result<Vec<Report>, serde_json::Error> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        serde_json::from_slice(bytes)
    } else {
        Ok(vec![serde_json::from_slice(bytes)?])
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::sample;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder can be made")
    }

    fn at(unix_s: u64) -> Report {
        Report { started_unix_s: unix_s, ..sample::edit() }
    }

    #[test]
    fn what_is_stored_is_read_again_oldest_first() {
        let folder = folder();
        let inside = folder.path().join("baselines");
        let newer = write(&inside, &[at(2_000_000), sample::edit()]).expect("it can be written");
        let older = write(&inside, &[at(1_000_000)]).expect("it can be written");
        assert_eq!(older.file_name().expect("it has one"), "19700112T134640Z-2b4a7eb5d3aa.json");
        let read = read_folder(&inside).expect("it can be read");
        let expected = [
            Stored { path: older, reports: vec![at(1_000_000)] },
            Stored { path: newer, reports: vec![at(2_000_000), sample::edit()] },
        ];
        assert_eq!(read.files, expected);
        assert!(read.skipped.is_empty(), "{:?}", read.skipped);
        assert_eq!(fs::read_dir(&inside).expect("it is there").count(), 2, "nothing else is left");
    }

    #[test]
    fn runs_of_the_same_second_do_not_replace_each_other() {
        let folder = folder();
        let first = write(folder.path(), &[at(1)]).expect("it can be written");
        let second = write(folder.path(), &[at(1)]).expect("it can be written");
        assert_ne!(first, second);
        assert_eq!(read_folder(folder.path()).expect("it can be read").files.len(), 2);
    }

    #[test]
    fn a_single_report_is_a_file_too() {
        let folder = folder();
        let path = folder.path().join("one");
        fs::write(&path, serde_json::to_string_pretty(&sample::edit()).expect("it is plain data")).expect("it is ours");
        assert_eq!(read(&path).expect("it is a report").reports, [sample::edit()]);
    }

    #[test]
    fn foreign_files_are_skipped_with_the_reason() {
        let folder = folder();
        let good = write(folder.path(), &[at(1)]).expect("it can be written");
        let file = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("it is ours");
        file("README.md", b"not looked at");
        file("a.json", b"{\"scenario\": \"edit\"}");
        file("b.json", b"[]");
        file("c.json", b"\xff\xfe\x00");
        file("d.json", format!("{{\"x\":{}", "[".repeat(100_000)).as_bytes());
        file("e.json", b"");
        let number =
            serde_json::to_string(&at(1)).expect("it is plain data").replace("\"value\":10000.0", "\"value\":1e999");
        assert!(number.contains("1e999"));
        file("f.json", number.as_bytes());
        let many = serde_json::to_string(&vec![at(1); REPORTS_MAX + 1]);
        file("g.json", many.expect("it is plain data").as_bytes());
        File::create(folder.path().join("h.json"))
            .and_then(|file| file.set_len(FILE_BYTES_MAX + 1))
            .expect("it is sparse");
        symlink("/dev/zero", folder.path().join("i.json")).expect("links can be made");
        fs::create_dir(folder.path().join("j.json")).expect("folders can be made");

        let read = read_folder(folder.path()).expect("the folder can be read");
        assert_eq!(read.files.iter().map(|stored| &stored.path).collect::<Vec<_>>(), [&good]);
        let reasons: Vec<String> = read.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(reasons.len(), 10, "{reasons:#?}");
        for (name, reason) in [
            ("a.json", "missing field"),
            ("b.json", "holds no report"),
            ("c.json", "not a stored report"),
            ("d.json", "EOF while parsing a list"),
            ("e.json", "EOF"),
            ("f.json", "out of range"),
            ("g.json", "65 reports"),
            ("h.json", "larger than 16 MiB"),
            ("i.json", "not a file"),
            ("j.json", "not a file"),
        ] {
            assert!(reasons.iter().any(|text| text.contains(name) && text.contains(reason)), "{name}: {reasons:#?}");
        }
    }

    #[test]
    fn the_newest_files_are_read_where_there_are_too_many() {
        let folder = folder();
        for number in 0..FILES_MAX + 3 {
            fs::write(folder.path().join(format!("{number:04}.json")), b"[]").expect("it is ours");
        }
        let read = read_folder(folder.path()).expect("it can be read");
        let old = read.skipped.iter().filter(|error| matches!(error, StoreError::Old { .. }));
        assert_eq!((old.count(), read.skipped.len()), (3, FILES_MAX + 3));
    }

    #[test]
    fn a_folder_is_read_newest_first_up_to_a_size() {
        let folder = folder();
        let whole = FOLDER_BYTES_MAX / FILE_BYTES_MAX;
        for number in 0..=whole {
            let file = File::create(folder.path().join(format!("{number:04}.json"))).expect("it is ours");
            file.set_len(FILE_BYTES_MAX).expect("it is sparse");
        }
        let read = read_folder(folder.path()).expect("it can be read");
        let old: Vec<String> = read
            .skipped
            .iter()
            .filter(|error| matches!(error, StoreError::Old { .. }))
            .map(ToString::to_string)
            .collect();
        assert_eq!(old.len(), 1, "{:?}", read.skipped);
        assert!(old[0].contains("0000.json"), "{old:?}");
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let folder = folder();
        let broken = sample::with_figure(sample::edit(), "connections", f64::NAN);
        assert!(matches!(write(folder.path(), &[broken]), Err(StoreError::NotReadableAgain { .. })));
        assert!(matches!(write(folder.path(), &[]), Err(StoreError::Empty { .. })));
        assert!(matches!(write(folder.path(), &[at(u64::MAX)]), Err(StoreError::NoName { .. })));
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
    }

    #[test]
    fn no_version_leads_out_of_the_folder() {
        for (version, name) in [
            ("0.1.0 (2b4a7eb5d3aa, modified)", "2b4a7eb5d3aa-modified"),
            ("0.1.0", "0.1.0"),
            ("../../etc/passwd\0", "..-..-etc-passwd"),
            ("", "unknown"),
            ("(((", "unknown"),
        ] {
            assert_eq!(commit(version), name);
        }
    }
}
