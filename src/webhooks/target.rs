//! Who is told: the file of targets, in TOML. Where they are is the operator's choice, inside of a network as well: nobody else can name one.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use ureq::http::Uri;

use super::kinds_by_default;
use super::signature::{SECRET_BYTES_MIN, Secret, SecretFault, Secrets};
use crate::auth::Pattern;
use crate::events::{Kind, KindSet, Told};

/// Targets of one server. Each has threads of its own.
const TARGETS_MAX: usize = 16;

/// Longest file of targets, and of a secret.
const FILE_BYTES_MAX: u64 = 1 << 16;

/// Longest name.
const NAME_BYTES_MAX: usize = 64;

/// One target. No debug text of it: it has a secret.
pub(super) struct Target {
    pub(super) name: Arc<str>,
    pub(super) url: Arc<str>,
    /// The beginning of the address, which is no secret.
    pub(super) origin: Arc<str>,
    pub(super) secrets: Secrets,
    kinds: KindSet,
    /// Of which documents it hears; of all where there are none.
    documents: Vec<Pattern>,
    /// Its own, where it has one.
    pub(super) debounce_ms: Option<u64>,
}

/// What is wrong with the file of targets. The operator's fault.
#[derive(Debug)]
pub struct TargetsFault {
    file: PathBuf,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    Unreadable(String),
    Syntax(String),
    TooMany,
    None,
    /// Of the target of this name.
    Target(String, TargetFault),
}

#[derive(Debug)]
enum TargetFault {
    Name,
    SameName,
    Url,
    Kind(String),
    Debounce,
    /// Of this key in the file of targets.
    SecretFile(&'static str, PathBuf, String),
    Secret(&'static str, PathBuf, SecretFault),
}

impl fmt::Display for TargetsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "webhooks_file: {}: ", self.file.display())?;
        match &self.fault {
            Fault::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Fault::Syntax(message) => f.write_str(message.trim_end()),
            Fault::TooMany => write!(f, "more than {TARGETS_MAX} targets"),
            Fault::None => f.write_str("there is no [[target]]"),
            Fault::Target(name, fault) => write!(f, "target {name:?}: {fault}"),
        }
    }
}

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(f, "a name is 1 to {NAME_BYTES_MAX} letters, digits, dots, hyphens and underscores"),
            Self::SameName => f.write_str("there is another of this name"),
            Self::Url => f.write_str("url: not an http or https address without a user and a fragment"),
            Self::Kind(word) => {
                let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
                write!(f, "events: there is no {word:?}; allowed: {}", words.join(", "))
            }
            Self::Debounce => f.write_str("debounce_ms: out of range; allowed: 0 to 3600000"),
            Self::SecretFile(key, file, error) => write!(f, "{key}: {} cannot be read: {error}", file.display()),
            Self::Secret(key, file, SecretFault::NotBase64) => {
                write!(f, "{key}: {}: behind whsec_ there is no base64", file.display())
            }
            Self::Secret(key, file, SecretFault::TooShort) => {
                write!(f, "{key}: {}: shorter than {SECRET_BYTES_MIN} bytes", file.display())
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    #[serde(default)]
    target: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    url: String,
    secret_file: PathBuf,
    former_secret_file: Option<PathBuf>,
    events: Option<Vec<String>>,
    #[serde(default)]
    documents: Vec<String>,
    debounce_ms: Option<u64>,
}

impl Target {
    /// Reads the file, and the secrets that it names; their paths are relative to its folder.
    pub(super) fn read_all(file: &Path) -> Result<Vec<Self>, TargetsFault> {
        let failed = |fault| TargetsFault { file: file.to_owned(), fault };
        let text = read(file).map_err(|error| failed(Fault::Unreadable(error)))?;
        let text = String::from_utf8(text).map_err(|_| failed(Fault::Syntax("not UTF-8".into())))?;
        let entries: Entries = toml::from_str(&text).map_err(|error| failed(Fault::Syntax(error.to_string())))?;
        match entries.target.len() {
            0 => return Err(failed(Fault::None)),
            1..=TARGETS_MAX => {}
            _ => return Err(failed(Fault::TooMany)),
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut targets: Vec<Self> = Vec::new();
        for entry in entries.target {
            let name = entry.name.clone();
            let target = if targets.iter().any(|other| *other.name == *name) {
                Err(TargetFault::SameName)
            } else {
                Self::of(entry, folder)
            };
            targets.push(target.map_err(|fault| failed(Fault::Target(name, fault)))?);
        }
        Ok(targets)
    }

    fn of(entry: Entry, folder: &Path) -> Result<Self, TargetFault> {
        let Entry { name, url, secret_file, former_secret_file, events, documents, debounce_ms } = entry;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_word) {
            return Err(TargetFault::Name);
        }
        let origin = origin_of(&url).ok_or(TargetFault::Url)?;
        let kinds = match events {
            None => kinds_by_default(),
            Some(words) => words
                .into_iter()
                .map(|word| Kind::parse(&word).ok_or(TargetFault::Kind(word)))
                .collect::<Result<KindSet, _>>()?,
        };
        if debounce_ms.is_some_and(|ms| ms > 3_600_000) {
            return Err(TargetFault::Debounce);
        }
        let secret = |key, file: &Path| {
            let path = folder.join(file);
            let content = read(&path).map_err(|error| TargetFault::SecretFile(key, path.clone(), error))?;
            Secret::parse(&content).map_err(|fault| TargetFault::Secret(key, path, fault))
        };
        let current = secret("secret_file", &secret_file)?;
        let former = former_secret_file.map(|file| secret("former_secret_file", &file)).transpose()?;
        let secrets = Secrets { current, former };
        let documents = documents.iter().map(|pattern| Pattern::new(pattern)).collect();
        Ok(Self { name: name.into(), url: url.into(), origin: origin.into(), secrets, kinds, documents, debounce_ms })
    }

