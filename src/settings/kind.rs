//! Kinds of settings: how each is read from text, written, and bounded. A kind knows no setting's name and not where text came from.

mod budget;
mod list;
mod optional;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use super::choice::{Choice, Fsync};

pub use budget::Budget;
pub use list::{Networks, Origins};
pub use optional::{File, Text, WebAddress};

/// 1,024 bytes.
pub(super) const KIB: usize = 1 << 10;
/// 1,024 KiB.
pub(super) const MIB: usize = 1 << 20;
/// 1,024 MiB.
pub(super) const GIB: usize = 1 << 30;

/// One kind of setting. Its value says the default and the bounds.
pub trait Kind {
    /// What the server reads.
    type Value;
    /// What is set where nothing is given.
    fn default(&self) -> Self::Value;
    /// Reads what a person gave.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, without the text.
    fn parse(&self, text: &str) -> Result<Self::Value, Fault>;
    /// Writes a value so that [`Kind::parse`] reads it back.
    fn write(&self, value: &Self::Value) -> Literal;
    /// What a number counts; empty where there is no number.
    fn unit(&self) -> &'static str;
    /// What may be given.
    fn allowed(&self) -> String;
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Digits were asked for.
    NotANumber,
    /// Bytes were asked for.
    NotBytes,
    /// A number beyond the bounds.
    OutOfRange,
    /// Not an IP address with a port.
    NotAnAddress,
    /// Not a network.
    NotANetwork,
    /// Not the origin of a web page.
    NotAnOrigin,
    /// Not an address on the web that can be trusted.
    NotAWebAddress,
    /// An empty path.
    Empty,
    /// None of the words.
    NotAChoice,
    /// A file gave a table, a list, a date or a fraction.
    NotOneValue,
    /// The environment gave bytes that are not UTF-8.
    NotText,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotANumber => "not a whole number",
            Self::NotBytes => "not a number of bytes",
            Self::OutOfRange => "out of range",
            Self::NotAnAddress => "not an address",
            Self::NotANetwork => "not a network",
            Self::NotAnOrigin => "not an origin",
            Self::NotAWebAddress => "not an https address, nor an http address of this machine",
            Self::Empty => "empty",
            Self::NotAChoice => "not a choice",
            Self::NotOneValue => "not a text, a whole number, true or false",
            Self::NotText => "not UTF-8",
        })
    }
}

/// A value on its way out: for a table, a TOML file or JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A plain number.
    Number(u64),
    /// A number of bytes, shown in the largest unit that leaves it whole.
    Bytes(usize),
    /// `true` or `false`.
    Switch(bool),
    /// Anything else.
    Text(String),
}

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Bytes(bytes) => formatter.write_str(&bytes_text(*bytes)),
            Self::Switch(on) => write!(formatter, "{on}"),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

/// The IP address and port of a listener.
pub struct Address {
    /// Set where nothing is given.
    pub default: SocketAddr,
}

impl Kind for Address {
    type Value = SocketAddr;

    fn default(&self) -> SocketAddr {
        self.default
    }

    fn parse(&self, text: &str) -> Result<SocketAddr, Fault> {
        text.parse().map_err(|_| Fault::NotAnAddress)
    }

    fn write(&self, value: &SocketAddr) -> Literal {
        Literal::Text(value.to_string())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        "IP address and port, such as 127.0.0.1:8420 or [::]:8420".into()
    }
}

/// A folder. Whether it is there is for whoever opens it to find out.
pub struct Folder {
    /// Set where nothing is given; relative to where the server is started.
    pub default: &'static str,
}

impl Kind for Folder {
    type Value = PathBuf;

    fn default(&self) -> PathBuf {
        self.default.into()
    }

    fn parse(&self, text: &str) -> Result<PathBuf, Fault> {
        if text.is_empty() { Err(Fault::Empty) } else { Ok(text.into()) }
    }

    fn write(&self, value: &PathBuf) -> Literal {
        Literal::Text(value.display().to_string())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        "path of a folder".into()
    }
}

/// On or off.
pub struct Switch {
    /// Set where nothing is given.
    pub default: bool,
}

impl Kind for Switch {
    type Value = bool;

    fn default(&self) -> bool {
        self.default
    }

    fn parse(&self, text: &str) -> Result<bool, Fault> {
        text.parse().map_err(|_| Fault::NotAChoice)
    }

    fn write(&self, value: &bool) -> Literal {
        Literal::Switch(*value)
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        "true, false".into()
    }
}

/// One of a few words.
pub struct OneOf<T> {
    /// Set where nothing is given.
    pub default: T,
}

impl<T: Choice> Kind for OneOf<T> {
    type Value = T;

