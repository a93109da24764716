//! What crosses from core to core: one bounded lock-free ring for each ordered pair. Knows what a parcel weighs, not what is in it.

use std::collections::VecDeque;
use std::sync::Arc;

use rtrb::{Consumer, Producer, PushError, RingBuffer};
use selvedge_shards::{Envelope, ShardId};

use crate::doorbell::Doorbell;
use crate::handoff::Handed;

/// Parcels that one ring holds. Small, because there are cores times cores of them: 64 cores have 4,032 rings of 20 KB.
const RING_PARCELS: usize = 256;

/// Parcels that wait in front of one full ring before the core behind it is taken to be stuck. What leads to parcels is held back
/// long before (see [`Mesh::is_congested`]), so that only answers to what is already under way still gather here.
const SPILL_PARCELS_MAX: usize = 1 << 20;

/// One thing for another core.
#[derive(Debug)]
pub enum Parcel {
    /// A socket whose document is over there.
    Handed(Box<Handed>),
    /// From shard to shard.
    Envelope(Envelope),
}

/// One core's ends of all rings.
#[derive(Debug)]
pub struct Mesh {
    /// By core; `None` at the core's own place.
    peers: Vec<Option<Peer>>,
    /// Parcels in all spills.
    spilled: usize,
}

#[derive(Debug)]
struct Peer {
    outgoing: Producer<Parcel>,
    incoming: Consumer<Parcel>,
    doorbell: Arc<Doorbell>,
    /// What found the ring full, in order. Invariant: while it is not empty, nothing is pushed past it.
    spill: VecDeque<Parcel>,
    /// Something was pushed since the last [`Mesh::flush`].
    touched: bool,
}

impl Mesh {
    /// The meshes of all cores, each of which has its doorbell here.
    #[must_use]
    pub fn all(doorbells: &[Arc<Doorbell>]) -> Vec<Self> {
        let cores = doorbells.len();
        let mut outgoing: Vec<Vec<Option<Producer<Parcel>>>> = Vec::new();
        // By receiver; filled sender by sender, so that each list ends up in the order of the senders.
        let mut incoming: Vec<Vec<Option<Consumer<Parcel>>>> = (0..cores).map(|_| Vec::new()).collect();
        for from in 0..cores {
            let mut row = Vec::new();
            for (to, received) in incoming.iter_mut().enumerate() {
                let (producer, consumer) = RingBuffer::new(RING_PARCELS);
                let other = from != to;
                row.push(other.then_some(producer));
                received.push(other.then_some(consumer));
            }
            outgoing.push(row);
        }
        let ends = outgoing.into_iter().zip(incoming);
        ends.map(|(outgoing, incoming)| {
            let peers = outgoing.into_iter().zip(incoming).zip(doorbells);
            let peers = peers.map(|((outgoing, incoming), doorbell)| {
                let doorbell = Arc::clone(doorbell);
                Some(Peer {
                    outgoing: outgoing?,
                    incoming: incoming?,
                    doorbell,
                    spill: VecDeque::new(),
                    touched: false,
                })
            });
            Self { peers: peers.collect(), spilled: 0 }
        })
        .collect()
    }

    /// Sends a parcel to another core. In order for each pair of cores; seen there after [`Mesh::flush`] at the latest.
    ///
    /// A full ring makes the parcel wait here, in order, and each [`Mesh::flush`] tries again. While any waits the mesh is congested, and
    /// the core holds back what its own clients send.
    ///
    /// # Panics
    ///
    /// When the other core takes nothing at all any more: then half the documents are out of reach, and a restart is better.
    pub fn push(&mut self, to: ShardId, parcel: Parcel) {
        let peer = self.peers[usize::from(to.0)].as_mut().expect("what a core has for itself does not cross the mesh");
        peer.touched = true;
        if peer.spill.is_empty() {
            match peer.outgoing.push(parcel) {
                Ok(()) => return,
                Err(PushError::Full(parcel)) => peer.spill.push_back(parcel),
            }
        } else {
            peer.spill.push_back(parcel);
        }
        self.spilled += 1;
        assert!(peer.spill.len() <= SPILL_PARCELS_MAX, "core {} takes nothing from the mesh any more", to.0);
    }