    /// Whether it hears of this.
    pub(super) fn wants(&self, told: &Told) -> bool {
        let is_meant = |document: &Arc<str>| self.documents.iter().any(|pattern| pattern.matches(document));
        let of_document = match told.event.document() {
            Some(document) => self.documents.is_empty() || is_meant(document),
            None => true,
        };
        self.kinds.contains(told.event.kind()) && of_document
    }
}

/// Scheme and authority of an address that something may be sent to.
fn origin_of(url: &str) -> Option<String> {
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return None;
    }
    let uri: Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let is_taken = matches!(scheme, "http" | "https") && !authority.contains('@') && !uri.host()?.is_empty();
    is_taken.then(|| format!("{scheme}://{authority}"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    // A device or a pipe could give any length or none, and never end.
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Err(format!("not a file of at most {FILE_BYTES_MAX} bytes"));
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut content).map_err(|error| error.to_string())?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::events::Event;

    fn read_text(test: &str, text: &str) -> Result<Vec<Target>, String> {
        let folder = std::env::temp_dir().join(format!("selvedge-targets-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for tests");
        fs::write(folder.join("secret"), [b'x'; SECRET_BYTES_MIN]).expect("it can be written");
        fs::write(folder.join("short"), b"x").expect("it can be written");
        let file = folder.join("targets.toml");
        fs::write(&file, text).expect("it can be written");
        let read = Target::read_all(&file).map_err(|fault| fault.to_string());
        fs::remove_dir_all(&folder).expect("it is there");
        read
    }

    fn told(event: Event) -> Told {
        Told { number: 1, id: "0-1".into(), at: SystemTime::UNIX_EPOCH, event }
    }

    #[test]
    fn a_target_hears_of_what_it_wants() {
        let text = "[[target]]\nname = \"a\"\nurl = \"https://hooks.example:8443/in?key=1\"\nsecret_file = \"secret\"\n\
                    events = [\"created\", \"refused\"]\ndocuments = [\"notes/*\"]\n\n\
                    [[target]]\nname = \"b\"\nurl = \"http://10.0.0.7/\"\nsecret_file = \"secret\"\n";
        let targets = read_text("good", text).expect("a good file");
        assert_eq!(&*targets[0].origin, "https://hooks.example:8443");
        let created = |document: &str| told(Event::Created { document: document.into() });
        let refused = told(Event::Refused { address: None, subject: None, reason: "origin", detail: None });
        let lost = told(Event::Lost { count: 1 });
        let wants = |event: &Told| (targets[0].wants(event), targets[1].wants(event));
        assert_eq!(wants(&created("notes/1")), (true, true));
        assert_eq!(wants(&created("other")), (false, true));
        assert_eq!(wants(&lost), (false, true), "that something is missing is told to who did not choose");
        assert_eq!(wants(&refused), (true, false), "refusals are told to those who ask for them");
    }

    #[test]
    fn what_is_wrong_is_said_by_name() {
        let target = |name: &str, url: &str, more: &str| {
            format!("[[target]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret_file = \"secret\"\n{more}\n")
        };
        let url = "https://a.example/";
        for (text, said) in [
            (String::new(), "there is no [[target]]"),
            ("target = 1".into(), "invalid type"),
            (target("a", url, "evnts = []"), "unknown field `evnts`"),
            (target("", url, ""), "a name is 1 to 64"),
            (target("a b", url, ""), "a name is 1 to 64"),
            (target("a", url, "") + &target("a", url, ""), "there is another of this name"),
            (target("a", "ftp://a.example/", ""), "url: not an http"),
            (target("a", "https://user:word@a.example/", ""), "url: not an http"),
            (target("a", "/path", ""), "url: not an http"),
            (target("a", "https://a.example/#part", ""), "url: not an http"),
            (target("a", url, "events = [\"removed\"]"), "there is no \"removed\"; allowed: created, changed"),
            (target("a", url, "debounce_ms = 3600001"), "debounce_ms: out of range"),
            (target("a", url, "").replace("\"secret\"", "\"absent\""), "absent cannot be read"),
            (target("a", url, "").replace("\"secret\"", "\"short\""), ": secret_file: "),
            (target("a", url, "").replace("\"secret\"", "\"short\""), "shorter than 24 bytes"),
            (target("a", url, "former_secret_file = \"absent\""), ": former_secret_file: "),
            (target("a", url, "former_secret_file = \"short\""), ": former_secret_file: "),
            ((0..17).map(|n| target(&n.to_string(), url, "")).collect(), "more than 16 targets"),
        ] {
            let error = read_text("bad", &text).err().expect("it cannot be taken");
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
