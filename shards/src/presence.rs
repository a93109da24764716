//! The awareness of one document: who announced which client id, and what is to be told to whom. States stay opaque.
//!
//! A client id belongs to the session that announced it. Another session that announces a newer state of it has a *claim*: it may be
//! the same client, back on a new connection while the old one is not known to be dead yet, or a browser tab that
//! passes on what it heard from its neighbour, or somebody with bad intentions. So the owner is asked whether it is alive. While it
//! is, the claim only waits; when it is not, or ends, the claimant takes over.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_protocol::awareness::Entry;
use selvedge_protocol::sync;

use crate::config::CLAIM_MS;
use crate::errand::InspectedState;
use crate::id::{Now, SessionRef};

/// As long as y-protocols keeps a state that is not renewed.
const DEPARTED_MS: u64 = 30_000;

/// What a session heard before a client went may come so much later: longer than any session is paused, and not for ever, or whoever
/// announces an id with the highest clock and leaves would take it from all who are there.
const HEARD_MS: u64 = 600_000;

/// Clients of one document that are remembered after they have gone. Of more, those are forgotten that went before [`DEPARTED_MS`], and
/// where there are none, the latest are not remembered.
const DEPARTED_MAX: usize = 256;

#[derive(Debug)]
struct State {
    clock: u32,
    /// JSON.
    json: Box<str>,
    owner: SessionRef,
}

#[derive(Debug)]
struct Claim {
    session: SessionRef,
    clock: u32,
    json: Box<str>,
    /// When the owner was asked; `None` once it has answered.
    asked: Option<Now>,
}

#[derive(Debug)]
struct Departed {
    /// Of its last state.
    clock: u32,
    since: Now,
    /// Its number among all departures.
    departure: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Presence {
    states: BTreeMap<u64, State>,
    clients_of: BTreeMap<SessionRef, BTreeSet<u64>>,
    /// One for each client id: the newest.
    claims: BTreeMap<u64, Claim>,
    /// Clients that have gone. Every npm client passes on every state that it hears, so a state may come once more from somebody else,
    /// who must not become its owner.
    departed: BTreeMap<u64, Departed>,
    /// So many have gone so far, remembered or not.
    departures: u64,
    /// The departures before a session came. A session that is not here came before all of them.
    came_after: BTreeMap<SessionRef, u64>,
    /// Of all states, and of all claims.
    bytes: usize,
    /// Clients to be told about. Those that have gone come with the clock of their last state.
    changed: BTreeMap<u64, Option<u32>>,
}

/// What came of an entry that a session announced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// Nothing new, or it is told in this turn.
    Done,
    /// Another session has announced this client id: find out whether it is alive.
    Contested { owner: SessionRef },
    /// There is no room for another client id, or for so long a state: what was there stays. Nobody is punished for it: npm clients pass on every state that they hear, and a late one
    /// makes its bearer the owner, so that this session may have its ids from somebody else.
    Ignored,
}

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Client ids.
    pub(crate) per_session: usize,
    /// Client ids.
    pub(crate) in_all: usize,
    /// Of all states, claimed ones too.
    pub(crate) bytes: usize,
}

impl Presence {
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Clients to be told about.
    pub(crate) fn news(&self) -> usize {
        self.changed.len()
    }

    /// A session is told who is there from here on, and not who was there before.
    pub(crate) fn come(&mut self, session: SessionRef) {
        if self.departures > 0 {
            self.came_after.insert(session, self.departures);
        }
    }

