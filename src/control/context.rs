//! What handlers know of the process. Shared by all requests; whatever changes in it is behind a lock of its own.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use selvedge_storage::RocksStore;

use super::Bans;
use super::Checkpoints;
use super::Room;
use super::metrics::Requests;
use super::watching::Watch;
use crate::audit::Audit;
use crate::auth::{Authority, Revoker};
use crate::documents::Documents;
use crate::events::Events;
use crate::health::Health;
use crate::inbox::Deliver;
use crate::instruments::{Batches, Timings};
use crate::persister;
use crate::reactor::{Board, Counted};
use crate::reader::Reader;
use crate::settings::Settings;
use crate::settings::live::Live;
use crate::versions::Versions;
use crate::view::View;
use crate::webhooks::Webhooks;

/// Ways to everything that can be asked or told.
pub struct Context {
    /// As at the start.
    pub settings: Arc<Settings>,
    /// As they are now.
    pub live: Arc<Live>,
    /// When the process started.
    pub started: Instant,
    /// The same as a time of day. The clock may be set since, and that is no start.
    pub started_at: SystemTime,
    /// Where clients connect.
    pub address: SocketAddr,
    /// How many cores there are.
    pub cores: u16,
    /// Connections for which the limit of open files leaves room.
    pub connections_room: usize,
    /// Who is asked whether somebody may do something; the latest.
    pub authority: Arc<Latest>,
    /// How a user is shut out.
    pub revoker: Revoker,
    /// Who is kept out for a while.
    pub bans: Bans,
    /// Where it is written down who did what.
    pub audit: Audit,
    /// How the process is.
    pub health: Arc<Health>,
    /// What the cores have counted.
    pub board: Arc<Board>,
    /// What happens.
    pub events: Arc<Events>,
    /// Who is told of it elsewhere, and how that goes.
    pub webhooks: Arc<Webhooks>,
    /// What is found by looking every second.
    pub watch: Arc<Watch>,
    /// How writing goes.
    pub writing: Arc<persister::Health>,
    /// What is read.
    pub reader: Reader,
    /// Documents on disk.
    pub store: Arc<RocksStore>,
    /// Second stores for whoever backs up.
    pub checkpoints: Checkpoints,
    /// The way to the cores.
    pub deliver: Deliver,
    /// What was asked of the control plane.
    pub requests: Requests,
    /// Where requests hold what they read and are about to send.
    pub room: Arc<Room>,
    /// The way to documents, stored and live.
    pub documents: Documents,
    /// What is kept of them.
    pub versions: Versions,
    /// Documents as a real CRDT, in processes of their own.
    pub view: View,
}

impl Context {
    /// As at the start.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long things have taken so far, wherever that was measured.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.timings_with(&self.board.read().collect::<Vec<_>>())
    }

    /// The same, where these are what the cores have laid out.
    #[must_use]
    pub fn timings_with(&self, cores: &[Counted]) -> Timings {
        let mut timings = self.writing.timings();
        timings.merge(&self.reader.timings());
        cores.iter().for_each(|counted| timings.merge(&counted.timings));
        timings
    }

    /// How much has come together so far, wherever that was counted.
    #[must_use]
    pub fn batches(&self) -> Batches {
        self.batches_with(&self.board.read().collect::<Vec<_>>())
    }

    /// The same, where these are what the cores have laid out.
    #[must_use]
    pub fn batches_with(&self, cores: &[Counted]) -> Batches {
        let mut batches = self.writing.sizes();
        cores.iter().for_each(|counted| batches.merge(&counted.batches));
        batches
    }

    /// Who is asked now.
    #[must_use]
    pub fn authority(&self) -> Arc<Authority> {
        self.authority.get()
    }
}

/// The latest authority, between the thread that makes them and the control plane.
#[derive(Debug, Default)]
pub struct Latest(RwLock<Option<Arc<Authority>>>);

impl Latest {
    /// Keys or revocations have changed.
    pub fn publish(&self, authority: Arc<Authority>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(authority);
    }

    /// What holds until something is published; nothing where that has happened already.
    pub fn begin_with(&self, authority: Arc<Authority>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(authority);
    }

    fn get(&self) -> Arc<Authority> {
        let latest = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(latest.as_ref().expect("it begins with one before anybody asks"))
    }
}
