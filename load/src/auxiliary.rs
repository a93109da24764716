//! What the kernel told this process when it started (the auxiliary vector): the units in which `/proc` counts. Knows two of its entries.

use std::fs::File;
use std::io::{self, Read};

/// Keys of the vector (`linux/auxvec.h`).
const AT_PAGESZ: usize = 6;
const AT_CLKTCK: usize = 17;

/// More than the vector has ever held.
const BYTES_MAX: u64 = 64 * 1_024;

/// The units of `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    /// Of CPU time in `/proc/PID/stat`.
    pub(crate) ticks_per_second: u64,
    /// Of memory in `/proc/net/sockstat`.
    pub(crate) page_bytes: u64,
}

impl Units {
    /// Of this machine.
    ///
    /// # Errors
    ///
    /// `/proc` is not there, or does not say.
    pub(crate) fn of_this_machine() -> io::Result<Self> {
        let mut vector = Vec::new();
        File::open("/proc/self/auxv")?.take(BYTES_MAX).read_to_end(&mut vector)?;
        Self::parse(&vector).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/self/auxv: no units"))
    }

    fn parse(vector: &[u8]) -> Option<Self> {
        let (words, _) = vector.as_chunks::<{ size_of::<usize>() }>();
        let (pairs, _) = words.as_chunks::<2>();
        let entry = |key: usize| {
            let [_, value] = pairs.iter().find(|[name, _]| usize::from_ne_bytes(*name) == key)?;
            u64::try_from(usize::from_ne_bytes(*value)).ok().filter(|value| *value > 0)
        };
        Some(Self { ticks_per_second: entry(AT_CLKTCK)?, page_bytes: entry(AT_PAGESZ)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_this_machine_are_known() {
        let units = Units::of_this_machine().expect("this is Linux");
        assert!(units.page_bytes.is_power_of_two() && units.page_bytes >= 4_096, "{units:?}");
        assert!((1..=10_000).contains(&units.ticks_per_second), "{units:?}");
    }

    #[test]
    fn a_vector_without_them_says_nothing() {
        let vector: Vec<u8> = [AT_CLKTCK, 100, 0, 0].into_iter().flat_map(usize::to_ne_bytes).collect();
        assert_eq!(Units::parse(&vector), None);
        assert_eq!(Units::parse(&vector[..3]), None);
        let vector: Vec<u8> = [AT_CLKTCK, 100, AT_PAGESZ, 4_096].into_iter().flat_map(usize::to_ne_bytes).collect();
        assert_eq!(Units::parse(&vector), Some(Units { ticks_per_second: 100, page_bytes: 4_096 }));
    }
}
