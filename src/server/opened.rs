//! What a server has before anything works on its documents: who may come in, where it listens, the store. Whatever is refused here ends the
//! start, and nothing has to be stopped in order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use selvedge_storage::RocksStore;

use super::cores::{Cores, Wanted};
use super::descriptors::Share;
use super::tls::Tls;
use super::{Failed, limits, process};
use crate::audit::AuditLog;
use crate::auth;
use crate::control::{self, Claimed};
use crate::driver::listener::{self, ListenError};
use crate::settings::{DescriptorsChoice, Settings};
use crate::webhooks::Webhooks;

/// All that was opened.
pub(super) struct Opened {
    pub(super) shards: u16,
    pub(super) share: Share,
    pub(super) keys: auth::Sources,
    pub(super) tls: Option<Tls>,
    /// One for each shard.
    pub(super) listeners: Vec<TcpListener>,
    /// Of all of them.
    pub(super) address: SocketAddr,
    /// For the control plane, where there is one.
    pub(super) claimed: Option<Claimed>,
    pub(super) wanted: Wanted,
    pub(super) audit_log: Option<AuditLog>,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) store: Arc<RocksStore>,
}

impl Opened {
    pub(super) fn open(settings: &Settings) -> Result<Self, Failed> {
        let open_files = process::raise_open_files();
        let share = Share::of(open_files, settings).map_err(Failed::Descriptors)?;
        // Before anything is opened: who may come in has to be known.
        let keys = auth::Sources::read(settings).map_err(Failed::Auth)?;
        let shards = u16::try_from(settings.shards).expect("the setting is bounded below the number of shard ids");
        let tls = Tls::load(settings).map_err(Failed::Tls)?;

        // The address first: where another server has it, its data must not even be looked at.
        let listening = limits::listening(settings);
        let listeners = listener::claim(settings.listen, usize::from(shards), &listening).map_err(Failed::Listen)?;
        let address = listeners[0]
            .local_addr()
            .map_err(|error| Failed::Listen(ListenError::Refused { address: settings.listen, error }))?;
        let claim = || control::claim(settings.control_listen, keys.is_open(), listening.user_timeout);
        let claimed = settings.control.then(claim).transpose().map_err(Failed::Control)?;

        // Then what the kernel may refuse: once the store is open threads work on the data, and must be stopped in order.
        let wanted = limits::driver(settings);
        Cores::probe(wanted).map_err(Failed::Cores)?;
        let audit_log = limits::audit(settings).map(AuditLog::open).transpose().map_err(Failed::Audit)?;
        let webhooks = Arc::new(Webhooks::start(settings).map_err(Failed::Webhooks)?);
        let store = Arc::new(open_store(settings, share)?);
        // Of a server that does not start this would be noise.
        tell_open_files(settings, open_files, share);
        Ok(Self { shards, share, keys, tls, listeners, address, claimed, wanted, audit_log, webhooks, store })
    }
}

/// What a log that was replayed has lost is lost, and the rest is served: nobody gets more of it by waiting.
fn open_store(settings: &Settings, share: Share) -> Result<RocksStore, Failed> {
    let store = RocksStore::open(&settings.data_dir, limits::storage(settings, share)).map_err(Failed::Store)?;
    if let Some(broken) = store.broken_log() {
        tracing::error!(
            path = %broken.path.display(),
            offset = broken.offset,
            "the write-ahead log was damaged: changes that were written behind this place are lost, also those that were acknowledged"
        );
    }
    Ok(store)
}

fn tell_open_files(settings: &Settings, open_files: u64, share: Share) {
    let Share { connections, tables, is_tight } = share;
    match settings.descriptors {
        DescriptorsChoice::Process => {
            tracing::info!(
                open_files,
                connections,
                tables,
                "the limit of open files allows so many connections, and leaves so many open tables to the store"
            );
            if connections < settings.connections_max {
                tracing::warn!(
                    connections,
                    connections_max = settings.connections_max,
                    "no more connections than the limit of open files (ulimit -n) allows are let in; --descriptors direct does not need it"
                );
            }
        }
        DescriptorsChoice::Direct => {
            tracing::info!(
                open_files,
                connections_max = settings.connections_max,
                tables,
                "the limit of open files does not bound connections"
            );
            if is_tight {
                tracing::warn!(
                    open_files,
                    "the limit of open files (ulimit -n) leaves few descriptors for connections that are accepted or move to their core: \
                     opening many at once will be slow"
                );
            }
        }
    }
}
