//! Views: documents read and edited with a real CRDT, which the server never has in its own process
//! (docs/decisions/0001-relay-without-materialising.md). It knows no document by name: bytes come in, bytes go out.
//!
//! `yrs` crashes, hangs and corrupts memory on updates that somebody made for that purpose. So it runs in *view workers*: child processes
//! that may read what they are asked, write what they answer, take memory up to a limit, and nothing else. Whatever a document does to its
//! worker costs the request that brought it, and no other: docs/decisions/0023-view-workers.md.

mod comparison;
mod counters;
mod error;
mod frame;
mod operation;
mod options;
mod pool;
mod process;
pub mod worker;

use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use serde::de::IgnoredAny;

pub use comparison::{
    ClientChange, Comparison, Content, Piece, RETAINED_CHARACTERS_MAX, RootChange, RootState, ValueChange,
};
pub use counters::Counters;
pub use error::{Death, Size, ViewError};
pub use operation::{OPERATIONS_MAX, Operation, Step};
pub use options::{Bounds, COMMAND, Options};

use frame::Request;
use pool::Pool;

/// How deep values may lie in one another in what a worker is given as JSON and what it answers. Below the depth at which parsers give up (128).
pub const DEPTH_MAX: usize = 100;

/// JSON of so many bytes and more is looked at away from the thread that asked.
const LARGE_JSON_BYTES: usize = 64 << 10;

/// The way to the workers. Copies share them.
#[derive(Clone, Debug)]
pub struct View {
    pool: Arc<Pool>,
}

/// Every call takes whole documents as Yjs updates (version 1), as they are stored; compacted ones too. Its errors are those of [`ViewError`],
/// and an end within the timeout is certain.
///
/// Calls belong on one thread that is there as long as the server, with an executor of one thread: workers end with the thread that started them.
impl View {
    /// No worker is started before it is needed.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { pool: Arc::new(Pool::new(options)) }
    }

    /// The document as JSON: `{"roots": {NAME: {"type": TYPE, ...}}}`. The types, and what stands beside them:
    ///
    /// | type | |
    /// |---|---|
    /// | `text` | `value`: the text; `delta`: text, embedded values and formatting, as in Quill |
    /// | `map`, `array` | `value`: as Yjs's `toJSON` gives it |
    /// | `xml_fragment` | `value`: as Yjs's `toString` gives it; `nodes`: the same with nothing lost |
    /// | `empty` | nothing is in it now; which type it has nobody can tell |
    ///
    /// Updates do not say which type a root has: it is inferred from what is in it. A root that has entries beside a sequence has them
    /// in `attributes`.
    ///
    /// What JSON cannot say is an object with one key that begins with `$`: `{"$binary": BASE64}`, `{"$bigint": "123"}`, `{"$number": "NaN"}`
    /// (or `Infinity`, `-Infinity`), `{"$undefined": true}`, `{"$document": GUID}`, `{"$text": DELTA}` for text with formatting or embedded
    /// values inside other types (plain text is a string), `{"$xml": NODE}`, and `{"$object": {...}}` around an object that would be taken
    /// for one of these.
    ///
    /// It has been checked to be JSON, but was never held as values, which take many times as much memory: it is for handing on.
    ///
    /// # Errors
    ///
    /// See [`ViewError`].
    pub async fn json_bytes(&self, update: Bytes) -> Result<Bytes, ViewError> {
        checked(self.pool.ask(Request::Json { update }).await?).await
    }

    /// The plain text of a root; of an XML type what [`View::json_bytes`] has as `value`. Without a root, that of all that are text or XML, in the
    /// order of their names, with line ends between them: of XML without its markup, each element in lines of its own.
    ///
    /// # Errors
    ///
    /// [`ViewError::NoSuchRoot`] where it is not there or is a map or an array.
    pub async fn text(&self, update: Bytes, root: Option<String>) -> Result<String, ViewError> {
        let request = match root {
            Some(root) => Request::TextOf { update, root },
            None => Request::Text { update },
        };
        let answer = self.pool.ask(request).await?;
        String::from_utf8(answer.into()).map_err(|_| ViewError::Died(Death::Nonsense))
    }

    /// The update that these operations make, by a client id that was never used before: to be applied to the live document, which may have
    /// changed meanwhile, as by any other client. `00 00` where nothing changes.
    ///
    /// # Errors
    ///
    /// [`ViewError::BadOperation`] with the first that cannot be done; then none is.
    pub async fn patch(&self, update: Bytes, operations: Vec<Operation>) -> Result<Bytes, ViewError> {
        if operations.len() > OPERATIONS_MAX {
            let why = format!("more than {OPERATIONS_MAX} operations");
            return Err(ViewError::BadOperation { index: OPERATIONS_MAX, why });
        }
        let operations =
            serde_json::to_vec(&operations).expect("operations have names for keys, and no numbers but JSON's");
        self.pool.ask(Request::Patch { update, operations: operations.into() }).await
    }

    /// What changed between two states of a document: a [`Comparison`] as JSON. Like [`View::json_bytes`] it is for handing on.
    ///
    /// # Errors
    ///
    /// See [`ViewError`].
    pub async fn compare_bytes(&self, before: Bytes, after: Bytes) -> Result<Bytes, ViewError> {
        checked(self.pool.ask(Request::Compare { before, after }).await?).await
    }

    /// The update that makes the document's content what it was in the version, as a new edit: what came after stays in its history.
    ///
    /// # Errors
    ///
    /// See [`ViewError`].
    pub async fn restore(&self, now: Bytes, version: Bytes) -> Result<Bytes, ViewError> {
        self.pool.ask(Request::Restore { now, version }).await
    }

    /// What has become of requests.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.pool.counters()
    }
}

/// What a worker says is JSON need not be.
async fn checked(answer: Bytes) -> Result<Bytes, ViewError> {
    let length = answer.len();
    let check = move || match serde_json::from_slice::<IgnoredAny>(&answer) {
        Ok(IgnoredAny) => Ok(answer),
        Err(_) => Err(ViewError::Died(Death::Nonsense)),
    };
    if length < LARGE_JSON_BYTES {
        return check();
    }
    let checked = tokio::task::spawn_blocking(check);
    checked.await.map_err(|error| ViewError::Unavailable { why: io::Error::from(error).to_string() })?
}
