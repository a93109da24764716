//! Reports as runs make them, for the tests of what shows and compares them. Made up; nothing was measured.

use std::collections::BTreeMap;

use crate::report::{Better, Figure, GeneratorCost, Latency, Machine, Moment, Report, ServerCost};

/// A minute of editing, with everything that a report can hold.
pub(crate) fn edit() -> Report {
    let figure = |name: &str, value, better| Figure { name: name.into(), value, better };
    Report {
        scenario: "edit".into(),
        command: ["edit", "--url", "ws://127.0.0.1:35211", "--writers", "200", "--rate", "50", "--pid", "4242"]
            .map(String::from)
            .to_vec(),
        url: "ws://127.0.0.1:35211".into(),
        version: "0.1.0 (2b4a7eb5d3aa)".into(),
        started_unix_s: 1_795_235_597,
        measured_s: 60.0,
        machine: Machine {
            cpu_model: "Intel(R) Xeon(R) Processor".into(),
            cpus: 4,
            memory_bytes: 25_324_834_816,
            kernel: "6.18.44".into(),
        },
        figures: vec![
            figure("updates_per_second", 10_000.0, Better::Higher),
            figure("deliveries_per_second", 1_234_567.0, Better::Higher),
            figure("connections", 1_200.0, Better::Neither),
            figure("lost_updates", 0.0, Better::Lower),
            figure("kernel_bytes_per_connection", 9_432.0, Better::Lower),
        ],
        latencies: vec![latency("acknowledgement", 600_000, 800.0), latency("delivery", 74_000_000, 190.0)],
        timeline: (-5..60).map(moment).collect(),
        server: Some(ServerCost {
            pid: 4_242,
            user_s: 31.5,
            system_s: 44.25,
            cpu_percent: 126.25,
            resident_before_bytes: 40_000_000,
            resident_bytes: 92_000_000,
            resident_max_bytes: 131_000_000,
            cpu_us_per: BTreeMap::from([("update".into(), 126.25), ("delivery".into(), 1.023)]),
            user_bytes_per_connection: Some(43_333.0),
        }),
        generator: GeneratorCost {
            busy: vec![0.41, 0.39],
            user_s: 20.0,
            system_s: 28.0,
            send_lag_p99_us: 74,
            was_the_limit: false,
        },
        failures: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Times that grow towards the tail as they do in practice: the tenth, hundredth, ... slowest is a few times slower each.
pub(crate) fn latency(name: &str, count: u64, p50_us: f64) -> Latency {
    let at = |percentile: f64| {
        let nines = -(1.0 - percentile / 100.0).max(1e-6).log10();
        (p50_us * 0.7 * 10_f64.powf(nines * 0.5)).round() as u64
    };
    let curve: Vec<(f64, u64)> = (0..=100)
        .map(|step| (1.0 - 10_f64.powf(-f64::from(step) * 0.05)) * 100.0)
        // As it is written, so that it is read again to the last bit.
        .map(|percentile| ((percentile * 1e4).round() / 1e4, at(percentile)))
        .collect();
    Latency {
        name: name.into(),
        count,
        mean_us: p50_us * 1.2,
        max_us: at(100.0),
        percentiles_us: [50.0, 90.0, 95.0, 99.0, 99.9, 99.99].map(|p: f64| (p.to_string(), at(p))).into(),
        curve,
    }
}

fn moment(second: i32) -> Moment {
    let at_s = f64::from(second);
    let opening = BTreeMap::from([("connections".to_string(), f64::from(second + 5) * 240.0)]);
    let swing = ((at_s * 0.4).sin() * 64.0).round() / 64.0;
    let measured = BTreeMap::from([
        ("connections".to_string(), 1_200.0),
        ("updates_per_second".to_string(), 10_000.0 + swing * 128.0),
        ("deliveries_per_second".to_string(), 1_234_567.0 + swing * 20_000.0),
        // One stall, as a compaction makes it.
        ("acknowledgement_p99_us".to_string(), if second == 33 { 42_000.0 } else { 5_600.0 + swing * 896.0 }),
        ("delivery_p99_us".to_string(), 1_330.0 + swing * 192.0),
        ("server_cpu_percent".to_string(), 126.0 + swing * 9.0),
        ("server_resident_bytes".to_string(), 92e6 + at_s * 1e5),
    ]);
    Moment { at_s, values: if second < 0 { opening } else { measured } }
}

/// The same run again, with every latency of this name times `factor`.
pub(crate) fn slower(mut report: Report, name: &str, factor: f64) -> Report {
    for latency in report.latencies.iter_mut().filter(|latency| latency.name == name) {
        for us in latency.percentiles_us.values_mut() {
            *us = (*us as f64 * factor).round() as u64;
        }
    }
    report
}

/// The same run again, with another value for a figure.
pub(crate) fn with_figure(mut report: Report, name: &str, value: f64) -> Report {
    report.figures.iter_mut().filter(|figure| figure.name == name).for_each(|figure| figure.value = value);
    report
}
