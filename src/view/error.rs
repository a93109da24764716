//! Why there is no answer.

use std::fmt;

/// What is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The bytes that a worker is given.
    Input,
    /// What a worker takes up while it works.
    Memory,
    /// The answer.
    Answer,
    /// How deep the answer's values lie in one another.
    Depth,
}

impl Size {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Input => 1,
            Self::Memory => 2,
            Self::Answer => 3,
            Self::Depth => 4,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Input, Self::Memory, Self::Answer, Self::Depth].into_iter().find(|size| size.code() == code)
    }
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// By a signal: 31 where it asked the kernel for something that it may not have.
    Signal(i32),
    /// By itself, with this code.
    Exit(i32),
    /// Its answer was none, and it was ended.
    Nonsense,
    /// It closed its pipes and stayed, and was ended.
    Silence,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Nonsense => f.write_str("it answered nonsense"),
            Self::Silence => f.write_str("it closed its pipes"),
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewError {
    /// As many requests wait as may; or no worker was free in time, or only for less than half of it.
    Busy,
    /// No answer came in time.
    TimedOut {
        /// The time, in milliseconds.
        timeout_ms: u64,
    },
    /// Something is larger than it may be.
    TooLarge {
        /// What.
        what: Size,
        /// How much is allowed: bytes, or levels of depth.
        allowed: usize,
    },
    /// A worker ended over it.
    Died(Death),
    /// It is no update of a whole document.
    Malformed,
    /// An operation cannot be done.
    BadOperation {
        /// Which, counted from 0.
        index: usize,
        /// Why, for people.
        why: String,
    },
    /// The document has nothing of that name, or a map or an array.
    NoSuchRoot,
    /// No worker can be had.
    Unavailable {
        /// Why, for the operator.
        why: String,
    },
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many documents are being looked at already"),
            Self::TimedOut { timeout_ms } => write!(f, "the document took longer than {timeout_ms} ms"),
            Self::TooLarge { what: Size::Input, allowed } => write!(f, "the document has more than {allowed} bytes"),
            Self::TooLarge { what: Size::Memory, allowed } => {
                write!(f, "the document takes more than {allowed} bytes of memory")
            }
            Self::TooLarge { what: Size::Answer, allowed } => write!(f, "the answer has more than {allowed} bytes"),
            Self::TooLarge { what: Size::Depth, allowed } => {
                write!(f, "the document's values lie more than {allowed} levels deep")
            }
            Self::Died(death) => write!(f, "the document ended the process that looked at it ({death})"),
            Self::Malformed => f.write_str("it is not a Yjs update (version 1) of a whole document"),
            Self::BadOperation { index, why } => write!(f, "operation {index} cannot be done: {why}"),
            Self::NoSuchRoot => {
                f.write_str("the document has no text and no XML of that name (root); as JSON it shows what it has")
            }
            Self::Unavailable { why } => write!(f, "no view worker can be had: {why}"),
        }
    }
}

impl std::error::Error for ViewError {}
