//! One seed's world: carries it through its faults, mends everything, lets it become quiet, and asks whether all is as it must be.

use selvedge::persister::Fsync;
use selvedge_shards::{Access, Config, Dialect, DocumentId};
use yrs::updates::decoder::Decode;
use yrs::{Transact, Update};

use crate::agenda::{Agenda, Event};
use crate::checks::Checks;
use crate::client::Client;
use crate::committed::Committed;
use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::edits;
use crate::hostile::Hostile;
use crate::network::{Arrived, Network, Side, Who};
use crate::operator::Operator;
use crate::plan::{ClientPlan, Fault, Plan};
use crate::random::Random;
use crate::server::Server;
use crate::stage::Stage;
use crate::trace::Trace;

/// From the end of the last fault to the quiet of the world.
const QUIET_MS_MAX: u64 = 240_000;
/// How often it is asked whether the world is quiet.
const ASK_MS: u64 = 500;
/// No world has more events than this; one that has runs in circles.
const EVENTS_MAX: u64 = 3_000_000;

/// What a seed came to.
pub(crate) struct Outcome {
    pub(crate) coverage: Coverage,
    pub(crate) hash: u64,
    pub(crate) failure: Option<String>,
}

pub(crate) struct World {
    stage: Stage,
    server: Option<Server>,
    lives: u32,
    clients: Vec<Client>,
    hostiles: Vec<Hostile>,
    events: u64,
    mended: bool,
}

/// Runs one seed to its end.
pub(crate) fn run(seed: u64, verbose: bool) -> Outcome {
    let mut world = World::new(seed, verbose);
    let result = world.live();
    let Stage { coverage, trace, .. } = world.stage;
    Outcome { coverage, hash: trace.hash(), failure: result.err() }
}

impl World {
    fn new(seed: u64, verbose: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        if verbose {
            println!("{plan:#?}");
        }
        let durable = plan.fsync == Fsync::Always;
        let crashes = plan.faults.iter().any(|(_, fault)| matches!(fault, Fault::Crash { .. }));
        let mut stage = Stage {
            agenda: Agenda::default(),
            network: Network::new(plan.kernel_bytes, plan.delay_ms, random.branch()),
            disk: Disk::new(plan.write_ms, plan.read_ms, random.branch()),
            checks: Checks::new(durable, !crashes && !plan.deletes),
            committed: Committed::new(&plan.documents),
            operator: Operator::new(random.branch(), plan.deletes),
            coverage: Coverage::default(),
            trace: Trace::new(verbose),
            clock_ahead_ms: 0,
            random,
            plan,
        };
        for (number, (at, _)) in stage.plan.faults.iter().enumerate() {
            stage.agenda.at(*at, Event::Fault { number });
        }
        if stage.plan.errands_ms.is_some() {
            stage.agenda.at(0, Event::Operator);
        }
        let server = Some(Server::start(0, &mut stage));
        let plans = stage.plan.clients.clone();
        let clients: Vec<Client> =
            plans.into_iter().enumerate().map(|(number, plan)| Client::new(number, plan, &mut stage)).collect();
        let hostiles = (0..stage.plan.hostiles).map(|number| Hostile::new(number, &mut stage)).collect();
        let mut world = Self { stage, server, lives: 0, clients, hostiles, events: 0, mended: false };
        let victims: Vec<u64> = world.clients.iter().map(|client| client.id).collect();
        for hostile in &mut world.hostiles {
            hostile.victims.clone_from(&victims);
        }
        world
    }

    fn live(&mut self) -> Result<(), String> {
        self.run_until(self.stage.plan.busy_ms)?;
        self.mend();
        self.become_quiet("after the faults")?;
        self.join_late();
        self.become_quiet("after the late joiners came")?;
        self.check_store()?;
        self.end()
    }

