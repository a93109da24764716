//! How the descriptors of the process are shared out, so that clients leave the store those that it writes with. Knows no descriptor.

use std::fmt;

use crate::driver::UNSEEN_ACCEPTS_MAX;
use crate::reactor::SURPLUS_CONNECTIONS_MAX;
use crate::settings::{DescriptorsChoice, Settings};

/// What the store has open beside its tables, standard streams, listeners of the control plane, wakers: 25 of a server that idles. The rest
/// is for logs and tables that are written.
const FIXED: u64 = 64;

/// Listener, rings, wakers: 3 to 5, by the driver; and those that are turned away as soon as they are seen.
const PER_SHARD: u64 = 5 + UNSEEN_ACCEPTS_MAX as u64;

/// Pipes in both directions, both ends of each as long as the process is started.
const PER_VIEW_WORKER: u64 = 8;

/// Four threads for each of 16 targets.
const WEBHOOKS: u64 = 64;

/// With direct descriptors connections need one of the process's only in passing; this many at once keep accepting from stalling.
const MOVING: u64 = 1_024;

/// Tables of the store that are open at once: where there is room; where fewer let all connections in; and where there is hardly any.
const TABLES: u64 = 1_024;
const TABLES_FEW: u64 = 256;
const TABLES_MIN: u64 = 16;

/// What has to be left for tables and connections for a start to be worth it.
const LEFT_MIN: u64 = 4 * TABLES_MIN;

/// Who gets how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Connections of clients at most, however many the settings allow.
    pub(super) connections: usize,
    /// Tables of the store.
    pub(super) tables: u16,
    /// With direct descriptors: there are so few that many who come at once wait for each other.
    pub(super) is_tight: bool,
}

/// The limit does not allow for what the server needs before anybody comes. The operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooFew {
    open_files: u64,
    needed: u64,
    control_connections_max: u64,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open_files, needed, control_connections_max } = self;
        write!(
            f,
            "the limit of open files (ulimit -n, LimitNOFILE=) is {open_files}, and the server needs {needed} before clients come; \
             control_connections_max = {control_connections_max} of them are for the control plane"
        )
    }
}

impl Share {
    /// Of so many descriptors.
    pub(super) fn of(open_files: u64, settings: &Settings) -> Result<Self, TooFew> {
        let control = if settings.control { settings.control_connections_max as u64 } else { 0 };
        let others = FIXED
            + control
            + PER_SHARD * settings.shards as u64
            + PER_VIEW_WORKER * settings.view_workers as u64
            + if settings.webhooks_file.is_some() { WEBHOOKS } else { 0 };
        // Those that are only told that there is no room have one as well.
        let surplus = SURPLUS_CONNECTIONS_MAX as u64;
        let needed = others + surplus + LEFT_MIN;
        if open_files < needed {
            return Err(TooFew { open_files, needed, control_connections_max: control });
        }
        Ok(match settings.descriptors {
            DescriptorsChoice::Process => Self::of_left(open_files - others - surplus, settings.connections_max as u64),
            DescriptorsChoice::Direct => {
                let left = (open_files - others).saturating_sub(MOVING);
                Self {
                    connections: usize::MAX,
                    tables: tables(left.clamp(TABLES_MIN, TABLES)),
                    is_tight: left < TABLES_FEW,
                }
            }
        })
    }

    fn of_left(left: u64, wanted: u64) -> Self {
        let most = (left / 4).min(TABLES);
        let least = most.min(TABLES_FEW);
        let fits = |tables: u64| left - tables >= wanted;
        let open = match (fits(most), fits(least)) {
            // Giving tables up would not help.
            (true, _) | (false, false) => most,
            (false, true) => left - wanted,
        };
        let connections = usize::try_from(left - open).unwrap_or(usize::MAX);
        Self { connections, tables: tables(open), is_tight: false }
    }
}

fn tables(count: u64) -> u16 {
    u16::try_from(count).expect("it is at most TABLES")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { shards: 4, ..Settings::default() }
    }

    fn share(open_files: u64, settings: &Settings) -> (usize, u16) {
        let Share { connections, tables, is_tight } = Share::of(open_files, settings).expect("enough");
        assert!(!is_tight);
        (connections, tables)
    }

    #[test]
    fn clients_leave_the_store_what_it_writes_with() {
        let settings = settings();
        // 676 are for others: 256 for the control plane, and as many for those who are told that there is no room.
        assert_eq!(share(740, &settings), (48, 16));
        assert_eq!(share(1_024, &settings), (261, 87));
        assert_eq!(share(20_000, &settings), (18_300, 1_024));
        assert_eq!(share(1 << 20, &settings), (1_046_876, 1_024));
        assert_eq!(share(u64::MAX, &settings).1, 1_024);
        for open_files in (740..5_000).chain(1_000_000..1_003_000) {
            let (connections, tables) = share(open_files, &settings);
            assert_eq!(connections as u64 + u64::from(tables) + 676, open_files);
            assert!((16..=1_024).contains(&tables), "{open_files}: {tables}");
        }
    }

    #[test]
    fn what_was_asked_for_fits_into_the_limit_that_is_recommended_for_it() {
        for (shards, webhooks) in [(1, true), (4, true), (16, true), (64, true)] {
            let webhooks_file = webhooks.then(|| "targets.toml".into());
            let settings = Settings { shards, webhooks_file, ..Settings::default() };
            let (connections, tables) = share(1_002_500, &settings);
            assert!(connections >= settings.connections_max && tables >= 256, "{shards}: {connections}, {tables}");
        }
    }

    #[test]
    fn with_direct_descriptors_clients_need_none_but_in_passing() {
        let settings = Settings { descriptors: DescriptorsChoice::Direct, ..settings() };
        let share = |open_files| Share::of(open_files, &settings).expect("enough");
        assert_eq!(share(20_000), Share { connections: usize::MAX, tables: 1_024, is_tight: false });
        assert_eq!(share(740), Share { connections: usize::MAX, tables: 16, is_tight: true });
    }

    #[test]
    fn too_few_are_refused_and_it_is_said_how_many_are_needed() {
        let refused = |settings: &Settings| Share::of(300, settings).expect_err("too few").to_string();
        let said = refused(&settings());
        assert!(said.contains(" is 300, and the server needs 740 ") && said.contains("control_connections_max = 256"));
        assert!(refused(&Settings { control: false, ..settings() }).contains("needs 484 "));
    }
}