    fn default(&self) -> T {
        self.default
    }

    fn parse(&self, text: &str) -> Result<T, Fault> {
        T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or(Fault::NotAChoice)
    }

    fn write(&self, value: &T) -> Literal {
        let named = T::WORDS.iter().find(|(_, choice)| choice == value);
        Literal::Text(named.expect("every choice has its word").0.into())
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        words.join(", ")
    }
}

/// `always`, `interval=<ms>` or `never`.
pub struct SyncPolicy {
    /// Set where nothing is given.
    pub default: Fsync,
    /// Least time between two syncs, in milliseconds.
    pub interval_ms_min: u64,
    /// Most time between two syncs, in milliseconds.
    pub interval_ms_max: u64,
}

impl Kind for SyncPolicy {
    type Value = Fsync;

    fn default(&self) -> Fsync {
        self.default
    }

    fn parse(&self, text: &str) -> Result<Fsync, Fault> {
        match (text, text.strip_prefix("interval=")) {
            ("always", _) => Ok(Fsync::Always),
            ("never", _) => Ok(Fsync::Never),
            (_, Some(ms)) => number(ms, self.interval_ms_min, self.interval_ms_max).map(|ms| Fsync::Interval { ms }),
            (_, None) => Err(Fault::NotAChoice),
        }
    }

    fn write(&self, value: &Fsync) -> Literal {
        Literal::Text(match value {
            Fsync::Always => "always".into(),
            Fsync::Interval { ms } => format!("interval={ms}"),
            Fsync::Never => "never".into(),
        })
    }

    fn unit(&self) -> &'static str {
        ""
    }

    fn allowed(&self) -> String {
        format!("always, interval=<{} to {} ms>, never", self.interval_ms_min, self.interval_ms_max)
    }
}

/// A number of threads; one for each core that the process may use where nothing is given.
pub struct Cores {
    /// Most that may be given.
    pub max: usize,
}

impl Kind for Cores {
    type Value = usize;

    fn default(&self) -> usize {
        // Unknown only where the kernel tells nobody: one thread is slow and right.
        thread::available_parallelism().map_or(1, |cores| cores.get().min(self.max))
    }

    fn parse(&self, text: &str) -> Result<usize, Fault> {
        Count { default: 1, min: 1, max: self.max, unit: self.unit() }.parse(text)
    }

    fn write(&self, value: &usize) -> Literal {
        Literal::Number(*value as u64)
    }

    fn unit(&self) -> &'static str {
        "threads"
    }

    fn allowed(&self) -> String {
        format!("1 to {}", self.max)
    }
}

/// So many of something.
pub struct Count {
    /// Set where nothing is given.
    pub default: usize,
    /// Least that may be given.
    pub min: usize,
    /// Most that may be given.
    pub max: usize,
    /// Of what.
    pub unit: &'static str,
}

impl Kind for Count {
    type Value = usize;

    fn default(&self) -> usize {
        self.default
    }

    fn parse(&self, text: &str) -> Result<usize, Fault> {
        number(text, self.min as u64, self.max as u64).map(|number| number as usize)
    }

    fn write(&self, value: &usize) -> Literal {
        Literal::Number(*value as u64)
    }

    fn unit(&self) -> &'static str {
        self.unit
    }

    fn allowed(&self) -> String {
        format!("{} to {}", self.min, self.max)
    }
}

/// A number of bytes: plain, or with `KiB`, `MiB`, `GiB` or `TiB`.
pub struct Bytes {
    /// Set where nothing is given.
    pub default: usize,
    /// Least that may be given.
    pub min: usize,
    /// Most that may be given.
    pub max: usize,
}

/// Units of bytes, the largest first.
const BYTE_UNITS: [(&str, usize); 4] = [("TiB", 1 << 40), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)];

impl Kind for Bytes {
    type Value = usize;

    fn default(&self) -> usize {
        self.default
    }

    fn parse(&self, text: &str) -> Result<usize, Fault> {
        let unit = BYTE_UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?.trim_end(), *size)));
        let (digits, size) = unit.unwrap_or((text, 1));
        let count = number(digits, 0, u64::MAX).map_err(|fault| match fault {
            Fault::NotANumber => Fault::NotBytes,
            other => other,
        })?;
        // What does not fit 64 bits is beyond every range as well.
        let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(size)).ok_or(Fault::OutOfRange)?;
        if (self.min..=self.max).contains(&bytes) { Ok(bytes) } else { Err(Fault::OutOfRange) }
    }

    fn write(&self, value: &usize) -> Literal {
        Literal::Bytes(*value)
    }

    fn unit(&self) -> &'static str {
        "bytes"
    }

    fn allowed(&self) -> String {
        format!("{} to {}", bytes_text(self.min), bytes_text(self.max))
    }
}

