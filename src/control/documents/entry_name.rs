//! The names of documents as names of entries in an archive. They stand for documents alone: nothing is opened by them.

use selvedge_protocol::document_name::DocumentName;

use super::name::escape;

/// Behind the name.
pub(super) const SUFFIX: &str = ".yjs";

/// The entry that says what is in the archive.
pub(super) const MANIFEST: &str = "selvedge-export.json";

/// What an entry's name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Document(DocumentName),
    /// It says what is in the archive.
    Manifest,
    /// It is there for people.
    Nothing,
    Refused(String),
}

/// The name of the entry for a document: percent-encoded, so that it is one name in one folder everywhere.
pub(super) fn write(name: &DocumentName) -> String {
    escape(name.as_str()) + SUFFIX
}

/// Reads it again.
pub(super) fn parse(path: &[u8]) -> Parsed {
    let Ok(path) = std::str::from_utf8(path) else { return Parsed::Refused("its name is not UTF-8".to_owned()) };
    // As `tar` writes the files of the folder that it is in.
    let path = path.strip_prefix("./").unwrap_or(path);
    if path == MANIFEST {
        return Parsed::Manifest;
    }
    let Some(segment) = path.strip_suffix(SUFFIX) else {
        return Parsed::Refused(format!("its name does not end with {SUFFIX}"));
    };
    if segment.contains('/') {
        return Parsed::Refused("it is in a folder: a / in the name of a document is written %2F".to_owned());
    }
    DocumentName::from_path_segment(segment).map_or_else(|error| Parsed::Refused(error.to_string()), Parsed::Document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_and_none_leaves_its_folder() {
        for name in ["a", "a/b", "...", "../../etc/passwd", "%2F", "a b", "漢🧵", "x.yjs", &"é".repeat(128)] {
            let name = DocumentName::new(name).expect("a name");
            let path = write(&name);
            assert!(path.is_ascii() && !path.contains('/'), "{path}");
            assert_eq!(parse(path.as_bytes()), Parsed::Document(name.clone()));
            assert_eq!(parse(format!("./{path}").as_bytes()), Parsed::Document(name));
        }
        assert_eq!(parse(MANIFEST.as_bytes()), Parsed::Manifest);
    }

    #[test]
    fn what_is_not_the_name_of_a_document_is_refused() {
        for path in [
            "", ".yjs", "..yjs", "...yjs", "a", "a.txt", "/a.yjs", "../a.yjs", "b/a.yjs", "%00.yjs", "%zz.yjs",
            "a\n.yjs", "a.yjs/",
        ] {
            assert!(matches!(parse(path.as_bytes()), Parsed::Refused(_)), "{path}");
        }
        assert!(matches!(parse(b"\xff.yjs"), Parsed::Refused(_)));
    }
}
