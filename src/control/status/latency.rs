//! How long things took, as others read it.

use serde::Serialize;

use super::rounded;
use crate::instruments::Histogram;

/// In milliseconds; nothing but the count where there was nothing.
#[derive(Serialize)]
pub(super) struct Latency {
    average: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    /// To an eighth.
    max: Option<f64>,
    pub(super) count: u64,
}

impl Latency {
    /// Of microseconds.
    pub(super) fn of(histogram: &Histogram) -> Self {
        let ms = |us: f64| rounded(us / 1_000.0);
        let quantile = |part| histogram.quantile(part).map(ms);
        Self {
            average: histogram.mean().map(ms),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: histogram.largest().map(|us| ms(us as f64)),
            count: histogram.count(),
        }
    }
}
