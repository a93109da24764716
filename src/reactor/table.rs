//! The connections of one core, each in a place with a generation. Knows nothing of what a connection is.

use crate::driver::ConnectionKey;

/// Connections in one piece of the table. The table grows by pieces, so that growing moves nothing and wastes at most one piece.
const PIECE: usize = 1024;

/// Generations wrap here: see [`ConnectionKey::generation`].
const GENERATIONS: u32 = 1 << 24;

/// A slab: places are used again, the latest first, with another generation.
#[derive(Debug)]
pub(super) struct Table<T> {
    pieces: Vec<Box<[Place<T>]>>,
    /// Places without an owner.
    vacant: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    owner: Option<T>,
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self { pieces: Vec::new(), vacant: Vec::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, owner: T) -> ConnectionKey {
        let index = self.vacant.pop().unwrap_or_else(|| self.grow());
        let place = self.place(index).expect("vacant places are in the table");
        debug_assert!(place.owner.is_none(), "vacant places have no owner");
        place.owner = Some(owner);
        let generation = place.generation;
        self.len += 1;
        ConnectionKey { index, generation }
    }

    pub(super) fn get(&mut self, key: ConnectionKey) -> Option<&mut T> {
        let place = self.place(key.index)?;
        if place.generation == key.generation { place.owner.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, key: ConnectionKey) -> Option<T> {
        let place = self.place(key.index)?;
        if place.generation != key.generation {
            return None;
        }
        let owner = place.owner.take()?;
        place.generation = (place.generation + 1) % GENERATIONS;
        self.vacant.push(key.index);
        self.len -= 1;
        Some(owner)
    }

    pub(super) fn keys(&self) -> Vec<ConnectionKey> {
        let places = self.pieces.iter().flatten().zip(0..);
        places
            .filter(|(place, _)| place.owner.is_some())
            .map(|(place, index)| ConnectionKey { index, generation: place.generation })
            .collect()
    }

    /// Places, with an owner and without.
    pub(super) fn places(&self) -> usize {
        self.pieces.len() * PIECE
    }

    /// Looks at the owners of the next so many places from this one on, or of all up to the last. Gives where to go on.
    pub(super) fn look(
        &mut self,
        from: usize,
        count: usize,
        mut at: impl FnMut(ConnectionKey, &mut T),
    ) -> Option<usize> {
        let until = (from + count).min(self.places());
        for index in from..until {
            let place = &mut self.pieces[index / PIECE][index % PIECE];
            if let Some(owner) = &mut place.owner {
                let index = u32::try_from(index).expect("a place fits a u32");
                at(ConnectionKey { index, generation: place.generation }, owner);
            }
        }
        (until < self.places()).then_some(until)
    }

    fn place(&mut self, index: u32) -> Option<&mut Place<T>> {
        let index = index as usize;
        self.pieces.get_mut(index / PIECE)?.get_mut(index % PIECE)
    }

    /// Adds a piece, and gives its first place.
    fn grow(&mut self) -> u32 {
        let first = u32::try_from(self.pieces.len() * PIECE).expect("descriptors end long before 2^32 connections");
        self.pieces.push((0..PIECE).map(|_| Place { generation: 0, owner: None }).collect());
        self.vacant.extend((first + 1..first + PIECE as u32).rev());
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_used_again_does_not_answer_to_its_old_key() {
        let mut table = Table::new();
        let first = table.insert("first");
        assert_eq!(table.remove(first), Some("first"));
        let second = table.insert("second");
        assert_eq!(second.index, first.index);
        assert_ne!(second.generation, first.generation);
        assert!(table.get(first).is_none() && table.remove(first).is_none());
        assert_eq!(table.get(second), Some(&mut "second"));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn places_are_dense_and_all_are_listed() {
        let mut table = Table::new();
        let keys: Vec<_> = (0..PIECE * 2 + 3).map(|owner| table.insert(owner)).collect();
        assert!(keys.iter().zip(0..).all(|(key, index)| key.index == index));
        for key in keys.iter().step_by(2) {
            table.remove(*key);
        }
        let left: Vec<_> = keys.iter().copied().skip(1).step_by(2).collect();
        assert_eq!(table.keys(), left);
        assert_eq!(table.len(), left.len());
    }

    #[test]
    fn generations_wrap_at_24_bits() {
        let mut table = Table::new();
        let key = table.insert(());
        table.place(key.index).expect("it is there").generation = GENERATIONS - 1;
        let last = ConnectionKey { generation: GENERATIONS - 1, ..key };
        assert!(table.remove(last).is_some());
        assert_eq!(table.insert(()).generation, 0);
    }

    #[test]
    fn a_rolling_look_sees_every_owner_once() {
        let mut table = Table::new();
        let keys: Vec<_> = (0..PIECE + 7).map(|owner| table.insert(owner)).collect();
        table.remove(keys[3]);
        for count in [1, 100, PIECE, PIECE * 2, PIECE * 9] {
            let mut seen = Vec::new();
            let mut from = Some(0);
            while let Some(place) = from {
                from = table.look(place, count, |key, owner| {
                    assert_eq!(keys[*owner], key);
                    seen.push(*owner);
                });
            }
            assert!(seen.iter().copied().eq((0..PIECE + 7).filter(|&owner| owner != 3)), "by {count}");
        }
    }

    #[test]
    fn an_idle_connection_takes_a_small_place() {
        assert!(size_of::<Place<crate::connection::Connection>>() <= 128);
    }
}
