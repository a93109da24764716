//! Kinds of settings that may be left out: a text, a file, an address on the web. Empty stands for nothing.

use std::path::PathBuf;

use super::{Fault, Kind, Literal};

/// A word of somebody else's, such as the name of an issuer.
pub struct Text {
    /// What it is, for people.
    pub what: &'static str,
}

impl Kind for Text {
    type Value = Option<String>;

    fn default(&self) -> Option<String> {
        None
    }

    fn parse(&self, text: &str) -> Result<Option<String>, Fault> {
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn write(&self, value: &Option<String>) -> Literal {
        Literal::Text(value.clone().unwrap_or_default())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        format!("{}; empty for none", self.what)
    }
}

/// A file. Whether it is there is for whoever opens it to find out.
pub struct File {
    /// What is in it, for people.
    pub what: &'static str,
}

impl Kind for File {
    type Value = Option<PathBuf>;

    fn default(&self) -> Option<PathBuf> {
        None
    }

    fn parse(&self, text: &str) -> Result<Option<PathBuf>, Fault> {
        Ok((!text.is_empty()).then(|| text.into()))
    }

    fn write(&self, value: &Option<PathBuf>) -> Literal {
        Literal::Text(value.as_ref().map(|path| path.display().to_string()).unwrap_or_default())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        format!("path of a file with {}; empty for none", self.what)
    }
}
