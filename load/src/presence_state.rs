//! What a user says of itself: awareness states with a stamp in them. Does not know who hears it.

use selvedge_protocol::awareness::{self, Entry};
use selvedge_protocol::lib0::put_buf;

use crate::stamp::{STAMP_BYTES, Stamp};

/// The type of an awareness message (y-protocols).
const AWARENESS: u8 = 1;

const BEFORE: &str = r#"{"user":{"name":""#;
const AFTER: &str = r#""}}"#;

/// The shortest state that there is.
pub(crate) const STATE_BYTES_MIN: usize = BEFORE.len() + STAMP_BYTES + AFTER.len();

/// Appends a message with the state of `client`, whose JSON has `bytes`, at least [`STATE_BYTES_MIN`].
pub(crate) fn put_message(out: &mut Vec<u8>, client: u64, stamp: &Stamp, bytes: usize) {
    let mut state = Vec::with_capacity(bytes);
    state.extend_from_slice(BEFORE.as_bytes());
    stamp.put(&mut state, bytes.saturating_sub(BEFORE.len() + AFTER.len()));
    state.extend_from_slice(AFTER.as_bytes());
    let state = std::str::from_utf8(&state).expect("stamps are ASCII");
    // A client's clock is above 0 once it has set its state.
    let entry = Entry { client, clock: stamp.sequence + 1, state: Some(state) };
    let mut update = Vec::with_capacity(bytes + 16);
    awareness::put_update(&mut update, [entry].into_iter());
    out.push(AWARENESS);
    put_buf(out, &update);
}

/// Appends a message that says nothing but that its sender is there.
pub(crate) fn put_renewal(out: &mut Vec<u8>) {
    out.push(AWARENESS);
    put_buf(out, &[0]);
}

#[cfg(test)]
mod tests {
    use selvedge_protocol::awareness::{Limits, parse};
    use selvedge_protocol::sync::{self, Message};

    use super::*;

    const LIMITS: Limits = Limits { update_bytes_max: 4096, entries_max: 4, state_bytes_max: 2048, json_depth_max: 8 };

    #[test]
    fn a_state_is_what_a_server_accepts() {
        for bytes in [STATE_BYTES_MIN, 100, 1000] {
            let stamp = Stamp { writer: 5, sequence: 6, intended: 7 };
            let mut message = Vec::new();
            put_message(&mut message, 1 << 40, &stamp, bytes);
            let Ok(Message::Awareness { update }) = sync::parse(&message) else { panic!("an awareness message") };
            let entries: Vec<Entry<'_>> = parse(update, &LIMITS).expect("legal").entries().collect();
            assert_eq!((entries[0].client, entries[0].clock, entries.len()), (1 << 40, 7, 1));
            assert_eq!(entries[0].state.map(str::len), Some(bytes));
            assert!(Stamp::scan(&message).eq([stamp]));
        }
    }

    #[test]
    fn a_renewal_is_a_message_with_nobody_in_it() {
        let mut message = Vec::new();
        put_renewal(&mut message);
        let Ok(Message::Awareness { update }) = sync::parse(&message) else { panic!("an awareness message") };
        assert_eq!(parse(update, &LIMITS).expect("legal").count(), 0);
    }
}
