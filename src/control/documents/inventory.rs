//! What an archive says at its end of what is in it, held against what was found there. Knows no document.

use serde::Deserialize;

/// What a manifest says that a reader can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Manifest {
    documents: u64,
    failed: u64,
}

/// Of one archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    found: u64,
    said: Said,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Nothing,
    Nonsense,
    Manifest(Manifest),
}

impl Inventory {
    /// There is an entry that is to be a document.
    pub(super) fn found(&mut self) {
        self.found += 1;
    }

    /// There is a manifest; nothing where it is too long to be one.
    pub(super) fn said(&mut self, manifest: Option<&[u8]>) {
        let manifest = manifest.and_then(|manifest| serde_json::from_slice(manifest).ok());
        self.said = manifest.map_or(Said::Nonsense, Said::Manifest);
    }

    /// Documents that there were to be, where that is said.
    pub(super) fn expected(&self) -> Option<u64> {
        match self.said {
            Said::Nothing | Said::Nonsense => None,
            Said::Manifest(Manifest { documents, .. }) => Some(documents),
        }
    }

    /// Why the archive is not whole, if so.
    pub(super) fn lack(&self) -> Option<String> {
        let Self { found, said } = self;
        match said {
            Said::Nothing => Some("the archive does not say what is in it (selvedge-export.json)".to_owned()),
            Said::Nonsense => Some("what the archive says of itself (selvedge-export.json) cannot be read".to_owned()),
            Said::Manifest(Manifest { documents, .. }) if documents != found => {
                Some(format!("the archive says that it has {documents} documents, and has {found}"))
            }
            Said::Manifest(Manifest { failed: 0, .. }) => None,
            Said::Manifest(Manifest { failed, .. }) => {
                Some(format!("{failed} documents could not be read when the archive was made, and are not in it"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_whole_when_it_has_what_it_says() {
        let lack = |found: u64, said: Option<&str>| {
            let mut inventory = Inventory::default();
            (0..found).for_each(|_| inventory.found());
            if let Some(said) = said {
                inventory.said(Some(said.as_bytes()));
            }
            inventory.lack().unwrap_or_default()
        };
        assert_eq!(lack(2, Some(r#"{"format":1,"documents":2,"bytes":4,"failed":0,"failures":[]}"#)), "");
        assert_eq!(lack(0, Some(r#"{"documents":0,"failed":0}"#)), "");
        for (found, said, why) in [
            (1, None, "does not say"),
            (1, Some(r#"{"documents":999,"failed":3}"#), "has 999 documents, and has 1"),
            (2, Some(r#"{"documents":1,"failed":0}"#), "has 1 documents, and has 2"),
            (1, Some(r#"{"documents":1,"failed":3}"#), "3 documents could not be read"),
            (1, Some(r#"{"documents":-1,"failed":0}"#), "cannot be read"),
            (0, Some("{}"), "cannot be read"),
        ] {
            let said_why = lack(found, said);
            assert!(said_why.contains(why), "{said_why}");
        }
    }
}
