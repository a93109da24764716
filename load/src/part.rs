//! Parts: what one thread does of a scenario. The thread tells it what happened, and it says through [`Hands`] what is to be done; it never
//! waits, and knows of no socket and no other thread.

use crate::clock::Micros;
use crate::hands::Hands;
use crate::step::Step;

/// One thread's part of a scenario.
///
/// Clients are numbered from 0 in each part; what all threads call them, [`Hands::global`] knows.
pub(crate) trait Part: Send + 'static {
    /// How many clients it has.
    fn clients(&self) -> u32;

    /// How many of them, the first ones, are opened before the scenario runs.
    fn opened_first(&self) -> u32 {
        self.clients()
    }

    /// Which document a client is for.
    fn document(&self, client: u32, hands: &Hands) -> u32;

    /// A step begins.
    fn handle_step(&mut self, step: Step, hands: &mut Hands);

    /// When [`Part::act`] is to be called next; `None`: when something happened.
    fn due(&self) -> Option<Micros> {
        None
    }

    /// Its time has come.
    fn act(&mut self, _hands: &mut Hands) {}

    /// A client's WebSocket is open.
    fn handle_open(&mut self, client: u32, hands: &mut Hands);

    /// A client received a message.
    fn handle_message(&mut self, client: u32, payload: &[u8], hands: &mut Hands);

    /// A client that had no room has some again.
    fn handle_room(&mut self, _client: u32, _hands: &mut Hands) {}

    /// A client's connection is gone, or could not be made; its place is free.
    fn handle_end(&mut self, _client: u32, _hands: &mut Hands) {}

    /// Whether nothing is left to do in this step. Opening what is opened first is not its business.
    fn is_done(&self, step: Step, hands: &Hands) -> bool;
}
