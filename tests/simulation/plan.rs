//! What one seed decides in advance: the settings, who takes part, and what goes wrong when.

use selvedge::connection::pulse::Pace;
use selvedge::persister::Fsync;
use selvedge_protocol::awareness;
use selvedge_protocol::update::{self, Compaction};
use selvedge_shards::{Access, Config, Dialect, ShardId};

use crate::random::Random;

/// Clients come, edit and suffer faults for this long at most. Then everything is mended.
const BUSY_MS_MAX: u64 = 90_000;

/// An honest client.
#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) document: usize,
    pub(crate) access: Access,
    pub(crate) dialect: Dialect,
    pub(crate) starts_at: u64,
    /// About so long between two edits.
    pub(crate) edits_ms: u64,
    /// Another client in the same browser, which hears of its edits without the server.
    pub(crate) tab: Option<usize>,
    /// Comes and goes about this often.
    pub(crate) leaves_ms: u64,
}

/// Something that goes wrong. Clients are chosen when it does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The server dies after so many more effects, in the middle of whatever it does, and comes back. With `power` the machine dies.
    Crash {
        effects: u32,
        power: bool,
    },
    FailWrites(u32),
    FailSyncs(u32),
    FailReads(u32),
    /// The disk takes this many more bytes, for a while.
    Full {
        more_bytes: u64,
        ms: u64,
    },
    /// Writes take about this long, for a while.
    SlowDisk {
        write_ms: u64,
        ms: u64,
    },
    BusyReaders(u32),
    Cut,
    HalfDead {
        ms: u64,
    },
    SlowReader {
        ms: u64,
    },
    ClockJump {
        ms: u64,
    },
    /// No fault of anybody's: from now on other limits hold, those of this place in the plan.
    OtherLimits {
        which: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) shards: u16,
    pub(crate) documents: Vec<String>,
    pub(crate) config: Config,
    /// Limits that hold later on, one after the other.
    pub(crate) other_limits: Vec<Config>,
    pub(crate) pace: Pace,
    pub(crate) fsync: Fsync,
    pub(crate) compaction: usize,
    pub(crate) reader_threads: usize,
    pub(crate) part_bytes_max: usize,
    pub(crate) write_ms: u64,
    pub(crate) read_ms: u64,
    /// About how long it takes to hold a large update against its document.
    pub(crate) prepare_ms: u64,
    pub(crate) delay_ms: u64,
    pub(crate) kernel_bytes: usize,
    /// Clients ask for what they lack now and then, which makes up for whatever the server forgot to send them. Most never do.
    pub(crate) resyncs: bool,
    /// Between these is what a core is told of its load in each turn.
    pub(crate) load_permille: (u64, u64),
    /// Of a hundred connections so many stay on the core that accepted them.
    pub(crate) remote_percent: u64,
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) hostiles: usize,
    pub(crate) faults: Vec<(u64, Fault)>,
    pub(crate) busy_ms: u64,
    /// About so long between two errands of somebody who is no session, where there is anybody.
    pub(crate) errands_ms: Option<u64>,
    /// Who also deletes documents.
    pub(crate) deletes: bool,
}

