//! What the control plane wants of this core: handed to the shard, and its answer handed back. Knows who is behind a session.

use std::collections::HashMap;

use selvedge_shards::{Answer, Input, SessionId};

use super::super::drain::Step;
use super::{Core, key_of};
use crate::documents::{Answered, Person, Reply, Request, Wanted};

/// What is not answered yet. Bounded by whoever asks.
#[derive(Debug, Default)]
pub(super) struct Errands {
    next: u64,
    replies: HashMap<u64, Reply>,
}

impl Core {
    pub(super) fn take_request(&mut self, Request { wanted, reply }: Request) {
        if self.step != Step::Serve {
            // Its end says so.
            return drop(reply);
        }
        let job = self.errands.next;
        self.errands.next += 1;
        self.errands.replies.insert(job, reply);
        self.handle(match wanted {
            Wanted::Errand { document, name, errand } => Input::Errand { job, document, name, errand },
            Wanted::Unstored(wanted) => Input::Unstored { job, wanted },
            Wanted::Attended(wanted) => Input::Attended { job, wanted },
        });
    }

    pub(super) fn give_answer(&mut self, job: u64, answer: Answer) {
        let Some(reply) = self.errands.replies.remove(&job) else { return };
        let people = match &answer {
            Answer::Inspected(inspection) => inspection.sessions.iter().map(|seen| self.person(seen.session)).collect(),
            Answer::Base(_)
            | Answer::Edited { .. }
            | Answer::Created { .. }
            | Answer::Deleted(_)
            | Answer::Replaced { .. }
            | Answer::Told(_)
            | Answer::Dismissed(_)
            | Answer::Unstored(_)
            | Answer::Attended(_)
            | Answer::Failed(_) => Vec::new(),
        };
        reply.send(Answered { answer, people });
    }

    fn person(&mut self, session: SessionId) -> Person {
        let member = self.table.member(session);
        let key = member.map_or_else(|| key_of(session), |member| member.connection);
        let connection = self.table.get(key);
        let address = connection.as_ref().and_then(|connection| connection.ticket()).map(|ticket| ticket.address());
        let of_request = connection.and_then(|connection| connection.admission()).map(|admission| &admission.grant);
        let subject = of_request.and_then(|grant| grant.subject.clone());
        // Each session of a connection with many has a token of its own.
        let of_message = self.table.held(session).map(|held| held.grant.subject.clone());
        Person { subject: of_message.unwrap_or(subject), address }
    }
}
