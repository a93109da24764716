//! Connections and sessions of each user, wherever they are: to count them, and to close them. Does not know what a user may do.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::close::Goodbye;
use crate::driver::ConnectionKey;
use crate::inbox::{Deliver, Farewell, Note};

/// Parts of the registry, each with a lock of its own.
const PARTS: usize = 64;

/// What happens to a user who has as many as allowed, and wants another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtLimit {
    /// The new one is refused.
    #[default]
    RefuseNewest,
    /// The oldest one is closed, and the new one let in.
    CloseOldest,
}

/// How much a user may take. 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserRules {
    /// Connections at once.
    pub connections_max: usize,
    /// Sessions at once, on all of them.
    pub sessions_max: usize,
    /// What happens beyond.
    pub at_limit: AtLimit,
}

/// The user has as many as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFull {
    /// Connections.
    Connections {
        /// The setting.
        connections_max: usize,
    },
    /// Sessions.
    Sessions {
        /// The setting.
        sessions_max: usize,
    },
}

impl fmt::Display for UserFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connections { connections_max } => {
                write!(f, "the user has {connections_max} connections, which is the limit")
            }
            Self::Sessions { sessions_max } => write!(f, "the user has {sessions_max} sessions, which is the limit"),
        }
    }
}

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    core: usize,
    connection: ConnectionKey,
    /// Which of several on its connection, as its core numbers them; `None` where the connection is the session.
    session: Option<u32>,
}

/// Some of the users, by subject.
type Part = HashMap<Arc<str>, User>;

/// All users that are here.
pub struct Users {
    rules: RwLock<UserRules>,
    parts: Box<[Mutex<Part>]>,
    hasher: RandomState,
    deliver: Deliver,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("rules", &self.rules()).finish_non_exhaustive()
    }
}

/// Invariant: has at least one member.
#[derive(Debug, Default)]
struct User {
    /// By the order in which they came.
    members: BTreeMap<u64, Member>,
    /// How many sessions each connection has.
    connections: HashMap<(usize, ConnectionKey), u32>,
    next: u64,
}

/// One session's place among those of its user. Dropping it gives the place back.
#[derive(Debug)]
pub struct UserTicket {
    users: Arc<Users>,
    subject: Arc<str>,
    number: u64,
}

impl Drop for UserTicket {
    fn drop(&mut self) {
        let mut part = self.users.part(&self.subject);
        if let Some(user) = part.get_mut(&self.subject)
            && user.remove(self.number).is_some()
            && user.members.is_empty()
        {
            part.remove(&self.subject);
        }
    }
}

