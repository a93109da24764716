//! What somebody should be told of: raised when it has held for a while, kept while it nearly holds, resolved when it is over. Time and figures
//! come in, changes go out. Does not know where figures come from, nor who is told.

mod growth;
mod kind;
mod thresholds;

pub use growth::{Growth, Outlook};
pub use kind::{COMPARED, Kind, Severity, Worse};
pub use thresholds::{Live, SlowMs, Thresholds};

/// A figure that does not pass its bound any more keeps its alert while it is within this part of the bound: one that wavers around it would
/// raise and resolve it without end.
const HYSTERESIS: f64 = 0.9;

/// What is so now of one kind of alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Which.
    pub kind: Kind,
    /// In the unit of the kind; nothing where it cannot be said, which alarms nobody.
    pub value: Option<f64>,
    /// From where on it is a warning.
    pub warning: Option<f64>,
    /// And critical.
    pub critical: Option<f64>,
}

/// An alert that is raised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    /// Which.
    pub kind: Kind,
    /// How bad.
    pub severity: Severity,
    /// Since when, in the milliseconds that came in. It stays when the severity changes.
    pub since_ms: u64,
    /// The latest figure that was known.
    pub value: f64,
    /// The bound of its severity.
    pub threshold: f64,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// The alert as it is now; of one that is resolved, as it was last.
    pub alert: Alert,
    /// How bad it was before; nothing where it is new.
    pub before: Option<Severity>,
    /// It is over.
    pub resolved: bool,
}

/// All kinds, and how each stands.
#[derive(Clone, Debug)]
pub struct Alerts([State; Kind::COUNT]);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    raised: Option<Alert>,
    /// Since when the bound of each severity has been passed without a break.
    passed_since_ms: [Option<u64>; Severity::ALL.len()],
    /// Since when what is raised has no longer been true.
    eased_since_ms: Option<u64>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self([State::default(); Kind::COUNT])
    }
}

impl Alerts {
    /// Takes in what is so now. A kind that is not among the readings is as one without a value.
    pub fn judge(&mut self, now_ms: u64, readings: &[Reading]) -> Vec<Transition> {
        let of = |kind| readings.iter().find(|reading| reading.kind == kind).copied();
        let states = Kind::all().zip(&mut self.0);
        let judge = |(kind, state): (Kind, &mut State)| state.judge(now_ms, of(kind).unwrap_or(Reading::nothing(kind)));
        states.filter_map(judge).collect()
    }

    /// Those that are raised, the worst first.
    #[must_use]
    pub fn raised(&self) -> Vec<Alert> {
        let mut raised: Vec<Alert> = self.0.iter().filter_map(|state| state.raised).collect();
        raised.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.since_ms));
        raised
    }
}

impl Reading {
    fn nothing(kind: Kind) -> Self {
        Self { kind, value: None, warning: None, critical: None }
    }

    fn bound(&self, severity: Severity) -> Option<f64> {
        match severity {
            Severity::Warning => self.warning,
            Severity::Critical => self.critical,
        }
    }

    /// The worst severity whose bound is passed. What is raised passes its own a little earlier.
    fn level(&self, raised: Option<Severity>) -> Option<Severity> {
        let value = self.value?;
        let passes = |severity: &Severity| {
            let keeps = raised.is_some_and(|raised| raised >= *severity);
            self.bound(*severity).is_some_and(|bound| match self.kind.worse() {
                Worse::Above => value >= if keeps { bound * HYSTERESIS } else { bound },
                Worse::Below => value <= if keeps { bound / HYSTERESIS } else { bound },
            })
        };
        Severity::ALL.into_iter().rev().find(passes)
    }
}

impl State {
    fn judge(&mut self, now_ms: u64, reading: Reading) -> Option<Transition> {
        let before = self.raised.map(|alert| alert.severity);
        let level = reading.level(before);
        for (severity, since_ms) in Severity::ALL.into_iter().zip(&mut self.passed_since_ms) {
            *since_ms = (level >= Some(severity)).then(|| since_ms.unwrap_or(now_ms));
        }
        self.eased_since_ms = (level < before).then(|| self.eased_since_ms.unwrap_or(now_ms));
        if let (Some(alert), Some(value)) = (&mut self.raised, reading.value) {
            alert.value = value;
            alert.threshold = reading.bound(alert.severity).unwrap_or(alert.threshold);
        }
        let has_held =
            |since_ms: Option<u64>, for_ms| since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= for_ms);
        let held =
            |severity: &Severity| has_held(self.passed_since_ms[*severity as usize], reading.kind.raised_after_ms());
        let worse = Severity::ALL.into_iter().rev().find(held).filter(|&severity| Some(severity) > before);
        if let Some(severity) = worse {
            let since_ms = self.raised.map_or(now_ms, |alert| alert.since_ms);
            return self.raise(severity, since_ms, reading).map(|alert| Transition { alert, before, resolved: false });
        }
        if !has_held(self.eased_since_ms, reading.kind.resolved_after_ms()) {
            return None;
        }
        self.eased_since_ms = None;
        let alert = self.raised.take()?;
        let lesser = level.and_then(|severity| self.raise(severity, alert.since_ms, reading));
        Some(Transition { alert: lesser.unwrap_or(alert), before, resolved: lesser.is_none() })
    }

    fn raise(&mut self, severity: Severity, since_ms: u64, reading: Reading) -> Option<Alert> {
        let (value, threshold) = (reading.value?, reading.bound(severity)?);
        self.raised = Some(Alert { kind: reading.kind, severity, since_ms, value, threshold });
        self.raised
    }
}

#[cfg(test)]
mod tests;