    /// One entry of a session's awareness update. A client's newer clock wins; an equal one with `null` removes.
    pub(crate) fn offer(&mut self, session: SessionRef, entry: &Entry<'_>, room: Room, now: Now) -> Offered {
        let Entry { client, clock, state } = *entry;
        let Some(known) = self.states.get_mut(&client) else {
            let Some(json) = state else { return Offered::Done };
            if self.is_old(session, client, clock, now) {
                return Offered::Done;
            }
            let of_session = self.clients_of.get(&session).map_or(0, BTreeSet::len);
            let is_full = of_session >= room.per_session || self.states.len() >= room.in_all;
            if is_full || self.bytes + json.len() > room.bytes {
                return Offered::Ignored;
            }
            self.bytes += json.len();
            self.insert(client, State { clock, json: json.into(), owner: session });
            return Offered::Done;
        };
        if known.owner != session {
            return match state {
                // What a client passes on of others, it may; what it says of their end, it may not.
                Some(json) if clock > known.clock => {
                    let owner = known.owner;
                    self.claim(client, session, clock, json, room.bytes, now)
                        .map_or(Offered::Done, |()| Offered::Contested { owner })
                }
                Some(_) | None => Offered::Done,
            };
        }
        match state {
            Some(json) if clock > known.clock => {
                let Some(bytes) = exchanged(self.bytes, known.json.len(), json.len(), room.bytes) else {
                    return Offered::Ignored;
                };
                self.bytes = bytes;
                known.clock = clock;
                known.json = json.into();
                self.changed.insert(client, None);
            }
            None if clock >= known.clock => self.remove(client, clock, now),
            Some(_) | None => {}
        }
        Offered::Done
    }

    /// Is it a state of one who has gone? From a session that was there then, it is, though it comes late: the session may have been
    /// paused for as long as the disk was slow, if not for longer than that. One that has come since was never told of it, and may be the client itself, with a clock
    /// that began anew.
    fn is_old(&self, session: SessionRef, client: u64, clock: u32, now: Now) -> bool {
        let Some(gone) = self.departed.get(&client) else { return false };
        let was_there = self.came_after.get(&session).is_none_or(|&departures| departures < gone.departure);
        let remembered_ms = if was_there { HEARD_MS } else { DEPARTED_MS };
        clock <= gone.clock && now.since(gone.since) < remembered_ms
    }

    /// Says whether the owner has to be asked. A claim for which there is no room is none: its claimant announces itself again.
    fn claim(
        &mut self,
        client: u64,
        session: SessionRef,
        clock: u32,
        json: &str,
        bytes_max: usize,
        now: Now,
    ) -> Option<()> {
        match self.claims.get_mut(&client) {
            Some(claim) if claim.session == session => {
                self.bytes = exchanged(self.bytes, claim.json.len(), json.len(), bytes_max)?;
                claim.clock = clock;
                claim.json = json.into();
                None
            }
            // The first claimant's turn comes first.
            Some(_) => None,
            None => {
                self.bytes = exchanged(self.bytes, 0, json.len(), bytes_max)?;
                self.claims.insert(client, Claim { session, clock, json: json.into(), asked: Some(now) });
                Some(())
            }
        }
    }

    /// A session gave a sign of life: claims to what it owns wait for its end.
    pub(crate) fn alive(&mut self, session: SessionRef) {
        for (client, claim) in &mut self.claims {
            if self.states.get(client).is_some_and(|state| state.owner == session) {
                claim.asked = None;
            }
        }
    }

    pub(crate) fn has_claims(&self) -> bool {
        !self.claims.is_empty()
    }

    /// Owners that did not answer in time lose what is claimed.
    pub(crate) fn expire_claims(&mut self, now: Now) {
        let late = |claim: &Claim| claim.asked.is_some_and(|asked| now.since(asked) >= CLAIM_MS);
        let late: Vec<u64> = self.claims.iter().filter(|(_, claim)| late(claim)).map(|(&client, _)| client).collect();
        for client in late {
            self.take_over(client);
        }
    }

    fn take_over(&mut self, client: u64) -> bool {
        let Some(Claim { session, clock, json, .. }) = self.claims.remove(&client) else { return false };
        if let Some(state) = self.states.get(&client) {
            self.bytes -= state.json.len();
            self.disown(client, state.owner);
        }
        self.insert(client, State { clock, json, owner: session });
        true
    }

    fn insert(&mut self, client: u64, state: State) {
        self.clients_of.entry(state.owner).or_default().insert(client);
        self.states.insert(client, state);
        self.changed.insert(client, None);
    }

