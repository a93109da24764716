//! Whether two folders lie apart. Links, other names and folders that are not there yet count for what they lead to.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::Failed;

/// Whether `inner` is `outer`, or lies in it.
pub(super) fn is_within(inner: &Path, outer: &Path) -> Result<bool, Failed> {
    let Some(outer) = identity(outer)? else { return Ok(false) };
    // What had to be taken by its letters may lead to a link.
    for folder in resolved(&resolved(inner)?)?.ancestors() {
        if identity(folder)? == Some(outer) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A file system and a number in it, whatever the path; nothing where nothing is there.
fn identity(path: &Path) -> Result<Option<(u64, u64)>, Failed> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Failed::File { path: path.to_owned(), error }),
    }
}

/// Where a path leads: what is there of it by the file system, the rest by its letters, as it would be made.
fn resolved(path: &Path) -> Result<PathBuf, Failed> {
    let absolute = std::path::absolute(path).map_err(Failed::file(path))?;
    for there in absolute.ancestors() {
        let found = match fs::canonicalize(there) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(Failed::File { path: there.to_owned(), error }),
        };
        let rest = absolute.strip_prefix(there).unwrap_or(Path::new(""));
        let mut leads = found;
        for part in rest.components() {
            match part {
                Component::ParentDir => drop(leads.pop()),
                Component::Normal(name) => leads.push(name),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        return Ok(leads);
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_are_held_against_each_other_by_where_they_lead() {
        let folder = std::env::temp_dir().join(format!("selvedge-apart-{}", std::process::id()));
        let data = folder.join("data");
        fs::create_dir_all(data.join("rocksdb")).expect("room");
        symlink(&data, folder.join("link")).expect("room");
        symlink(data.join("rocksdb"), folder.join("deep")).expect("room");
        for inside in [
            "data",
            "data/",
            "data/new",
            "data/new/newer",
            "data/rocksdb/x",
            "data/../data/x",
            "new/../data/x",
            "data/new/../newer",
            "link",
            "link/x/y",
            "deep",
            "deep/x",
            "deep/../x",
            "new/../deep/x",
        ] {
            assert!(is_within(&folder.join(inside), &data).expect("they can be looked at"), "{inside}");
            assert!(is_within(&folder.join(inside), &folder.join("link")).expect("they can be looked at"), "{inside}");
        }
        for apart in
            ["", "backup", "data-2", "data2/x", "data/../backup", "data/new/../../x", "link/../backup", "data/../.."]
        {
            let is_within = is_within(&folder.join(apart), &data).expect("they can be looked at");
            assert!(!is_within, "{apart}");
        }
        assert!(!is_within(&data, &folder.join("missing")).expect("nothing lies in what is not there"));
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
