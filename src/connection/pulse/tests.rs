//! Pulses of made-up connections in made-up time.

use super::*;

/// As the settings are by default.
fn pace() -> Pace {
    Pace::new(10_000, 20_000, 60_000, 120_000)
}

/// A connection whose socket takes everything at once.
struct Patient {
    pulse: Pulse,
    dialect: Dialect,
    spread: u32,
    round: u32,
    now: u64,
    /// Messages and pings, by time.
    messages: Vec<u64>,
    pings: Vec<u64>,
}

impl Patient {
    fn new(dialect: Dialect, spread: u32, now: u64) -> Self {
        let pulse = Pulse::new(Now(now));
        Self { pulse, dialect, spread, round: 0, now, messages: Vec::new(), pings: Vec::new() }
    }

    /// The next look, so much later. Where it answers, the answer takes so long.
    fn look(&mut self, later_ms: u64, answers_after_ms: Option<u32>) -> Beat {
        self.now += later_ms;
        self.round += 1;
        let now = Now(self.now);
        let turn = self.round.wrapping_add(self.spread);
        let look = Look { now, turn, spread: self.spread, pace: &pace(), dialect: self.dialect };
        let beat = self.pulse.look(&look);
        if let Beat::Send { message, ping } = beat {
            if message {
                self.pulse.sent(now);
                self.messages.push(self.now);
            }
            if ping {
                self.pulse.asked(self.dialect, now);
                self.pings.push(self.now);
                if let Some(ms) = answers_after_ms {
                    self.pulse.heard();
                    assert!(self.pulse.answered(ms));
                }
            }
        }
        beat
    }
}

/// Small, repeatable and good enough.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn whatever_happens_a_peer_that_waits_for_messages_is_sent_one_within_25_seconds() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let dialect = if dice.below(2) == 0 { Dialect::YWebsocket } else { Dialect::Hocuspocus };
        let start = dice.below(1 << 40);
        let mut patient = Patient::new(dialect, u32::try_from(dice.below(1 << 16)).expect("16 bits"), start);
        let mut last = start;
        let chatty = dice.below(3);
        for _ in 0..2_000 {
            // As late as a look may be.
            let later = Pace::LOOK_MS - 100 + dice.below(400);
            let answers = (dice.below(3) > 0).then(|| u32::try_from(1 + dice.below(3_000)).expect("small"));
            let beat = patient.look(later, answers);
            assert!(patient.now - last < 25_000, "seed {seed}: {} ms of silence", patient.now - last);
            if beat == Beat::Stale {
                break;
            }
            if patient.messages.last() == Some(&patient.now) {
                last = patient.now;
            }
            if dice.below(10) < chatty {
                patient.pulse.sent(Now(patient.now));
                last = patient.now;
            }
            if dice.below(4) == 0 {
                patient.pulse.heard();
            }
            if dice.below(20) == 0 {
                patient.pulse.cannot_answer();
            }
        }
    }
}

#[test]
fn who_does_well_is_sent_a_message_every_20_seconds_and_asked_every_17_minutes() {
    for spread in [0, 1, 77, 40_503] {
        let mut patient = Patient::new(Dialect::YWebsocket, spread, 5_000_000);
        for _ in 0..1_800 {
            patient.look(Pace::LOOK_MS, Some(15));
        }
        let hour = |times: &[u64]| times.iter().filter(|&&at| at > 5_000_000 + 60_000).count();
        assert!((150..=212).contains(&hour(&patient.messages)), "{} messages", hour(&patient.messages));
        assert!((3..=4).contains(&hour(&patient.pings)), "{} pings", hour(&patient.pings));
        assert!(patient.pings[0] <= 5_000_000 + 17_000, "measured soon after opening");
        assert_eq!(patient.pulse.quality(), Quality::Excellent);
    }
}

#[test]
fn who_does_badly_is_sent_something_every_10_seconds_and_asked_more_often() {
    let mut patient = Patient::new(Dialect::YWebsocket, 3, 0);
    for _ in 0..300 {
        patient.look(Pace::LOOK_MS, Some(2_000));
    }
    assert_eq!(patient.pulse.quality(), Quality::Poor);
    let gaps: Vec<u64> = patient.messages.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (6_000..=12_000).contains(gap)), "{gaps:?}");
    assert!((15..=30).contains(&patient.pings.len()), "{} pings in ten minutes", patient.pings.len());
}

#[test]
fn peers_that_wait_for_no_message_are_sent_a_ping_a_minute_and_nothing_else() {
    let mut patient = Patient::new(Dialect::Plain, 9, 0);
    for _ in 0..600 {
        patient.look(Pace::LOOK_MS, Some(5));
    }
    assert!(patient.messages.is_empty());
    let gaps: Vec<u64> = patient.pings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (50_000..=64_000).contains(gap)), "{gaps:?}");
    assert!(patient.pings[0] > 50_000, "conformance suites are not disturbed by pings that they did not ask for");
}

#[test]
fn who_answers_nothing_is_given_up_and_not_before_it_was_asked_often() {
    for dialect in [Dialect::YWebsocket, Dialect::Hocuspocus, Dialect::Plain] {
        let mut patient = Patient::new(dialect, 5, 70_000_000);
        let mut looks = 0;
        while patient.look(Pace::LOOK_MS, None) != Beat::Stale {
            looks += 1;
            assert!(looks < 150, "{dialect:?}");
        }
        assert!(patient.pings.len() >= usize::from(QUESTIONS_MAX));
        let asked_for = patient.now - patient.pings[0];
        assert!((108_000..=130_000).contains(&asked_for), "{dialect:?}: after {asked_for} ms");
        assert_eq!(patient.pulse.quality(), Quality::Poor);
    }
}

#[test]
fn a_sign_of_life_now_and_then_is_enough() {
    let mut patient = Patient::new(Dialect::YWebsocket, 5, 0);
    for look in 0..5_000 {
        assert_ne!(patient.look(Pace::LOOK_MS, None), Beat::Stale, "look {look}");
        if look % 50 == 0 {
            patient.pulse.heard();
        }
    }
}

#[test]
fn silence_of_one_that_cannot_answer_says_nothing() {
    let mut patient = Patient::new(Dialect::YWebsocket, 5, 0);
    for _ in 0..5_000 {
        assert_ne!(patient.look(Pace::LOOK_MS, None), Beat::Stale);
        patient.pulse.cannot_answer();
    }
}

#[test]
fn one_question_has_one_answer() {
    let mut pulse = Pulse::new(Now(0));
    assert!(!pulse.answered(1), "nothing was asked");
    pulse.asked(Dialect::YWebsocket, Now(1_000));
    pulse.heard();
    assert!(pulse.answered(300), "something else may have come first");
    assert!(!pulse.answered(1));
}

#[test]
fn neighbours_that_came_together_are_not_sent_messages_together() {
    let mut at = std::collections::BTreeMap::<u64, u32>::new();
    for index in 0..4_000_u32 {
        let mut patient = Patient::new(Dialect::YWebsocket, index.wrapping_mul(0x9e37_79b9) >> 16, 0);
        for _ in 0..100 {
            patient.look(Pace::LOOK_MS, Some(10));
        }
        let late = patient.messages.iter().filter(|&&at| at >= 100_000);
        late.for_each(|&time| *at.entry(time).or_default() += 1);
    }
    let (most, looks) = (at.values().max().expect("messages were sent"), at.len());
    assert!(looks >= 45 && *most <= 4_000 / 3, "{most} of 4,000 in one of {looks} looks");
}