    fn disown(&mut self, client: u64, owner: SessionRef) {
        if let Some(clients) = self.clients_of.get_mut(&owner) {
            clients.remove(&client);
            if clients.is_empty() {
                self.clients_of.remove(&owner);
            }
        }
    }

    fn remove(&mut self, client: u64, clock: u32, now: Now) {
        if let Some(state) = self.states.remove(&client) {
            self.bytes -= state.json.len();
            self.disown(client, state.owner);
            self.drop_claim(client);
            self.depart(client, clock, now);
        }
    }

    /// There is nothing left to claim. A claim that stayed would bring an old state back when the client's next owner leaves.
    fn drop_claim(&mut self, client: u64) {
        if let Some(claim) = self.claims.remove(&client) {
            self.bytes -= claim.json.len();
        }
    }

    fn depart(&mut self, client: u64, clock: u32, now: Now) {
        self.changed.insert(client, Some(clock));
        self.departures += 1;
        if self.departed.len() >= DEPARTED_MAX {
            self.departed.retain(|_, gone| now.since(gone.since) < DEPARTED_MS);
        }
        if self.departed.len() < DEPARTED_MAX {
            self.departed.insert(client, Departed { clock, since: now, departure: self.departures });
        }
    }

    /// A session has gone: every id that it announced goes with it, or passes on to who claims it.
    pub(crate) fn leave(&mut self, session: SessionRef, now: Now) {
        self.came_after.remove(&session);
        let bytes = &mut self.bytes;
        self.claims.retain(|_, claim| {
            let stays = claim.session != session;
            *bytes -= if stays { 0 } else { claim.json.len() };
            stays
        });
        for client in self.clients_of.remove(&session).unwrap_or_default() {
            if !self.take_over(client)
                && let Some(state) = self.states.remove(&client)
            {
                self.bytes -= state.json.len();
                // The same clock with `null` removes, and does not outdate what the client says when it is back.
                self.depart(client, state.clock, now);
            }
        }
    }

    /// A message with what changed since this was asked last.
    pub(crate) fn take_news(&mut self) -> Vec<u8> {
        let changed = std::mem::take(&mut self.changed);
        let entries = changed.iter().filter_map(|(&client, gone)| match gone {
            Some(clock) => Some(Entry { client, clock: *clock, state: None }),
            None => self.entry(client),
        });
        message(entries)
    }

    /// A message with every state, for a session that has none.
    pub(crate) fn all(&self) -> Vec<u8> {
        message(self.states.keys().filter_map(|&client| self.entry(client)))
    }

    /// Who announced which state, as far as there is room.
    pub(crate) fn inspect(&self, mut bytes: usize) -> Vec<InspectedState> {
        let mut states = Vec::new();
        for (&client, State { json, owner, .. }) in &self.states {
            let Some(left) = bytes.checked_sub(json.len()) else { break };
            bytes = left;
            states.push(InspectedState { session: *owner, client, json: json.clone() });
        }
        states
    }

    fn entry(&self, client: u64) -> Option<Entry<'_>> {
        self.states.get(&client).map(|state| Entry { client, clock: state.clock, state: Some(&state.json) })
    }
}

/// So many bytes when one state takes the place of another, if there is room.
fn exchanged(bytes: usize, old: usize, new: usize, bytes_max: usize) -> Option<usize> {
    let after = bytes - old + new;
    // What does not grow finds room also where there is none.
    (new <= old || after <= bytes_max).then_some(after)
}

