//! What follows from a change of settings while the server runs: everybody concerned is told, and it is written down. What can change is
//! marked in the table of settings; here stands who has to hear of it.

use std::sync::Arc;

use selvedge_shards::{Config, ShardId};

use super::descriptors::Share;
use super::limits;
use crate::alerts::Thresholds;
use crate::audit::{Audit, Event, SettingHow};
use crate::control::Watch;
use crate::inbox::{Deliver, Note};
use crate::limits::{Budget, LimitRules, Limits};
use crate::logging::Log;
use crate::reactor::{NewRules, Rules};
use crate::settings::live::{Cause, Change, Changed, Follow};
use crate::settings::{Literal, LogLevel, Settings};
use crate::versions::{Changes, Pace, Room, Versions};

/// Everything that follows from settings that can change, and from no others.
#[derive(Debug)]
struct Derived {
    rules: Rules,
    /// The first of them, standing for all.
    shard: Config,
    limits: LimitRules,
    budget: Budget,
    log_level: LogLevel,
    thresholds: Thresholds,
    versions_room: Room,
    versions_pace: Pace,
}

impl Derived {
    fn of(settings: &Settings, shards: u16, share: Share) -> Self {
        Self {
            rules: limits::rules(settings, share),
            shard: limits::shard(settings, ShardId(0), shards),
            limits: limits::shared(settings),
            budget: Budget(settings.memory_max_bytes),
            log_level: settings.log_level,
            thresholds: Thresholds::of(settings),
            versions_room: limits::versions_room(settings),
            versions_pace: limits::versions_pace(settings),
        }
    }
}

/// Those who have to hear of a change.
pub(super) struct Followers {
    pub(super) shards: u16,
    pub(super) share: Share,
    pub(super) deliver: Deliver,
    pub(super) limits: Arc<Limits>,
    pub(super) log: Log,
    pub(super) watch: Arc<Watch>,
    pub(super) versions: Versions,
    /// None where no version is kept by itself.
    pub(super) changes: Option<Arc<Changes>>,
    pub(super) audit: Audit,
}

impl Followers {
    /// To be called for each change.
    pub(super) fn follow(self) -> Follow {
        Box::new(move |changed, cause| {
            self.write_down(changed, cause);
            if !changed.changes.is_empty() {
                self.tell(&changed.revision.effective.settings);
            }
        })
    }

    fn tell(&self, settings: &Settings) {
        let Derived { rules, shard, limits, budget, log_level, thresholds, versions_room, versions_pace } =
            Derived::of(settings, self.shards, self.share);
        self.log.set_level(log_level);
        self.watch.set_thresholds(thresholds);
        self.versions.set_room(versions_room);
        if let Some(changes) = &self.changes {
            changes.set_pace(versions_pace);
        }
        self.limits.set(limits);
        self.limits.pressure.set_budget(budget);
        for core in 0..self.shards {
            let shard = Config { shard: ShardId(core), ..shard.clone() };
            (self.deliver)(usize::from(core), Note::Rules(Box::new(NewRules { rules, shard })));
        }
    }

    fn write_down(&self, changed: &Changed, cause: &Cause) {
        let (how, subject) = match cause {
            Cause::Patched { by } => (SettingHow::Patched, by.clone()),
            Cause::RolledBack { by } => (SettingHow::RolledBack, by.clone()),
            Cause::Reloaded => (SettingHow::Reloaded, None),
        };
        let revision = changed.revision.number;
        for Change { setting, old, new } in &changed.changes {
            let [old, new] = [old, new].map(|value| value.as_ref().map(Literal::to_string));
            let (shown_old, shown_new) = (old.as_deref().unwrap_or("(secret)"), new.as_deref().unwrap_or("(secret)"));
            tracing::info!(
                setting = setting.name,
                old = shown_old,
                new = shown_new,
                revision,
                ?how,
                "a setting has changed"
            );
            self.audit.record(Event::SettingChanged { subject: subject.clone(), how, setting: setting.name, old, new });
        }
        if *cause == Cause::Reloaded {
            for Change { setting, .. } in &changed.revision.pending {
                tracing::warn!(setting = setting.name, "the settings file has another value; it needs a restart");
            }
            if changed.changes.is_empty() {
                tracing::info!(revision, "the settings were read again; nothing that can change now is new");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Effective, SETTINGS, Setting, Sources};

    /// A value that the setting may have, and has not.
    fn another(setting: &Setting, defaults: &Settings) -> Settings {
        let doubled = match (setting.write)(defaults) {
            Literal::Number(number) => [number * 2, number / 2].map(|number| number.to_string()).to_vec(),
            Literal::Bytes(bytes) => [bytes * 2, bytes / 2].map(|bytes| bytes.to_string()).to_vec(),
            Literal::Switch(on) => vec![(!on).to_string()],
            Literal::Text(_) => Vec::new(),
        };
        let allowed = (setting.allowed)();
        let words = allowed.split([',', ' ']).map(str::to_owned);
        let others = ["1", "10.0.0.0/8", "https://a.example", "127.0.0.1:1", "never", "/tmp/a"].map(str::to_owned);
        for value in doubled.into_iter().chain(words).chain(others) {
            let command_line = vec![(setting.name.to_owned(), value)];
            let sources = Sources { command_line, ..Sources::default() };
            // Values that do not go together with defaults are no values to look at.
            if let Ok(effective) = Effective::read(&sources)
                && effective.settings != *defaults
            {
                return effective.settings;
            }
        }
        panic!("no other value of {} is known", setting.name);
    }

    /// All that follows from these settings: what is handed on, and what is asked when it is needed.
    fn derived(settings: &Settings) -> String {
        let share = Share { connections: usize::MAX, tables: 0, is_tight: false };
        format!("{:?} {:?}", Derived::of(settings, 2, share), limits::drain_timeout(settings))
    }

    #[test]
    fn what_is_marked_as_live_is_handed_on_and_nothing_else_is() {
        let defaults = Settings::default();
        let before = derived(&defaults);
        for setting in SETTINGS {
            let after = derived(&another(setting, &defaults));
            assert_eq!(after != before, setting.is_live(), "{}", setting.name);
        }
    }
}
