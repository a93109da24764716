//! The documents of one connection, by place and by the address in front of messages. Most connections have few: those take no more than
//! they have to. Knows nothing of what a document is doing.

use std::collections::HashMap;

use super::document::Document;

/// Up to so many documents are looked through for an address; beyond, addresses are hashed.
const SEARCHED_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Documents {
    places: Vec<Option<Document>>,
    /// Places by address. Made with the first document that is not searched for, and whole from then on.
    #[expect(
        clippy::box_collection,
        reason = "most connections have none, and it is larger than all that they have besides"
    )]
    hashed: Option<Box<HashMap<Box<[u8]>, u32>>>,
    count: usize,
}

impl Documents {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Where the document with this address is.
    pub(super) fn find(&self, address: &[u8]) -> Option<u32> {
        match &self.hashed {
            Some(hashed) => hashed.get(address).copied(),
            None => {
                let has_address = |document: &Document| *document.address == *address;
                self.places.iter().position(|place| place.as_ref().is_some_and(has_address)).map(place_at)
            }
        }
    }

    /// Its address is none that another has.
    pub(super) fn insert(&mut self, document: Document) -> u32 {
        let vacant = self.places.iter().position(Option::is_none).unwrap_or_else(|| {
            if self.places.len() < SEARCHED_MAX {
                // Not the four that a vector begins with: most connections have one.
                self.places.reserve_exact(1);
            }
            self.places.push(None);
            self.places.len() - 1
        });
        let place = place_at(vacant);
        match &mut self.hashed {
            Some(hashed) => {
                hashed.insert(document.address.clone(), place);
            }
            None if self.places.len() > SEARCHED_MAX => {
                let others = self.iter().map(|(place, other)| (other.address.clone(), place));
                self.hashed = Some(Box::new(others.chain([(document.address.clone(), place)]).collect()));
            }
            None => {}
        }
        self.places[vacant] = Some(document);
        self.count += 1;
        place
    }

    pub(super) fn get(&self, place: u32) -> Option<&Document> {
        self.places.get(place as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Document> {
        self.places.get_mut(place as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, place: u32) -> Option<Document> {
        let document = self.places.get_mut(place as usize)?.take()?;
        if let Some(hashed) = &mut self.hashed {
            hashed.remove(&document.address[..]);
        }
        self.count -= 1;
        Some(document)
    }

    /// The first that is like this.
    pub(super) fn position(&self, wanted: impl Fn(&Document) -> bool) -> Option<u32> {
        self.iter().find_map(|(place, document)| wanted(document).then_some(place))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Document)> {
        let numbered = self.places.iter().enumerate();
        numbered.filter_map(|(place, document)| Some((place_at(place), document.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Document)> {
        let numbered = self.places.iter_mut().enumerate();
        numbered.filter_map(|(place, document)| Some((place_at(place), document.as_mut()?)))
    }
}

fn place_at(index: usize) -> u32 {
    u32::try_from(index).expect("documents of a connection are counted in a u32")
}

#[cfg(test)]
mod tests {
    use selvedge_protocol::hocuspocus::{Incoming, parse};
    use selvedge_shards::Now;

    use super::*;

    fn address(number: usize) -> Vec<u8> {
        let name = format!("document {number}");
        [&[u8::try_from(name.len()).expect("short")], name.as_bytes()].concat()
    }

    fn document(number: usize) -> Document {
        let frame = address(number);
        match parse(&frame).expect("an address") {
            Incoming::Document { address, .. } => Document::new(address, Now(0)),
            Incoming::Alive => panic!("an address is longer"),
        }
    }

    #[test]
    fn documents_are_found_however_many_there_are_and_places_are_taken_again() {
        let mut documents = Documents::default();
        for count in 0..3 * SEARCHED_MAX {
            assert_eq!(documents.find(&address(count)), None);
            let place = documents.insert(document(count));
            assert_eq!((place as usize, documents.len()), (count, count + 1));
            for number in 0..=count {
                assert_eq!(documents.find(&address(number)), Some(place_at(number)));
            }
        }
        for number in (0..3 * SEARCHED_MAX).rev() {
            let removed = documents.remove(place_at(number)).expect("it was inserted");
            assert_eq!(*removed.address, *address(number));
            assert_eq!((documents.find(&address(number)), documents.get(place_at(number)).is_none()), (None, true));
        }
        assert_eq!((documents.len(), documents.iter().count()), (0, 0));
        assert_eq!(documents.insert(document(7)), 0);
        assert_eq!(documents.find(&address(7)), Some(0));
    }
}
