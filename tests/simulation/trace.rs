//! A hash of everything that happens, and its text where somebody wants to read it. Does not know what happens.

use std::fmt;

/// FNV-1a over all lines.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    printed: bool,
}

impl Trace {
    pub(crate) fn new(printed: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, printed }
    }

    pub(crate) fn line(&mut self, now: u64, line: fmt::Arguments<'_>) {
        if self.printed {
            println!("{now:>8} {line}");
        }
        self.bytes(&now.to_le_bytes());
        fmt::Write::write_fmt(&mut Hashing(self), line).expect("hashing does not fail");
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

struct Hashing<'a>(&'a mut Trace);

impl fmt::Write for Hashing<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.bytes(text.as_bytes());
        Ok(())
    }
}
