//! Received bytes that wait to be looked at. Knows nothing of what they say.

/// Bytes with a place up to which they are read. Reading on does not move the rest, however often it is interrupted.
#[derive(Debug, Default)]
pub struct Unread {
    bytes: Vec<u8>,
    /// Invariant: at most the length.
    start: usize,
}

impl Unread {
    /// There is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// What is not read.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Heap memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// All bytes to read from, and the place to go on at, which is to be moved forward.
    pub fn parts(&mut self) -> (&mut [u8], &mut usize) {
        (&mut self.bytes, &mut self.start)
    }

    /// Adds what arrived after the rest. What was read goes once it is half of everything, so that a byte is moved at most twice.
    pub(super) fn append(&mut self, data: &[u8]) {
        if self.start >= self.bytes.len() - self.start {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// This many bytes more are read.
    pub(super) fn advance(&mut self, by: usize) {
        assert!(by <= self.bytes().len(), "only what is there can be read");
        self.start += by;
    }

    /// The rest, by itself.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.drain(..self.start);
        self.start = 0;
        std::mem::take(&mut self.bytes)
    }
}

impl From<Vec<u8>> for Unread {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_adding_keep_the_order() {
        let mut unread = Unread::default();
        let (mut added, mut read) = (0_u8, 0_u8);
        for round in 0..40_usize {
            let data: Vec<u8> = (0..round % 7)
                .map(|_| {
                    added = added.wrapping_add(1);
                    added
                })
                .collect();
            unread.append(&data);
            let take = unread.bytes().len().min(round % 5);
            for &byte in &unread.bytes()[..take] {
                read = read.wrapping_add(1);
                assert_eq!(byte, read);
            }
            unread.advance(take);
        }
        let rest = unread.take();
        assert_eq!(rest.len(), usize::from(added - read));
        assert_eq!(rest.last().copied(), Some(added));
        assert!(unread.is_empty());
    }
}