/// The three settings for what a snapshot keeps of deleted content.
pub(crate) const COMPACTIONS: [Compaction; 3] = [Compaction::SQUASH, Compaction::SMALLEST, Compaction::COLLECT];

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let shards = u16::try_from(random.between(1, 4)).expect("few");
        let documents = usize::try_from(random.between(1, 3)).expect("few");
        let busy_ms = random.between(10_000, BUSY_MS_MAX);
        let mut clients = clients(random, documents, busy_ms);
        let hostiles = random.pick(&[0, 0, 1, 2, 3]);
        let fsync = match random.below(5) {
            0 => Fsync::Interval { ms: random.between(10, 3_000) },
            1 => Fsync::Never,
            _ => Fsync::Always,
        };
        let faults = faults(random, busy_ms, fsync);
        let config = limits(random, shards, clients.len(), hostiles, documents);
        let errands_ms = random.pick(&[None, Some(100), Some(1_000), Some(5_000)]);
        let deletes = errands_ms.is_some() && random.percent(50);
        if config.document_bytes_max < 1 << 20 || deletes {
            // What a full document has refused to one, or what one knows who has no document any more, must not come to another behind the
            // server's back.
            clients.iter_mut().for_each(|client| client.tab = None);
        }
        let mut plan = Self {
            shards,
            other_limits: Vec::new(),
            documents: (0..documents).map(|number| format!("document {number} of {}", random.below(1000))).collect(),
            config,
            pace: Pace::new(10_000, 20_000, 60_000, random.pick(&[12_000, 30_000, 120_000])),
            fsync,
            compaction: random.below(COMPACTIONS.len()),
            reader_threads: random.pick(&[1, 2, 3]),
            part_bytes_max: random.pick(&[40, 200, 2_000, 64 * 1024]),
            write_ms: random.pick(&[1, 5, 50, 400]),
            read_ms: random.pick(&[1, 5, 50, 300]),
            prepare_ms: 0,
            delay_ms: random.pick(&[0, 2, 20, 150]),
            kernel_bytes: random.pick(&[0, 100, 2_000, 100_000]),
            resyncs: random.percent(30),
            load_permille: random.pick(&[(0, 0), (0, 1_000), (600, 800), (1_000, 1_000)]),
            remote_percent: random.pick(&[0, 30, 60, 100]),
            clients,
            hostiles,
            faults,
            busy_ms,
            errands_ms,
            deletes,
        };
        // Behind all other chances, so that those stay what they were.
        plan.change_limits(random);
        let large_update_bytes = random.pick(&[0, 20, 100, usize::MAX]);
        let preparing_bytes_max = random.pick(&[200, 2_000, 1 << 20]);
        plan.prepare_ms = random.pick(&[1, 20, 100]);
        for config in plan.other_limits.iter_mut().chain([&mut plan.config]) {
            config.large_update_bytes = large_update_bytes;
            config.preparing_bytes_max = preparing_bytes_max;
        }
        plan
    }

    fn change_limits(&mut self, random: &mut Random) {
        for which in 0..random.pick(&[0, 0, 1, 3]) {
            self.faults.push((random.between(500, self.busy_ms), Fault::OtherLimits { which }));
            let other = limits(random, self.shards, self.clients.len(), self.hostiles, self.documents.len());
            // Who was refused for a full document is not looked for once there is room.
            self.other_limits.push(Config { document_bytes_max: self.config.document_bytes_max, ..other });
        }
    }
}

fn clients(random: &mut Random, documents: usize, busy_ms: u64) -> Vec<ClientPlan> {
    let mut clients: Vec<ClientPlan> = (0..random.between(2, 7))
        .map(|_| ClientPlan {
            document: random.below(documents),
            access: if random.percent(8) { Access::ReadOnly } else { Access::ReadWrite },
            dialect: if random.percent(40) { Dialect::Hocuspocus } else { Dialect::YWebsocket },
            starts_at: if random.percent(60) { random.between(0, 500) } else { random.between(0, busy_ms) },
            edits_ms: random.pick(&[30, 200, 1_000, 6_000]),
            tab: None,
            leaves_ms: random.pick(&[3_000, 15_000, 60_000, 1_000_000]),
        })
        .collect();
    for at in 1..clients.len() {
        let mate = random.below(at);
        let writes = |client: &ClientPlan| client.access == Access::ReadWrite;
        // Who may not write must not hear what the server might not take.
        let pairs = clients[mate].tab.is_none()
            && clients[mate].document == clients[at].document
            && writes(&clients[mate])
            && writes(&clients[at]);
        if pairs && random.percent(40) {
            clients[mate].tab = Some(at);
            clients[at].tab = Some(mate);
        }
    }
    clients
}

