//! Opening: when the clients of one thread are connected before a scenario runs: at a rate, and never too many at once. Does not know what they
//! are for.

use crate::clock::Micros;
use crate::hands::Hands;
use crate::part::Part;

/// The first `count` clients of a thread.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    count: u32,
    next: u32,
    /// Between two connections of all threads; `None`: as fast as they attach.
    period_us: Option<f64>,
    /// Connections of this thread that may be neither attached nor gone at a time.
    at_once_max: u32,
    /// Set when the first is due.
    start: Option<Micros>,
}

impl Opening {
    /// `rate_per_s` is that of all threads together, above 0.
    pub(crate) fn new(count: u32, rate_per_s: Option<f64>, at_once_max: u32) -> Self {
        Self { count, next: 0, period_us: rate_per_s.map(|rate| 1e6 / rate), at_once_max, start: None }
    }

    /// When the next connection is due.
    pub(crate) fn due(&self, hands: &Hands) -> Option<Micros> {
        if self.next == self.count || hands.opening >= self.at_once_max {
            return None;
        }
        Some(self.intended(hands))
    }

    fn intended(&self, hands: &Hands) -> Micros {
        match (self.period_us, self.start) {
            (Some(period_us), Some(start)) => start + (f64::from(hands.global(self.next)) * period_us) as Micros,
            (Some(_), None) | (None, _) => hands.now(),
        }
    }

    pub(crate) fn act<P: Part>(&mut self, part: &P, hands: &mut Hands) {
        self.start.get_or_insert(hands.now());
        while let Some(intended) = self.due(hands)
            && intended <= hands.now()
        {
            hands.connect(self.next, part.document(self.next, hands), intended);
            self.next += 1;
        }
    }

    /// All are attached or gone.
    pub(crate) fn is_done(&self, hands: &Hands) -> bool {
        self.next == self.count && hands.opening == 0
    }
}
