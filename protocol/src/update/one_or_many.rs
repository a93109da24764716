//! A list that needs no allocation while it has one element, as nearly every list about one keystroke does.

use std::ops::Deref;

/// A list of which the first element lies in place.
#[derive(Clone, Debug)]
pub struct OneOrMany<T>(Inner<T>);

#[derive(Clone, Debug)]
enum Inner<T> {
    None,
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// Adds an element at the end.
    #[inline]
    pub fn push(&mut self, next: T) {
        self.0 = match std::mem::replace(&mut self.0, Inner::None) {
            Inner::None => Inner::One(next),
            Inner::One(first) => Inner::Many(vec![first, next]),
            Inner::Many(mut all) => {
                all.push(next);
                Inner::Many(all)
            }
        };
    }

    /// The last element.
    #[inline]
    pub fn last_mut(&mut self) -> Option<&mut T> {
        match &mut self.0 {
            Inner::None => None,
            Inner::One(one) => Some(one),
            Inner::Many(all) => all.last_mut(),
        }
    }
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Inner::None)
    }
}

impl<T> Deref for OneOrMany<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.0 {
            Inner::None => &[],
            Inner::One(one) => std::slice::from_ref(one),
            Inner::Many(all) => all,
        }
    }
}

impl<T> Extend<T> for OneOrMany<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, all: I) {
        all.into_iter().for_each(|next| self.push(next));
    }
}

impl<T> FromIterator<T> for OneOrMany<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut list = Self::default();
        list.extend(all);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_of_any_length() {
        for len in 0..5 {
            let mut list: OneOrMany<usize> = (0..len).collect();
            assert!(list.iter().copied().eq(0..len));
            assert_eq!(list.last_mut().copied(), len.checked_sub(1));
        }
    }
}