impl Users {
    /// Nobody yet. Who has to go is told by `deliver`.
    #[must_use]
    pub fn new(rules: UserRules, deliver: Deliver) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { rules: RwLock::new(rules), parts, hasher: RandomState::new(), deliver }
    }

    /// Sessions that begin from here on are held to these.
    pub fn set_rules(&self, rules: UserRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    fn rules(&self) -> UserRules {
        *self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session of this user begins on a connection of this core: `session` tells several on one connection apart. The second value says how
    /// many older ones were asked to go for it.
    ///
    /// # Errors
    ///
    /// The user has as many as allowed, and the newest is to be refused.
    pub fn enter(
        self: &Arc<Self>,
        subject: &Arc<str>,
        core: usize,
        connection: ConnectionKey,
        session: Option<u32>,
    ) -> Result<(UserTicket, usize), UserFull> {
        let member = Member { core, connection, session };
        let mut displaced = Vec::new();
        let number = {
            let mut part = self.part(subject);
            let user = match part.get_mut(subject) {
                Some(user) => {
                    self.make_room(user, member, &mut displaced)?;
                    user
                }
                None => part.entry(Arc::clone(subject)).or_default(),
            };
            user.add(member)
        };
        for member in &displaced {
            self.dismiss(*member, &Goodbye::displaced());
        }
        Ok((UserTicket { users: Arc::clone(self), subject: Arc::clone(subject), number }, displaced.len()))
    }

    /// Sends all of a user away, who may come back. Says how many sessions there are.
    pub fn dismiss_all(&self, subject: &str) -> usize {
        let members: Vec<Member> = self.part(subject).get(subject).map_or_else(Vec::new, User::all);
        for member in &members {
            self.dismiss(*member, &Goodbye::dismissed());
        }
        members.len()
    }

    /// Connections and sessions of this user.
    #[cfg(test)]
    fn count(&self, subject: &str) -> (usize, usize) {
        self.part(subject).get(subject).map_or((0, 0), |user| (user.connections.len(), user.members.len()))
    }

    fn make_room(&self, user: &mut User, member: Member, displaced: &mut Vec<Member>) -> Result<(), UserFull> {
        let UserRules { connections_max, sessions_max, at_limit } = self.rules();
        loop {
            let is_new = !user.connections.contains_key(&(member.core, member.connection));
            let full = if connections_max > 0 && is_new && user.connections.len() >= connections_max {
                UserFull::Connections { connections_max }
            } else if sessions_max > 0 && user.members.len() >= sessions_max {
                UserFull::Sessions { sessions_max }
            } else {
                return Ok(());
            };
            match at_limit {
                AtLimit::RefuseNewest => return Err(full),
                AtLimit::CloseOldest => {}
            }
            let (&oldest, _) = user.members.first_key_value().expect("a full user has members");
            let first = user.members[&oldest];
            match full {
                // Its other sessions go with it, but one session that leaves is enough.
                UserFull::Sessions { .. } => displaced.extend(user.remove(oldest)),
                UserFull::Connections { .. } => {
                    let of_it = |other: &Member| other.core == first.core && other.connection == first.connection;
                    user.members.retain(|_, other| !of_it(other));
                    user.connections.remove(&(first.core, first.connection));
                    displaced.push(Member { session: None, ..first });
                }
            }
        }
    }

    fn dismiss(&self, member: Member, goodbye: &Goodbye) {
        let Member { core, connection, session } = member;
        (self.deliver)(core, Note::Farewell(Farewell { connection, session, goodbye: goodbye.clone() }));
    }

    fn part(&self, subject: &str) -> MutexGuard<'_, Part> {
        // The remainder is below the number of parts.
        let part = (self.hasher.hash_one(subject) % PARTS as u64) as usize;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl User {
    fn all(&self) -> Vec<Member> {
        self.members.values().copied().collect()
    }

    fn add(&mut self, member: Member) -> u64 {
        let number = self.next;
        self.next += 1;
        self.members.insert(number, member);
        *self.connections.entry((member.core, member.connection)).or_default() += 1;
        number
    }

    fn remove(&mut self, number: u64) -> Option<Member> {
        let member = self.members.remove(&number)?;
        let connection = (member.core, member.connection);
        let sessions = self.connections.get_mut(&connection).expect("a member's connection is counted");
        *sessions -= 1;
        if *sessions == 0 {
            self.connections.remove(&connection);
        }
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Arc<Mutex<Vec<(usize, u32, Option<u32>)>>>;

    fn users(rules: UserRules) -> (Arc<Users>, Told) {
        let told = Told::default();
        let heard = Arc::clone(&told);
        let deliver: Deliver = Arc::new(move |core, note| match note {
            Note::Farewell(Farewell { connection, session, .. }) => {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push((core, connection.index, session));
            }
            other => panic!("not a farewell: {other:?}"),
        });
        (Arc::new(Users::new(rules, deliver)), told)
    }

    fn told(told: &Told) -> Vec<(usize, u32, Option<u32>)> {
        std::mem::take(&mut told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn key(index: u32) -> ConnectionKey {
        ConnectionKey { index, generation: 0 }
    }

    #[test]
    fn the_newest_is_refused_until_one_goes() {
        let (users, _) = users(UserRules { connections_max: 2, sessions_max: 3, at_limit: AtLimit::RefuseNewest });
        let ada: Arc<str> = "ada".into();
        let enter = |core, index, session| users.enter(&ada, core, key(index), session).map(|(ticket, _)| ticket);
        let first = enter(0, 1, Some(1)).expect("there is room");
        let second = enter(0, 1, Some(2)).expect("the same connection");
        assert_eq!(users.count("ada"), (1, 2));
        let third = enter(1, 1, None).expect("the second connection");
        assert_eq!(enter(1, 2, None).map(drop), Err(UserFull::Connections { connections_max: 2 }));
        assert_eq!(enter(0, 1, Some(3)).map(drop), Err(UserFull::Sessions { sessions_max: 3 }));
        assert!(users.enter(&"bob".into(), 0, key(9), None).is_ok());
        drop((first, second));
        assert_eq!(users.count("ada"), (1, 1));
        let fourth = enter(1, 2, None).expect("one has gone");
        drop((third, fourth));
        assert_eq!(users.count("ada"), (0, 0));
        assert!(users.parts.iter().all(|part| part.lock().unwrap_or_else(PoisonError::into_inner).is_empty()));
    }

    #[test]
    fn the_oldest_goes_for_the_newest_and_its_place_is_not_given_back_twice() {
        let (users, heard) = users(UserRules { connections_max: 2, sessions_max: 3, at_limit: AtLimit::CloseOldest });
        let ada: Arc<str> = "ada".into();
        let enter = |core, index, session| users.enter(&ada, core, key(index), session).expect("room is made");
        let (first, _) = enter(0, 1, Some(1));
        let (second, _) = enter(0, 1, Some(2));
        let (third, displaced) = enter(1, 5, None);
        assert_eq!(displaced, 0);
        let (fourth, displaced) = enter(1, 6, None);
        assert_eq!(displaced, 1);
        assert_eq!(told(&heard), [(0, 1, None)], "the whole connection goes");
        assert_eq!(users.count("ada"), (2, 2));
        drop((first, second));
        assert_eq!(users.count("ada"), (2, 2));
        let (fifth, _) = enter(1, 6, Some(1));
        let (sixth, _) = enter(1, 6, Some(2));
        assert_eq!(told(&heard), [(1, 5, None)]);
        drop((third, fourth, fifth, sixth));
        assert_eq!(users.count("ada"), (0, 0));
    }
}
