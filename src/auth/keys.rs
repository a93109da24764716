//! All keys that are trusted at one time, and which of them a token may be checked with. Knows no token beyond the two words of its
//! header that choose a key.

use std::sync::Arc;

use super::key::{Algorithm, Key};

/// Keys, not changed any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Vec<Arc<Key>>);

/// The keys that may have signed a token.
#[derive(Debug)]
pub(super) enum Chosen<'a> {
    /// One of these; none, where those that could are for other algorithms.
    Among(Vec<&'a Key>),
    /// It names a key that is not here.
    Unknown(&'a str),
}

impl Keys {
    /// Those of files first; a published one with a name that is taken is left out, and shown.
    pub(super) fn merged<'a>(
        own: impl IntoIterator<Item = &'a Arc<Key>>,
        published: &[Arc<Key>],
        mut left_out: impl FnMut(&Key),
    ) -> Self {
        let mut keys: Vec<Arc<Key>> = own.into_iter().cloned().collect();
        for key in published {
            let is_taken = key.id.is_some() && keys.iter().any(|other| other.id == key.id);
            if is_taken { left_out(key) } else { keys.push(Arc::clone(key)) }
        }
        Self(keys)
    }

    /// Chooses by the `kid` and `alg` of a header. A name chooses the key that has it, and no other. A name that nobody has, or none,
    /// leaves the keys without names; without a name, also the only key of an algorithm.
    pub(super) fn choose<'a>(&'a self, id: Option<&'a str>, algorithm: Algorithm) -> Chosen<'a> {
        let of_algorithm = |key: &&Key| key.algorithm == algorithm;
        let all = || self.0.iter().map(Arc::as_ref);
        if let Some(named) = all().find(|key| id.is_some() && key.id.as_deref() == id) {
            return Chosen::Among(Some(named).filter(of_algorithm).into_iter().collect());
        }
        let unnamed: Vec<&Key> = all().filter(|key| key.id.is_none()).filter(of_algorithm).collect();
        match id {
            Some(id) if unnamed.is_empty() => Chosen::Unknown(id),
            None if unnamed.is_empty() => {
                let mut able = all().filter(of_algorithm);
                let only = able.next().filter(|_| able.next().is_none());
                Chosen::Among(only.into_iter().collect())
            }
            Some(_) | None => Chosen::Among(unnamed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::parse_set;
    use super::*;

    fn key(id: Option<&str>, algorithm: Algorithm) -> Arc<Key> {
        let octets = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        let jwk = match algorithm {
            Algorithm::Hs256 => format!(r#""kty":"oct","k":"{octets}""#),
            Algorithm::EdDsa => format!(r#""kty":"OKP","crv":"Ed25519","x":"{octets}""#),
            Algorithm::Rs256 | Algorithm::Es256 => unreachable!("two kinds are enough here"),
        };
        let id = id.map_or(String::new(), |id| format!(r#","kid":"{id}""#));
        let mut set = parse_set(format!("{{\"keys\":[{{{jwk}{id}}}]}}").as_bytes()).expect("a set");
        Arc::new(set.pop().expect("one key").1.expect("a good one"))
    }

    fn chosen(keys: &Keys, id: Option<&str>, algorithm: Algorithm) -> Option<Vec<String>> {
        match keys.choose(id, algorithm) {
            Chosen::Among(keys) => {
                Some(keys.iter().map(|key| key.id.as_deref().unwrap_or("(unnamed)").to_owned()).collect())
            }
            Chosen::Unknown(_) => None,
        }
    }

    #[test]
    fn a_name_chooses_its_key_and_the_algorithm_is_the_key_s() {
        use Algorithm::{EdDsa, Es256, Hs256};
        let own = [key(None, Hs256), key(Some("a"), EdDsa)];
        let published = [key(Some("a"), EdDsa), key(Some("b"), EdDsa)];
        let mut left_out = 0;
        let keys = Keys::merged(&own, &published, |_| left_out += 1);
        assert_eq!(left_out, 1, "the file's key keeps its name");
        let some = |ids: &[&str]| Some(ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&keys, Some("a"), EdDsa), some(&["a"]));
        assert_eq!(chosen(&keys, Some("a"), Hs256), some(&[]));
        assert_eq!(chosen(&keys, Some("c"), EdDsa), None);
        assert_eq!(chosen(&keys, Some("c"), Hs256), some(&["(unnamed)"]));
        assert_eq!(chosen(&keys, None, Hs256), some(&["(unnamed)"]));
        assert_eq!(chosen(&keys, None, EdDsa), some(&[]), "two could be meant");
        assert_eq!(chosen(&keys, None, Es256), some(&[]));
        let one = Keys::merged(&[], &published[..1], |_| {});
        assert_eq!(chosen(&one, None, EdDsa), some(&["a"]));
        assert_eq!(chosen(&Keys::default(), None, EdDsa), some(&[]));
        assert_eq!(chosen(&Keys::default(), Some("a"), EdDsa), None);
    }
}
