//! The threads that the cores are told things by, each for itself: persister, readers, the keeper of keys, the sampler of memory. Knows no core.

use std::sync::Arc;

use selvedge_storage::Store;

use super::{Failed, limits};
use crate::auth::{self, Authority, Keeper};
use crate::control::Latest;
use crate::inbox::{Deliver, Note};
use crate::limits::{Budget, Pressure, Sampler};
use crate::persister::Persister;
use crate::reader::Readers;
use crate::settings::Settings;
use crate::slow;

/// All that runs beside the cores and works for them.
pub(super) struct Beside {
    pub(super) persister: Persister,
    pub(super) readers: Readers,
    pub(super) keeper: Keeper,
    /// What the keeper knows at the start.
    pub(super) authority: Arc<Authority>,
    /// What it has known last.
    pub(super) latest: Arc<Latest>,
    pub(super) pressure: Arc<Pressure>,
    pub(super) sampler: Sampler,
}

impl Beside {
    /// `told`: what the persister says goes this way, which may have others listen.
    pub(super) fn start(
        settings: &Settings,
        store: Arc<dyn Store>,
        keys: auth::Sources,
        (deliver, told): (&Deliver, Deliver),
        slow: &Arc<slow::Log>,
    ) -> Result<Self, Failed> {
        let persister = Persister::spawn(Arc::clone(&store), settings.fsync, told).map_err(Failed::Thread)?;
        let readers = Readers::spawn(store, limits::reading(settings), Arc::clone(deliver), Arc::clone(slow));
        let readers = readers.map_err(Failed::Thread)?;
        let latest: Arc<Latest> = Arc::default();
        let (tell_plane, tell_core, cores) = (Arc::clone(&latest), Arc::clone(deliver), settings.shards);
        let tell = move |authority: &Arc<Authority>| {
            tell_plane.publish(Arc::clone(authority));
            for core in 0..cores {
                tell_core(core, Note::Authority(Arc::clone(authority)));
            }
        };
        let (keeper, authority) = Keeper::spawn(keys, Box::new(tell)).map_err(Failed::Thread)?;
        latest.begin_with(Arc::clone(&authority));
        let pressure = Arc::new(Pressure::default());
        let sampler = Sampler::spawn(Arc::clone(&pressure), Budget(settings.memory_max_bytes));
        let sampler = sampler.map_err(Failed::Thread)?;
        Ok(Self { persister, readers, keeper, authority, latest, pressure, sampler })
    }
}