/// A duration.
pub struct Milliseconds {
    /// Set where nothing is given.
    pub default: u64,
    /// Least that may be given.
    pub min: u64,
    /// Most that may be given.
    pub max: u64,
}

impl Kind for Milliseconds {
    type Value = u64;

    fn default(&self) -> u64 {
        self.default
    }

    fn parse(&self, text: &str) -> Result<u64, Fault> {
        number(text, self.min, self.max)
    }

    fn write(&self, value: &u64) -> Literal {
        Literal::Number(*value)
    }

    fn unit(&self) -> &'static str {
        "ms"
    }

    fn allowed(&self) -> String {
        format!("{} to {} ms", self.min, self.max)
    }
}

fn number(text: &str, min: u64, max: u64) -> Result<u64, Fault> {
    // The standard parser also takes a sign, which has no business here.
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::NotANumber);
    }
    // Negative numbers, and those beyond 64 bits, are numbers: they are only out of every range.
    let number = text.parse().map_err(|_| Fault::OutOfRange)?;
    if (min..=max).contains(&number) { Ok(number) } else { Err(Fault::OutOfRange) }
}

fn bytes_text(bytes: usize) -> String {
    let whole = BYTE_UNITS.iter().find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size));
    whole.map_or_else(|| bytes.to_string(), |(unit, size)| format!("{}{unit}", bytes / size))
}

/// What the compiler checks of every setting: a kind that bounds nothing has nothing to check.
macro_rules! within_bounds {
    ($($bounded:ident)+; $($unbounded:ty)+; $choice:ident) => {
        $(impl $bounded {
            pub(super) const fn default_is_within_bounds(&self) -> bool {
                self.min <= self.default && self.default <= self.max
            }
        })+
        $(impl $unbounded {
            pub(super) const fn default_is_within_bounds(&self) -> bool {
                true
            }
        })+
        impl<T: Choice> $choice<T> {
            pub(super) const fn default_is_within_bounds(&self) -> bool {
                true
            }
        }
    };
}

within_bounds!(Count Bytes Milliseconds; Address Budget Folder Switch Cores Text WebAddress File Networks Origins; OneOf);

impl SyncPolicy {
    pub(super) const fn default_is_within_bounds(&self) -> bool {
        match self.default {
            Fsync::Always | Fsync::Never => self.interval_ms_min <= self.interval_ms_max,
            Fsync::Interval { ms } => self.interval_ms_min <= ms && ms <= self.interval_ms_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Fault, GIB, KIB, Kind, MIB, Milliseconds};

    #[test]
    fn bytes_are_read_with_and_without_unit() {
        let kind = Bytes { default: KIB, min: 1, max: 1 << 40 };
        for (text, bytes) in [
            ("1", Ok(1)),
            ("1024", Ok(KIB)),
            ("64KiB", Ok(64 * KIB)),
            ("1 MiB", Ok(MIB)),
            ("1GiB", Ok(GIB)),
            ("1TiB", Ok(1 << 40)),
            ("0", Err(Fault::OutOfRange)),
            ("2TiB", Err(Fault::OutOfRange)),
            ("99999999999TiB", Err(Fault::OutOfRange)),
            ("99999999999999999999", Err(Fault::OutOfRange)),
            ("-1", Err(Fault::OutOfRange)),
            ("64KB", Err(Fault::NotBytes)),
            ("64k", Err(Fault::NotBytes)),
            ("1.5MiB", Err(Fault::NotBytes)),
            ("KiB", Err(Fault::NotBytes)),
            ("", Err(Fault::NotBytes)),
        ] {
            assert_eq!(kind.parse(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn bytes_are_written_so_that_they_are_read_back() {
        let kind = Bytes { default: KIB, min: 0, max: usize::MAX };
        for bytes in [0, 1, KIB - 1, KIB, 3 * KIB, MIB + 1, 64 * MIB, GIB, 5 << 40, usize::MAX] {
            assert_eq!(kind.parse(&kind.write(&bytes).to_string()), Ok(bytes), "{bytes}");
        }
    }

    #[test]
    fn bounds_belong_to_the_range() {
        let kind = Milliseconds { default: 5, min: 2, max: 9 };
        assert_eq!(kind.parse("2"), Ok(2));
        assert_eq!(kind.parse("9"), Ok(9));
        assert_eq!(kind.parse("1"), Err(Fault::OutOfRange));
        assert_eq!(kind.parse("10"), Err(Fault::OutOfRange));
        assert_eq!(kind.parse("+5"), Err(Fault::NotANumber));
        assert_eq!(kind.parse("5ms"), Err(Fault::NotANumber));
    }
}