fn faults(random: &mut Random, busy_ms: u64, fsync: Fsync) -> Vec<(u64, Fault)> {
    let count = random.pick(&[0, 2, 6, 15]);
    let crashes = random.percent(50);
    let durable = fsync == Fsync::Always;
    let mut faults = Vec::new();
    while faults.len() < count {
        let fault = match random.below(16) {
            0 if crashes => {
                let effects = u32::try_from(random.between(0, 200)).expect("few");
                Fault::Crash { effects, power: durable || random.percent(50) }
            }
            0 => continue,
            1 => Fault::FailWrites(u32::try_from(random.between(1, 6)).expect("few")),
            2 => Fault::FailSyncs(u32::try_from(random.between(1, 6)).expect("few")),
            3 => Fault::FailReads(u32::try_from(random.between(1, 4)).expect("few")),
            4 => Fault::Full { more_bytes: random.between(0, 2_000), ms: random.between(500, 30_000) },
            5 => Fault::SlowDisk { write_ms: random.between(500, 3_000), ms: random.between(2_000, 15_000) },
            6 => Fault::BusyReaders(u32::try_from(random.between(1, 4)).expect("few")),
            7..=9 => Fault::Cut,
            10 | 11 => Fault::HalfDead { ms: random.between(1_000, 60_000) },
            12..=14 => Fault::SlowReader { ms: random.between(500, 45_000) },
            _ => Fault::ClockJump { ms: random.between(1_000, 60_000) },
        };
        faults.push((random.between(500, busy_ms), fault));
    }
    faults
}

/// Limits so small that most of them are reached; but for those that, reached by one, could never be made up for to the others.
fn limits(random: &mut Random, shards: u16, clients: usize, hostiles: usize, documents: usize) -> Config {
    let sessions = u32::try_from(clients + hostiles + 1).expect("few");
    // Honest clients send up to thirty a second, and must have sent all before they are looked at in the end.
    let author_updates_per_second_max = random.pick(&[40, 200, 1_000_000]);
    let document_bytes_max = if random.percent(10) { random.between(1_500, 8_000) } else { 100 << 20 };
    Config {
        shard: ShardId(0),
        shards,
        update: update::Limits { update_bytes_max: 1 << 20, ..update::Limits::default() },
        large_update_bytes: usize::MAX,
        preparing_bytes_max: usize::MAX,
        awareness: awareness::Limits {
            update_bytes_max: 16 * 1024,
            entries_max: 64,
            state_bytes_max: 1024,
            json_depth_max: 16,
        },
        outbox_bytes_max: random.pick(&[64, 300, 2_000, 50_000]),
        sessions_per_document_max: sessions + random.pick(&[0, 1, 50]),
        hot_document_sessions: random.pick(&[1, 2, 3, 1_000]),
        documents_max: u32::try_from(documents).expect("few") + random.pick(&[0, 0, 1, 50]),
        document_bytes_max,
        waiting_bytes_per_session_max: random.pick(&[300, 2_000, 100_000]),
        waiting_bytes_per_document_max: random.pick(&[600, 4_000, 200_000]),
        waiting_timeout_ms: random.pick(&[2_000, 10_000]),
        fan_out_window_max_ms: random.pick(&[0, 16, 16, 200, 1_000]),
        awareness_window_max_ms: random.pick(&[0, 250, 250]),
        awareness_window_per_session_us: random.pick(&[125, 30_000]),
        awareness_entries_max: 3 * (clients + hostiles + 2),
        awareness_entries_per_session_max: random.pick(&[2, 3]).max(clients),
        // One entry of each who is honest and some of others, as long as they are here.
        awareness_bytes_max: random.pick(&[4_000, 1 << 20]),
        document_updates_per_second_max: author_updates_per_second_max * random.pick(&[1, 2]),
        author_updates_per_second_max,
        session_awareness_per_second_max: random.pick(&[30, 1_000]),
        uncommitted_bytes_max: random.pick(&[100, 1_000, 100_000]),
        catch_up_timeout_ms: random.pick(&[5_000, 30_000]),
        document_idle_ms: random.pick(&[0, 1_000, 8_000]),
        snapshot_records: random.pick(&[3, 20, 200]),
        snapshot_bytes: random.pick(&[200, 5_000, 1 << 20]),
    }
}