fn message<'a>(entries: impl Iterator<Item = Entry<'a>> + Clone) -> Vec<u8> {
    let mut bytes = Vec::new();
    sync::put_awareness(&mut bytes, entries);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SessionId, ShardId};

    const ROOM: Room = Room { per_session: 2, in_all: 3, bytes: 40 };

    fn session(index: u32) -> SessionRef {
        SessionRef { shard: ShardId(0), session: SessionId { index, generation: 0 } }
    }

    fn offer(presence: &mut Presence, by: u32, client: u64, clock: u32, state: Option<&str>) -> Offered {
        presence.offer(session(by), &Entry { client, clock, state }, ROOM, Now(0))
    }

    fn state(presence: &Presence, client: u64) -> Option<(u32, &str, u32)> {
        presence.states.get(&client).map(|state| (state.clock, &*state.json, state.owner.session.index))
    }

    #[test]
    fn every_id_that_a_session_announced_goes_with_it() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 7, 1, Some("1"));
        offer(&mut presence, 1, 8, 4, Some("2"));
        offer(&mut presence, 2, 9, 1, Some("3"));
        presence.take_news();
        presence.leave(session(1), Now(0));
        assert_eq!(presence.changed, BTreeMap::from([(7, Some(1)), (8, Some(4))]));
        assert_eq!(state(&presence, 9), Some((1, "3", 2)));
    }

    #[test]
    fn somebody_else_cannot_change_or_remove_the_state_of_one_who_is_alive() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 7, 1, Some("1"));
        presence.take_news();
        assert_eq!(offer(&mut presence, 2, 7, 9, None), Offered::Done);
        assert_eq!(offer(&mut presence, 2, 7, 1, Some("\"bad\"")), Offered::Done);
        assert_eq!(offer(&mut presence, 2, 7, 9, Some("\"bad\"")), Offered::Contested { owner: session(1) });
        presence.alive(session(1));
        presence.expire_claims(Now(CLAIM_MS * 10));
        assert_eq!(state(&presence, 7), Some((1, "1", 1)));
        assert!(!presence.has_news());
    }

    #[test]
    fn a_client_that_is_back_takes_over_from_its_dead_connection() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 7, 1, Some("1"));
        offer(&mut presence, 2, 7, 2, Some("2"));
        presence.expire_claims(Now(CLAIM_MS - 1));
        assert_eq!(state(&presence, 7), Some((1, "1", 1)));
        presence.expire_claims(Now(CLAIM_MS));
        assert_eq!(state(&presence, 7), Some((2, "2", 2)));
        presence.leave(session(1), Now(0));
        assert_eq!(state(&presence, 7), Some((2, "2", 2)));
    }

    #[test]
    fn the_end_of_the_old_connection_does_not_remove_what_the_new_one_announced() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 7, 1, Some("1"));
        offer(&mut presence, 2, 7, 2, Some("2"));
        presence.alive(session(1));
        presence.leave(session(1), Now(0));
        assert_eq!(state(&presence, 7), Some((2, "2", 2)));
        presence.leave(session(2), Now(0));
        assert_eq!(state(&presence, 7), None);
        assert!(presence.clients_of.is_empty() && presence.claims.is_empty());
    }

    #[test]
    fn who_passes_on_a_state_of_one_who_has_gone_does_not_bring_it_back() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 7, 4, Some("1"));
        presence.leave(session(1), Now(0));
        offer(&mut presence, 2, 7, 4, Some("1"));
        assert_eq!(state(&presence, 7), None);
        offer(&mut presence, 3, 7, 5, Some("back"));
        assert_eq!(state(&presence, 7), Some((5, "back", 3)));
    }

    #[test]
    fn a_state_of_one_who_has_gone_is_old_however_late_it_comes_from_one_who_heard_it() {
        let late = Now(DEPARTED_MS * 10);
        let mut presence = Presence::default();
        presence.come(session(1));
        presence.come(session(2));
        offer(&mut presence, 1, 7, 4, Some("1"));
        presence.leave(session(1), Now(0));
        presence.come(session(3));
        presence.offer(session(2), &Entry { client: 7, clock: 4, state: Some("1") }, ROOM, late);
        assert_eq!(state(&presence, 7), None);
        // The same client on another page, which counts from the beginning.
        presence.offer(session(3), &Entry { client: 7, clock: 0, state: Some("new") }, ROOM, late);
        assert_eq!(state(&presence, 7), Some((0, "new", 3)));
        presence.leave(session(3), late);
        presence.offer(session(2), &Entry { client: 7, clock: 0, state: Some("new") }, ROOM, Now(late.0 * 2));
        assert_eq!(state(&presence, 7), None);
        assert!(presence.came_after.is_empty());
    }

    #[test]
    fn a_claimant_that_leaves_leaves_no_claim() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 7, 1, Some("1"));
        offer(&mut presence, 2, 7, 2, Some("2"));
        presence.leave(session(2), Now(0));
        presence.leave(session(1), Now(0));
        assert_eq!(presence.changed, BTreeMap::from([(7, Some(1))]));
    }

    #[test]
    fn there_is_room_for_so_many_ids_and_no_more() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 1, 1, Some("1"));
        offer(&mut presence, 1, 2, 1, Some("1"));
        assert_eq!(offer(&mut presence, 1, 3, 1, Some("1")), Offered::Ignored);
        offer(&mut presence, 2, 3, 1, Some("1"));
        assert_eq!(offer(&mut presence, 3, 4, 1, Some("1")), Offered::Ignored);
        assert_eq!(state(&presence, 4), None, "others have filled it: it waits for room");
        assert_eq!(offer(&mut presence, 1, 1, 1, None), Offered::Done);
        assert_eq!(offer(&mut presence, 3, 4, 1, Some("1")), Offered::Done);
    }

    #[test]
    fn there_is_room_for_so_many_bytes_and_what_was_there_stays() {
        let mut presence = Presence::default();
        let long = format!("\"{}\"", "x".repeat(30));
        assert_eq!(offer(&mut presence, 1, 1, 1, Some(&long)), Offered::Done);
        assert_eq!(offer(&mut presence, 2, 2, 1, Some(&long)), Offered::Ignored);
        assert_eq!(offer(&mut presence, 2, 2, 1, Some("\"short\"")), Offered::Done);
        assert_eq!(offer(&mut presence, 2, 2, 2, Some(&long)), Offered::Ignored);
        assert_eq!(state(&presence, 2), Some((1, "\"short\"", 2)));
        assert_eq!(offer(&mut presence, 3, 1, 2, Some("\"claim\"")), Offered::Done, "no room for a claim is no claim");
        offer(&mut presence, 1, 1, 2, Some("1"));
        assert_eq!(offer(&mut presence, 2, 2, 3, Some(&long)), Offered::Done);
        presence.leave(session(1), Now(0));
        presence.leave(session(2), Now(0));
        assert_eq!(presence.bytes, 0);
    }

    #[test]
    fn every_byte_of_a_state_or_claim_is_given_back_once() {
        for seed in 0..300_u64 {
            let mut dice = seed;
            let mut below = |end: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) % end
            };
            let mut presence = Presence::default();
            for step in 0..400 {
                let by = u32::try_from(below(4)).expect("small");
                let (client, clock) = (below(4), u32::try_from(below(step / 20 + 3)).expect("small"));
                let json = format!("\"{}\"", "x".repeat(below(12) as usize));
                match below(12) {
                    0 => presence.leave(session(by), Now(step * 100)),
                    1 => presence.alive(session(by)),
                    2 => presence.expire_claims(Now(step * 100)),
                    3 => drop(offer(&mut presence, by, client, clock, None)),
                    _ => drop(offer(&mut presence, by, client, clock, Some(&json))),
                }
                let states = presence.states.values().map(|state| state.json.len());
                let claims = presence.claims.values().map(|claim| claim.json.len());
                assert_eq!(presence.bytes, states.chain(claims).sum(), "seed {seed}, step {step}");
                assert!(presence.bytes <= ROOM.bytes, "seed {seed}, step {step}");
                assert!(presence.claims.keys().all(|client| presence.states.contains_key(client)), "seed {seed}");
            }
        }
    }

    #[test]
    fn an_equal_clock_with_null_removes_and_an_older_one_does_not() {
        let mut presence = Presence::default();
        offer(&mut presence, 1, 7, 5, Some("1"));
        offer(&mut presence, 1, 7, 4, None);
        assert!(state(&presence, 7).is_some());
        offer(&mut presence, 1, 7, 5, None);
        assert!(state(&presence, 7).is_none());
        assert_eq!(presence.changed, BTreeMap::from([(7, Some(5))]));
    }
}