    fn run_until(&mut self, until: u64) -> Result<(), String> {
        while self.stage.agenda.next_at().is_some_and(|at| at <= until) {
            self.events += 1;
            if self.events > EVENTS_MAX {
                return Err(format!("more than {EVENTS_MAX} events\n{}", self.dump()));
            }
            let event = self.stage.agenda.next().expect("there is one");
            self.happen(event);
            if self.server.as_ref().is_some_and(Server::is_dead) {
                self.die(false);
            }
            if let Some(failure) = self.stage.checks.failure.take() {
                return Err(failure);
            }
        }
        self.stage.agenda.now = until;
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { link, at: Side::Server } => self.arrives_at_server(link),
            Event::Arrive { link, at: Side::Client } => self.arrives_at_client(link),
            Event::Turn { life, core } => self.with_server(life, |server, stage| server.turn(core, stage)),
            Event::Tick { life, core } => self.with_server(life, |server, stage| server.tick(core, stage)),
            Event::Persist { life } => self.with_server(life, |server, stage| server.persist(stage)),
            Event::Persisted { life } => self.with_server(life, |server, stage| server.persisted(stage)),
            Event::Read { life, thread } => self.with_server(life, |server, stage| server.read(thread, stage)),
            Event::Prepared { life, number } => {
                self.with_server(life, |server, stage| server.prepared(number, stage));
            }
            Event::Client { client } => {
                if self.clients[client].look(&mut self.stage) {
                    self.connect(client);
                }
            }
            Event::Tab { client, update } => self.clients[client].hears_from_tab(&update, &mut self.stage),
            Event::Hostile { hostile } => self.hostile_acts(hostile),
            Event::Operator => self.operator_acts(),
            Event::Fault { number } => self.fault(self.stage.plan.faults[number].1),
            Event::Start => {
                self.lives += 1;
                self.stage.trace(format_args!("life {} of the server begins", self.lives));
                self.server = Some(Server::start(self.lives, &mut self.stage));
            }
            Event::Unstall { link } => self.stage.network.unstall(link, &mut self.stage.agenda),
            Event::Broken { link, at } => self.broken(link, at),
        }
    }

    fn with_server(&mut self, life: u32, act: impl FnOnce(&mut Server, &mut Stage)) {
        if let Some(server) = self.server.as_mut().filter(|server| server.life == life) {
            act(server, &mut self.stage);
        }
    }

    // --- connections ---

    fn connect(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let Some(server) = &mut self.server else {
            client.disconnected(None, &mut self.stage);
            return;
        };
        let link = self.stage.network.connect(Who::Client(number));
        let name = self.stage.plan.documents[client.plan.document].clone();
        self.stage.trace(format_args!("client {number} connects by link {link}"));
        if client.plan.access == Access::ReadOnly {
            self.stage.coverage.count("session: read only");
        }
        server.accept(link, &name, client.plan.access, client.plan.dialect, &mut self.stage);
        client.opened(link, &mut self.stage);
    }

    fn arrives_at_server(&mut self, link: usize) {
        let Some(arrived) = self.stage.network.arrive(link, Side::Server, &mut self.stage.agenda) else { return };
        let Some(server) = &mut self.server else { return };
        match arrived {
            Arrived::Bytes(bytes) => server.bytes_came(link, bytes, &mut self.stage),
            Arrived::End => server.ended(link, false, &mut self.stage),
        }
    }

    fn arrives_at_client(&mut self, link: usize) {
        let arrived = self.stage.network.arrive(link, Side::Client, &mut self.stage.agenda);
        if let Some(server) = &mut self.server {
            server.look_at_send(link, &mut self.stage);
        }
        let Some(arrived) = arrived else { return };
        match (self.stage.network.links[link].who, arrived) {
            (Who::Client(client), arrived) => {
                let client = &mut self.clients[client];
                if client.link() != Some(link) {
                    return;
                }
                match arrived {
                    Arrived::Bytes(bytes) => client.receive(&bytes, &mut self.stage),
                    Arrived::End => client.disconnected(None, &mut self.stage),
                }
            }
            (Who::Hostile(hostile), Arrived::Bytes(bytes)) => self.hostiles[hostile].receive(&bytes, &mut self.stage),
            (Who::Hostile(hostile), Arrived::End) => self.hostile_gone(hostile, link),
        }
    }

    fn broken(&mut self, link: usize, at: Side) {
        if !self.stage.network.broken(link, at) {
            return;
        }
        match (at, self.stage.network.links[link].who) {
            (Side::Server, _) => {
                if let Some(server) = &mut self.server {
                    server.ended(link, true, &mut self.stage);
                }
            }
            (Side::Client, Who::Client(client)) if self.clients[client].link() == Some(link) => {
                self.clients[client].disconnected(None, &mut self.stage);
            }
            (Side::Client, Who::Hostile(hostile)) => self.hostile_gone(hostile, link),
            (Side::Client, Who::Client(_)) => {}
        }
    }

    fn hostile_gone(&mut self, hostile: usize, link: usize) {
        if self.hostiles[hostile].link == Some(link) {
            self.stage.network.end(link, Side::Client, &mut self.stage.agenda);
            self.hostiles[hostile].link = None;
        }
    }

    fn hostile_acts(&mut self, number: usize) {
        if self.mended {
            return;
        }
        let delay = self.stage.random.wait(400);
        self.stage.agenda.after(delay, Event::Hostile { hostile: number });
        let hostile = &mut self.hostiles[number];
        if hostile.link.is_some() {
            hostile.act(&mut self.stage);
        } else if let Some(server) = &mut self.server {
            let link = self.stage.network.connect(Who::Hostile(hostile.number));
            if self.stage.random.percent(20) {
                hostile.document = self.stage.random.below(self.stage.plan.documents.len());
            }
            let other = self.stage.random.percent(25);
            let name = if other {
                format!("hostile document {}", self.stage.random.below(20))
            } else {
                self.stage.plan.documents[hostile.document].clone()
            };
            let dialect = if self.stage.random.percent(30) { Dialect::Hocuspocus } else { Dialect::YWebsocket };
            server.accept(link, &name, Access::ReadWrite, dialect, &mut self.stage);
            hostile.link = Some(link);
            if hostile.deaf {
                self.stage.network.stall(link);
            }
        }
    }

    fn operator_acts(&mut self) {
        let Some(about_ms) = self.stage.plan.errands_ms.filter(|_| !self.mended) else { return };
        let delay = self.stage.random.wait(about_ms);
        self.stage.agenda.after(delay, Event::Operator);
        let somebody = self.somebody();
        let Some(server) = &mut self.server else { return };
        let place = somebody.and_then(|(_, link)| server.place(link)).map(|place| (place.core, place.session));
        let Stage { operator, checks, plan, .. } = &mut self.stage;
        if let Some((core, errand)) = operator.act(&plan.documents, plan.shards, place, checks) {
            self.stage.trace(format_args!("core {core} is asked: {errand:?}"));
            server.errand(core, errand, &mut self.stage);
        }
    }

    // --- faults ---

    fn fault(&mut self, fault: Fault) {
        if self.mended {
            return;
        }
        self.stage.trace(format_args!("fault: {fault:?}"));
        let stage = &mut self.stage;
        match fault {
            Fault::Crash { effects: 0, power } => self.die(power),
            Fault::Crash { effects, power } => {
                if let Some(server) = &mut self.server {
                    server.dies_in = Some(effects);
                    server.dies_with_power = power;
                }
            }
            Fault::FailWrites(count) => {
                stage.coverage.count("disk: failed write");
                stage.disk.faults.fail_writes(count);
            }
            Fault::FailSyncs(count) => {
                stage.coverage.count("disk: failed sync");
                stage.disk.faults.fail_syncs(count);
            }
            Fault::FailReads(count) => stage.disk.faults.fail_reads(count),
            Fault::Full { more_bytes, ms } => {
                stage.coverage.count("disk: full");
                stage.disk.fill_until(stage.agenda.now + ms, more_bytes);
            }
            Fault::SlowDisk { write_ms, ms } => {
                stage.disk.slow_until = Some((stage.agenda.now + ms, write_ms));
            }
            Fault::BusyReaders(count) => stage.disk.busy = count,
            Fault::Cut => {
                if let Some((_, link)) = self.somebody() {
                    let stage = &mut self.stage;
                    stage.coverage.count("connection: cut");
                    let learns = [stage.random.wait(500), stage.random.wait(500)];
                    stage.network.cut(link, learns, &mut stage.agenda);
                }
            }
            Fault::HalfDead { ms } => {
                if let Some((client, link)) = self.somebody() {
                    let stage = &mut self.stage;
                    stage.coverage.count("connection: half dead");
                    self.clients[client].abandon(stage.agenda.now);
                    stage.network.vanish(link, ms, &mut stage.agenda);
                }
            }
            Fault::SlowReader { ms } => {
                if let Some((_, link)) = self.somebody() {
                    let stage = &mut self.stage;
                    stage.coverage.count("connection: slow reader");
                    stage.network.stall(link);
                    stage.agenda.after(ms, Event::Unstall { link });
                }
            }
            Fault::OtherLimits { which } => {
                stage.coverage.count("limits: changed");
                let config = stage.plan.other_limits[which].clone();
                if let Some(server) = &mut self.server {
                    server.configure(&config, stage);
                }
                // What was taken under the old ones stays.
                let uncommitted_bytes_max = config.uncommitted_bytes_max.max(stage.plan.config.uncommitted_bytes_max);
                stage.plan.config = Config { uncommitted_bytes_max, ..config };
            }
            Fault::ClockJump { ms } => {
                stage.coverage.count("clock: jump");
                stage.clock_ahead_ms += ms;
            }
        }
    }

    fn somebody(&mut self) -> Option<(usize, usize)> {
        let open: Vec<(usize, usize)> =
            self.clients.iter().filter_map(|client| Some((client.number, client.link()?))).collect();
        (!open.is_empty()).then(|| self.stage.random.pick(&open))
    }

    /// The server dies, with or without the machine, and comes up again.
    fn die(&mut self, power: bool) {
        let Some(server) = self.server.take() else { return };
        self.count(&server);
        let power = power || server.dies_with_power;
        self.stage.trace(format_args!("the server dies, power loss: {power}"));
        if power {
            self.stage.coverage.count("server: crash with power loss");
            self.stage.disk.faults.crash();
        } else {
            self.stage.coverage.count("server: killed");
            self.stage.disk.reopen();
        }
        self.stage.disk.faults.fail_reads(0);
        let Stage { operator, coverage, checks, disk, plan, .. } = &mut self.stage;
        operator.settle(disk, &plan.documents, checks, coverage);
        self.stage.checks.verify(&self.stage.disk, &self.stage.plan.documents);
        self.stage.committed.begin_life(&self.stage.disk);
        let down_ms = self.stage.random.between(10, 3_000);
        self.stage.agenda.after(down_ms, Event::Start);
        for link in 0..self.stage.network.links.len() {
            if self.stage.network.is_here(link, Side::Server) {
                self.stage.network.leave(link, Side::Server);
                let learns = self.stage.random.wait(500);
                self.stage.network.cut(link, [0, learns], &mut self.stage.agenda);
            }
        }
    }

    fn count(&mut self, server: &Server) {
        for counters in server.counters() {
            let coverage = &mut self.stage.coverage;
            coverage.add("session: writer paused", counters.writers_paused);
            coverage.add("session: author paused for its rate", counters.authors_paused);
            coverage.add("session: author paused for its document's rate", counters.document_authors_paused);
            coverage.add("session: paused for its awareness", counters.awareness_paused);
            coverage.add("document: hot", counters.documents_heated);
            coverage.add("update: duplicate", counters.updates_duplicate);
            coverage.add("update: dropped while waiting", counters.updates_dropped);
            coverage.add("update: refused", counters.updates_refused);
            coverage.add("update: denied", counters.updates_denied);
            coverage.add("update: not taken in a stall", counters.updates_stalled);
            coverage.add("update: waited", counters.updates_waited);
            coverage.add("update: taken in part", counters.updates_divided);
            coverage.add("update: waited for a window", counters.fan_outs_delayed);
            coverage.add("awareness: waited for a window", counters.awareness_delayed);
            coverage.add("awareness: ignored", counters.awareness_ignored);
            let compaction = ["compaction: squash", "compaction: smallest", "compaction: collect"];
            coverage.add(compaction[self.stage.plan.compaction], counters.snapshots);
        }
        for counters in server.pulse_counters() {
            let coverage = &mut self.stage.coverage;
            coverage.add("connection: heartbeat", counters.heartbeats);
            coverage.add("connection: round trip measured", counters.round_trips);
            coverage.add("connection: stale", counters.stale);
        }
    }

    // --- the end ---

    /// Nothing goes wrong any more, nobody edits, and all who are honest come back.
    fn mend(&mut self) {
        self.mended = true;
        let stage = &mut self.stage;
        let now = stage.agenda.now;
        stage.trace(format_args!("everything is mended"));
        stage.disk.mend();
        if let Some(server) = &mut self.server {
            server.dies_in = None;
        }
        for link in 0..stage.network.links.len() {
            stage.network.unstall(link, &mut stage.agenda);
        }
        for hostile in &mut self.hostiles {
            if let Some(link) = hostile.link.take() {
                stage.network.end(link, Side::Client, &mut stage.agenda);
            }
        }
        for client in &mut self.clients {
            client.calm_down(now);
        }
    }

    fn become_quiet(&mut self, when: &str) -> Result<(), String> {
        let until = self.stage.agenda.now + QUIET_MS_MAX;
        loop {
            self.run_until(self.stage.agenda.now + ASK_MS)?;
            let Some(missing) = self.restless() else {
                self.stage.trace(format_args!("quiet {when}"));
                return Ok(());
            };
            if self.stage.agenda.now > until {
                return Err(format!("not quiet {when}: {missing}\n{}", self.dump()));
            }
        }
    }

    /// Why the world is not quiet yet.
    fn restless(&self) -> Option<String> {
        let Some(server) = &self.server else { return Some("the server is down".to_owned()) };
        if !server.is_quiet() {
            return Some("the server works".to_owned());
        }
        // A reader keeps what it saw before a crash took it from the server. If its author does not come back, nobody can bring it again;
        // hostile ones and those who are no session never do.
        if let Some(waits) = self.stage.operator.waits_for() {
            return Some(waits);
        }
        let orphaned = |client: &Client| {
            let deleted = self.stage.checks.was_deleted(client.plan.document);
            let same = |other: &Client| other.given_up && other.plan.document == client.plan.document;
            let outsiders = self.stage.plan.errands_ms.is_some();
            let bereft = deleted || outsiders || !self.hostiles.is_empty() || self.clients.iter().any(same);
            client.plan.access == Access::ReadOnly && bereft
        };
        let staying: Vec<&Client> = self.clients.iter().filter(|client| !client.given_up).collect();
        if let Some(waits) =
            staying.iter().find_map(|client| client.waits_for(self.stage.checks.was_deleted(client.plan.document)))
        {
            return Some(waits);
        }
        for document in 0..self.stage.plan.documents.len() {
            let members: Vec<&Client> =
                staying.iter().copied().filter(|client| client.plan.document == document).collect();
            let held: Vec<&Client> = members.iter().copied().filter(|client| !orphaned(client)).collect();
            if let Some(difference) = differ(&held, self.stage.checks.was_deleted(document)).or_else(|| blind(&members))
            {
                return Some(difference);
            }
        }
        None
    }

    fn join_late(&mut self) {
        for document in 0..self.stage.plan.documents.len() {
            let number = self.clients.len();
            self.stage.coverage.count("late joiner");
            let plan = ClientPlan {
                document,
                access: Access::ReadWrite,
                dialect: Dialect::YWebsocket,
                starts_at: 0,
                edits_ms: 1_000,
                tab: None,
                leaves_ms: 1_000_000,
            };
            let mut client = Client::new(number, plan, &mut self.stage);
            client.calm_down(self.stage.agenda.now);
            self.clients.push(client);
        }
    }

    /// What is stored is what everybody has.
    fn check_store(&mut self) -> Result<(), String> {
        self.stage.checks.verify(&self.stage.disk, &self.stage.plan.documents);
        if let Some(failure) = self.stage.checks.failure.take() {
            return Err(failure);
        }
        for (number, name) in self.stage.plan.documents.iter().enumerate() {
            let stored = edits::document(1);
            if let Some(state) = self.stage.disk.state(DocumentId::of(name)) {
                let update =
                    Update::decode_v1(state.update()).map_err(|error| format!("{name:?} is stored as {error}"))?;
                stored.transact_mut().apply_update(update).map_err(|error| format!("{name:?} is stored as {error}"))?;
            }
            let members = self.clients.iter().filter(|client| {
                client.plan.document == number && !client.given_up && client.plan.access == Access::ReadWrite
            });
            for client in members {
                let bereft = self.stage.checks.was_deleted(number);
                let (has, is) = (edits::content(&client.doc, bereft), edits::content(&stored, bereft));
                if has != is {
                    return Err(format!("client {} has\n{has:?}\nstored is\n{is:?}", client.number));
                }
            }
        }
        Ok(())
    }

    /// Everybody leaves, and nothing is left.
    fn end(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            client.leave(&mut self.stage);
            client.given_up = true;
        }
        // Half-dead connections, the time of idle documents, and some more.
        let idle_ms = self.stage.plan.config.document_idle_ms;
        self.run_until(self.stage.agenda.now + idle_ms + 75_000)?;
        let server = self.server.take().ok_or("the server is down at the end")?;
        self.count(&server);
        for (core, counters) in server.counters().iter().enumerate() {
            if (counters.sessions, counters.documents, counters.uncommitted_bytes) != (0, 0, 0) || !server.is_quiet() {
                return Err(format!("core {core} has kept something: {counters:?}\n{}", server.dump()));
            }
        }
        Ok(())
    }

    fn dump(&self) -> String {
        let mut text = format!("at {} after {} events\n", self.stage.agenda.now, self.events);
        for client in &self.clients {
            let (number, id) = (client.number, client.id);
            let waits = client.waits_for(false).unwrap_or_default();
            text +=
                &format!("client {number} ({id}) edits {}, given up {}: {waits}\n", client.changes, client.given_up);
        }
        text + &self.server.as_ref().map(Server::dump).unwrap_or_default()
    }
}

/// What these clients of one document do not agree on.
fn differ(members: &[&Client], bereft: bool) -> Option<String> {
    let (first, others) = members.split_first()?;
    let content = edits::content(&first.doc, bereft);
    for other in others {
        let theirs = edits::content(&other.doc, bereft);
        if content != theirs {
            let (a, b) = (first.number, other.number);
            return Some(format!("clients {a} and {b} differ:\n{content:?}\n{theirs:?}"));
        }
    }
    None
}

/// Who of these clients of one document does not see who is there.
fn blind(members: &[&Client]) -> Option<String> {
    let expected = members.iter().filter_map(|client| Some((client.id, client.own_state()?.to_owned()))).collect();
    let blind = members.iter().find(|client| *client.present() != expected)?;
    Some(format!("client {} sees {:?}, present are {expected:?}", blind.number, blind.present()))
}
