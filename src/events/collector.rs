//! The thread that collects events. Does not know where they come from, nor who is told.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use selvedge_shards::TICK_MS;

use super::{Event, Events, Offer};
use crate::priority;
use crate::repeating::{Pause, Repeating};

/// Collects as long as it is there, and once more when it is dropped.
#[derive(Debug)]
pub struct Collector {
    _thread: Repeating,
}

impl Collector {
    pub(super) fn spawn(events: Arc<Events>, offer: Offer) -> io::Result<Self> {
        let run = move |pause: &Pause| {
            priority::stand_back();
            while pause.goes_on_after(Duration::from_millis(TICK_MS)) {
                collect(&events, &offer);
                events.rest(Instant::now());
            }
            collect(&events, &offer);
            events.feed.close();
        };
        Ok(Self { _thread: Repeating::spawn("events", run)? })
    }
}

/// Events of one core stay in its order; those of several are put into that of the clock, as far as that goes.
fn collect(events: &Events, offer: &Offer) {
    let (mut records, mut dropped) = (Vec::new(), 0);
    for tray in &events.trays {
        let batch = tray.take();
        dropped += batch.dropped;
        records.extend(batch.records);
    }
    records.sort_by_key(|record| record.at);
    events.lost.fetch_add(dropped, Ordering::Relaxed);
    let lost = (dropped > 0).then(|| (SystemTime::now(), Event::Lost { count: dropped }));
    let told = events.feed.push(records.into_iter().map(|record| (record.at, record.event)).chain(lost));
    told.iter().for_each(offer);
}
