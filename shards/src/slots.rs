//! A table whose places are used again. Does not know generations: whoever keeps a place knows when it ends.

use std::ops::{Index, IndexMut};

#[derive(Debug)]
pub(crate) struct Slots<T> {
    places: Vec<Option<Box<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Makes something that knows its own place.
    pub(crate) fn add(&mut self, make: impl FnOnce(u32) -> T) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("documents are counted in a u32")
        });
        self.places[slot as usize] = Some(Box::new(make(slot)));
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Box<T> {
        self.free.push(slot);
        self.places[slot as usize].take().expect("what is removed is there")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten().map(|place| &**place)
    }

    /// What is at the next so many places, and the place behind them, as long as there are more.
    pub(crate) fn some_from(&self, place: u32, count: usize) -> (impl Iterator<Item = &T>, Option<u32>) {
        let begin = (place as usize).min(self.places.len());
        let end = (begin + count).min(self.places.len());
        let next = (end < self.places.len()).then(|| u32::try_from(end).expect("documents are counted in a u32"));
        (self.places[begin..end].iter().flatten().map(|place| &**place), next)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten().map(|place| &mut **place)
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    fn index(&self, slot: u32) -> &T {
        self.places[slot as usize].as_ref().expect("whoever knows a place knows that it is taken")
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, slot: u32) -> &mut T {
        self.places[slot as usize].as_mut().expect("whoever knows a place knows that it is taken")
    }
}