    /// Parcels on their way here, as far as other cores have pushed them.
    #[must_use]
    pub fn incoming(&self) -> usize {
        self.peers.iter().flatten().map(|peer| peer.incoming.slots()).sum()
    }

    /// Parcels that wait in front of full rings.
    #[must_use]
    pub fn spilled(&self) -> usize {
        self.spilled
    }

    /// A ring is full. Nothing that leads to parcels should be begun now.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.spilled > 0
    }

    /// Pushes what found a full ring before, and says which cores have to be woken: those that sleep and were sent something
    /// since the last time.
    pub fn flush(&mut self, mut wake: impl FnMut(usize)) {
        for (core, peer) in self.peers.iter_mut().enumerate() {
            let Some(peer) = peer else { continue };
            while let Some(parcel) = peer.spill.pop_front() {
                if let Err(PushError::Full(parcel)) = peer.outgoing.push(parcel) {
                    peer.spill.push_front(parcel);
                    break;
                }
                self.spilled -= 1;
                peer.touched = true;
            }
            if peer.touched && peer.doorbell.claim() {
                wake(core);
            }
            peer.touched = false;
        }
    }

    /// There is something to take.
    #[must_use]
    pub fn has_incoming(&self) -> bool {
        self.peers.iter().flatten().any(|peer| !peer.incoming.is_empty())
    }

    /// Moves what other cores have sent into `taken`: of each at most what a ring holds, so that a turn stays bounded.
    pub fn take(&mut self, taken: &mut Vec<(ShardId, Parcel)>) {
        for (core, peer) in self.peers.iter_mut().enumerate() {
            let Some(peer) = peer else { continue };
            let from = ShardId(u16::try_from(core).expect("there are no more cores than shard ids"));
            for _ in 0..RING_PARCELS {
                let Ok(parcel) = peer.incoming.pop() else { break };
                taken.push((from, parcel));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_shards::SessionId;

    use super::*;

    fn probe(index: u32) -> Parcel {
        Parcel::Envelope(Envelope::Probe { session: SessionId { index, generation: 0 } })
    }

    fn index_of(parcel: &Parcel) -> u32 {
        match parcel {
            Parcel::Envelope(Envelope::Probe { session }) => session.index,
            Parcel::Envelope(_) | Parcel::Handed(_) => panic!("only probes were sent"),
        }
    }

    #[test]
    fn parcels_keep_their_order_through_a_full_ring() {
        let doorbells: Vec<Arc<Doorbell>> = (0..3).map(|_| Arc::default()).collect();
        let mut meshes = Mesh::all(&doorbells);
        let total = RING_PARCELS as u32 * 3 + 5;
        for index in 0..total {
            meshes[2].push(ShardId(0), probe(index));
        }
        assert!(meshes[2].is_congested());
        assert!(!meshes[1].has_incoming() && meshes[0].has_incoming());

        let mut taken = Vec::new();
        while meshes[0].has_incoming() {
            meshes[0].take(&mut taken);
            meshes[2].flush(|_| {});
        }
        assert!(!meshes[2].is_congested());
        let seen: Vec<u32> = taken.iter().map(|(_, parcel)| index_of(parcel)).collect();
        assert_eq!(seen, (0..total).collect::<Vec<_>>());
        assert!(taken.iter().all(|(from, _)| *from == ShardId(2)));
    }

    #[test]
    fn a_sleeping_core_is_woken_once_for_a_turn() {
        let doorbells: Vec<Arc<Doorbell>> = (0..2).map(|_| Arc::default()).collect();
        let mut meshes = Mesh::all(&doorbells);
        let mut woken = Vec::new();
        doorbells[1].announce_sleep();
        for index in 0..10 {
            meshes[0].push(ShardId(1), probe(index));
        }
        meshes[0].flush(|core| woken.push(core));
        meshes[0].push(ShardId(1), probe(10));
        meshes[0].flush(|core| woken.push(core));
        assert_eq!(woken, [1]);
        doorbells[1].announce_sleep();
        meshes[0].flush(|core| woken.push(core));
        assert_eq!(woken, [1], "nothing new was sent");
    }
}
