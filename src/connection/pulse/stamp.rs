//! What a ping carries, so that its pong tells how long it took and no other does. Has no clock, and keeps nothing of a connection.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};

use selvedge_shards::Now;

/// The payload of a ping: when it was sent, and a sign that it was sent here, to this connection.
pub type Stamp = [u8; 8];

/// No round trip takes longer: an older stamp was kept for a purpose.
const ROUND_TRIP_MS_MAX: u32 = 600_000;

/// Makes stamps and knows its own. A peer that could guess one would answer before it was asked, and seem to be nearer than it is; that it
/// can seem further away cannot be helped.
#[derive(Clone, Debug)]
pub struct Stamps {
    secret: [u64; 2],
}

impl Stamps {
    /// With a secret that nobody knows.
    #[must_use]
    pub fn secret() -> Self {
        Self::with([RandomState::new().hash_one(0), RandomState::new().hash_one(1)])
    }

    /// With a secret of the caller's, for runs that are to be the same again.
    #[must_use]
    pub fn with(secret: [u64; 2]) -> Self {
        Self { secret }
    }

    /// For a ping that is sent to this connection now.
    #[must_use]
    pub fn stamp(&self, connection: u64, now: Now) -> Stamp {
        // Wraps after 49 days.
        let ms = now.0 as u32;
        let mut stamp = [0; 8];
        stamp[..4].copy_from_slice(&ms.to_le_bytes());
        stamp[4..].copy_from_slice(&self.sign(connection, ms).to_le_bytes());
        stamp
    }

    /// How many milliseconds ago this was sent to this connection, if it was.
    #[must_use]
    pub fn read(&self, payload: &[u8], connection: u64, now: Now) -> Option<u32> {
        let (ms, sign) = payload.split_first_chunk()?;
        let ms = u32::from_le_bytes(*ms);
        let ago = (now.0 as u32).wrapping_sub(ms);
        (*sign == self.sign(connection, ms).to_le_bytes() && ago <= ROUND_TRIP_MS_MAX).then_some(ago)
    }

    fn sign(&self, connection: u64, ms: u32) -> u32 {
        let mut hasher = DefaultHasher::new();
        for number in self.secret {
            hasher.write_u64(number);
        }
        hasher.write_u64(connection);
        hasher.write_u32(ms);
        // The lower half is as good as all of it.
        hasher.finish() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_tells_how_long_it_took() {
        let stamps = Stamps::secret();
        for start in [0, 1_000, u64::from(u32::MAX) - 3] {
            let stamp = stamps.stamp(7, Now(start));
            assert_eq!(stamps.read(&stamp, 7, Now(start + 40)), Some(40));
        }
    }

    #[test]
    fn what_was_not_sent_here_to_this_connection_of_late_tells_nothing() {
        let stamps = Stamps::with([1, 2]);
        let stamp = stamps.stamp(7, Now(1_000));
        let mut sooner = stamp;
        sooner[..4].copy_from_slice(&1_010_u32.to_le_bytes());
        for forged in [sooner.as_slice(), &stamp[..7], &[], &[0; 8], &[&stamp[..], &[0]].concat()] {
            assert_eq!(stamps.read(forged, 7, Now(1_020)), None, "{forged:?}");
        }
        assert_eq!(stamps.read(&stamp, 8, Now(1_020)), None, "another connection's");
        assert_eq!(Stamps::with([1, 3]).read(&stamp, 7, Now(1_020)), None, "another core's");
        assert_eq!(stamps.read(&stamp, 7, Now(1_001 + u64::from(ROUND_TRIP_MS_MAX))), None, "too old");
        assert_eq!(stamps.read(&stamp, 7, Now(999)), None, "not sent yet");
    }
}
