//! Choices: the settings that are one of a few words, and what each word asks for. They do not know who acts on them.

pub use crate::limits::AtLimit;
pub use crate::persister::Fsync;
pub use crate::tls::MinVersion;

/// A closed list of words.
pub trait Choice: Copy + PartialEq + Sized + 'static {
    /// Every choice with its word, in the order in which they are shown.
    const WORDS: &'static [(&'static str, Self)];
}

/// What stands between the server and the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverChoice {
    /// io_uring where the kernel lets us, else the portable driver, with a warning.
    Auto,
    /// io_uring; refused is an error.
    Uring,
    /// The portable driver, which works on epoll.
    Monoio,
    /// glommio, for measuring.
    #[cfg(feature = "glommio")]
    Glommio,
}

impl Choice for DriverChoice {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("uring", Self::Uring),
        ("monoio", Self::Monoio),
        #[cfg(feature = "glommio")]
        ("glommio", Self::Glommio),
    ];
}

impl Choice for MinVersion {
    const WORDS: &'static [(&'static str, Self)] = &[("1.2", Self::Tls12), ("1.3", Self::Tls13)];
}

/// Where sockets are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorsChoice {
    /// As descriptors of the process, which the limit of open files bounds.
    Process,
    /// In the tables of io_uring rings, which it does not bound.
    Direct,
}

impl Choice for DescriptorsChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("process", Self::Process), ("direct", Self::Direct)];
}

/// What is asked of those who connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthChoice {
    /// A token where keys are given; else nothing, if only this machine can connect.
    Auto,
    /// A token (RFC 7519).
    Jwt,
    /// Nothing.
    None,
}

impl Choice for AuthChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("jwt", Self::Jwt), ("none", Self::None)];
}

/// How much of what clients deleted is really gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Everything stays, for clients that hold documents with `gc: false` and go back to earlier versions.
    Keep,
    /// Deleted text may stay where keeping it takes fewer bytes than cutting it out.
    Smallest,
    /// Deleted content is removed from disk when its document is next compacted.
    Delete,
}

impl Choice for History {
    const WORDS: &'static [(&'static str, Self)] =
        &[("keep", Self::Keep), ("smallest", Self::Smallest), ("delete", Self::Delete)];
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A person: one line of text for each event.
    Human,
    /// A program: one JSON object for each event.
    Json,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("human", Self::Human), ("json", Self::Json)];
}

/// The least important event that is still logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing is logged.
    Off,
    /// Something is broken.
    Error,
    /// Something is not as it should be, and the server goes on.
    Warn,
    /// The life of the server.
    Info,
    /// The life of connections and documents.
    Debug,
    /// Every message.
    Trace,
}

impl Choice for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Choice for AtLimit {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse-newest", Self::RefuseNewest), ("close-oldest", Self::CloseOldest)];
}
