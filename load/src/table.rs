//! What stands on the terminal at the end of a run. Plain text of at most [`COLUMNS`] columns; does not know what is good.

use std::fmt::Write;

use crate::date::date_text;
use crate::printable::{printable, wrapped};
use crate::report::{GeneratorCost, Latency, Report, ServerCost};
use crate::unit::{MICROSECONDS, Unit, number};

/// The width of a terminal that is not wide.
const COLUMNS: usize = 100;

/// Of what stands before a value.
const NAME_COLUMNS: usize = 34;

/// Of the name in a row of latencies, the number of samples, and each time.
const KIND_COLUMNS: usize = 17;
const COUNT_COLUMNS: usize = 13;
const TIME_COLUMNS: usize = 10;

/// Which percentiles have a column; all else is in the JSON.
const PERCENTILES: [&str; 6] = ["50", "90", "95", "99", "99.9", "99.99"];

const _: () = assert!(KIND_COLUMNS + COUNT_COLUMNS + (PERCENTILES.len() + 1) * TIME_COLUMNS <= COLUMNS);

/// How many of each kind of line there may be; a file may hold millions. What is left out is counted.
const LINES_MAX: usize = 64;

/// All of a run.
pub(crate) fn render(report: &Report) -> String {
    let mut lines = heading(report);
    section(
        &mut lines,
        "",
        bounded(&report.figures, |figure| row(&figure.name, &Unit::of(&figure.name).text(figure.value))),
    );
    section(&mut lines, &latency_header(), bounded(&report.latencies, latency));
    if let Some(cost) = &report.server {
        section(&mut lines, &format!("server (process {})", cost.pid), server(cost));
    }
    section(&mut lines, "load generator", generator(&report.generator));
    section(&mut lines, "", told("warning", &report.warnings));
    section(&mut lines, "", told("FAILED", &report.failures));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn heading(report: &Report) -> Vec<String> {
    let title = format!("{}: {}", report.scenario, report.url);
    let run = format!(
        "{}, {} measured, selvedge-load {}",
        date_text(report.started_unix_s),
        Unit::Time { micros: 1_000_000 }.text(report.measured_s),
        report.version
    );
    let machine = report.machine.to_string();
    let mut lines = vec![printable(&title, COLUMNS), printable(&run, COLUMNS), printable(&machine, COLUMNS)];
    let command = wrapped(&format!("selvedge-load {}", report.command.join(" ")), COLUMNS - 2);
    lines.extend(command.iter().take(LINES_MAX).map(|line| format!("  {line}")));
    lines
}

/// Nothing at all where there is nothing in it.
fn section(lines: &mut Vec<String>, title: &str, rows: Vec<String>) {
    if rows.is_empty() {
        return;
    }
    lines.push(String::new());
    if !title.is_empty() {
        lines.push(title.into());
    }
    lines.extend(rows);
}

fn bounded<T>(values: &[T], row: impl Fn(&T) -> String) -> Vec<String> {
    let mut rows: Vec<String> = values.iter().take(LINES_MAX).map(row).collect();
    if values.len() > LINES_MAX {
        rows.push(format!("and {} more", number((values.len() - LINES_MAX) as f64)));
    }
    rows
}

fn row(name: &str, value: &str) -> String {
    format!("{:<NAME_COLUMNS$}{value:>24}", printable(name, NAME_COLUMNS - 1))
}

fn latency_header() -> String {
    let mut line = format!("{:<KIND_COLUMNS$}{:>COUNT_COLUMNS$}", "latency", "samples");
    for name in PERCENTILES {
        write!(line, "{:>TIME_COLUMNS$}", format!("p{name}")).expect("a string takes all");
    }
    write!(line, "{:>TIME_COLUMNS$}", "max").expect("a string takes all");
    line
}

fn latency(latency: &Latency) -> String {
    let mut line = printable(&latency.name, KIND_COLUMNS - 1);
    line = format!("{line:<KIND_COLUMNS$}{:>COUNT_COLUMNS$}", number(latency.count as f64));
    let times = PERCENTILES.iter().map(|name| latency.percentiles_us.get(*name).copied());
    for time in times.chain([Some(latency.max_us)]) {
        // A run without samples has no times.
        let text = time.filter(|_| latency.count > 0).map_or("-".into(), |time| MICROSECONDS.text(time as f64));
        write!(line, " {:>width$}", printable(&text, TIME_COLUMNS - 1), width = TIME_COLUMNS - 1)
            .expect("a string takes all");
    }
    line
}

fn cpu(user_s: f64, system_s: f64) -> String {
    let seconds = Unit::Time { micros: 1_000_000 };
    format!("{} user, {} system", seconds.text(user_s), seconds.text(system_s))
}

fn server(cost: &ServerCost) -> Vec<String> {
    let bytes = |bytes: u64| Unit::Bytes.text(bytes as f64);
    let mut rows = vec![
        row("CPU, of one core", &Unit::Percent.text(cost.cpu_percent))
            + &format!("  ({})", cpu(cost.user_s, cost.system_s)),
    ];
    for (name, micros) in cost.cpu_us_per.iter().take(LINES_MAX) {
        rows.push(row(&format!("CPU per {}", printable(name, NAME_COLUMNS)), &MICROSECONDS.text(*micros)));
    }
    rows.push(
        row("resident memory", &bytes(cost.resident_bytes))
            + &format!("  (before {}, at most {})", bytes(cost.resident_before_bytes), bytes(cost.resident_max_bytes)),
    );
    if let Some(each) = cost.user_bytes_per_connection {
        rows.push(row("resident memory per connection", &Unit::Bytes.text(each)));
    }
    rows
}

fn generator(cost: &GeneratorCost) -> Vec<String> {
    let busiest = cost.busy.iter().copied().fold(0.0, f64::max);
    let threads =
        format!("  (busiest of {} {})", cost.busy.len(), if cost.busy.len() == 1 { "thread" } else { "threads" });
    let mut rows = vec![
        row("busy", &Unit::Ratio.text(busiest)) + &threads,
        row("CPU", &Unit::Time { micros: 1_000_000 }.text(cost.user_s + cost.system_s))
            + &format!("  ({})", cpu(cost.user_s, cost.system_s)),
        row("sent late, p99", &MICROSECONDS.text(cost.send_lag_p99_us as f64)),
    ];
    if cost.was_the_limit {
        rows.push(
            "The load generator was probably the limit, not the server: what is above is too bad to be true.".into(),
        );
    }
    rows
}

/// Each on lines of its own, after a word that can be searched for.
fn told(word: &str, texts: &[String]) -> Vec<String> {
    let indent = word.len() + 2;
    let mut rows = Vec::new();
    for text in texts.iter().take(LINES_MAX) {
        for (position, line) in wrapped(text, COLUMNS - indent).iter().take(LINES_MAX).enumerate() {
            rows.push(if position == 0 { format!("{word}: {line}") } else { format!("{:indent$}{line}", "") });
        }
    }
    if texts.len() > LINES_MAX {
        rows.push(format!("{word}: and {} more", number((texts.len() - LINES_MAX) as f64)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_run_is_shown_whole() {
        let mut report = sample::edit();
        report.warnings = vec!["the machine has 4 CPUs, and server and load share them ".repeat(3)];
        report.failures = vec!["3 updates never came back".into()];
        let text = render(&report);
        let expected = "\
edit: ws://127.0.0.1:35211
2026-11-21 04:33:17 UTC, 60.0 s measured, selvedge-load 0.1.0 (2b4a7eb5d3aa)
Intel(R) Xeon(R) Processor, 4 CPUs, 23.6 GiB, kernel 6.18.44
  selvedge-load edit --url ws://127.0.0.1:35211 --writers 200 --rate 50 --pid 4242

updates_per_second                                10,000/s
deliveries_per_second                          1,234,567/s
connections                                          1,200
lost_updates                                             0
kernel_bytes_per_connection                       9.21 KiB

latency                samples       p50       p90       p95       p99     p99.9    p99.99       max
acknowledgement        600,000    792 us   1.77 ms   2.50 ms   5.60 ms   17.7 ms   56.0 ms    560 ms
delivery            74,000,000    188 us    421 us    595 us   1.33 ms   4.21 ms   13.3 ms    133 ms

server (process 4242)
CPU, of one core                                     126 %  (31.5 s user, 44.2 s system)
CPU per delivery                                   1.02 us
CPU per update                                      126 us
resident memory                                   87.7 MiB  (before 38.1 MiB, at most 125 MiB)
resident memory per connection                    42.3 KiB

load generator
busy                                                41.0 %  (busiest of 2 threads)
CPU                                                 48.0 s  (20.0 s user, 28.0 s system)
sent late, p99                                       74 us

warning: the machine has 4 CPUs, and server and load share them the machine has 4 CPUs, and server
         and load share them the machine has 4 CPUs, and server and load share them

FAILED: 3 updates never came back
";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn a_run_that_found_nothing_is_shown_too() {
        let mut report = sample::edit();
        report.figures.clear();
        report.server = None;
        report.latencies = vec![sample::latency("open", 0, 0.0)];
        report.generator.was_the_limit = true;
        let text = render(&report);
        assert!(text.contains("open                         0         -         -"), "{text}");
        assert!(!text.contains("server") || text.contains("not the server"), "{text}");
        assert!(text.contains("probably the limit") && !text.contains("\n\n\n"), "{text}");
    }

    #[test]
    fn no_file_makes_it_wider_or_endless() {
        let mut report = sample::edit();
        let long = "x\u{1b}[31m".repeat(500);
        let figure = report.figures[0].clone();
        for value in [f64::MAX, f64::MIN_POSITIVE, -1.0] {
            report.figures.push(crate::report::Figure { name: long.clone(), value, ..figure.clone() });
        }
        report.latencies[0] = crate::report::Latency {
            name: long.clone(),
            count: u64::MAX,
            max_us: u64::MAX,
            ..report.latencies[0].clone()
        };
        report.latencies[0].percentiles_us.insert("99.99".into(), u64::MAX);
        report.warnings = vec![long.clone(); 10_000];
        report.failures = vec![format!("{long} {long}"); 10_000];
        report.url = long.clone();
        report.scenario = long.clone();
        report.version = long.clone();
        report.machine.cpu_model = long.clone();
        report.command = vec![long.clone(); 10_000];
        report.started_unix_s = u64::MAX;
        report.measured_s = f64::MAX;
        let server = report.server.as_mut().expect("the sample has one");
        server.cpu_us_per.insert(long.clone(), f64::MAX);
        server.cpu_percent = f64::MAX;
        server.resident_bytes = u64::MAX;
        server.resident_before_bytes = u64::MAX;
        server.resident_max_bytes = u64::MAX;
        server.user_s = f64::MAX;
        server.system_s = f64::MAX;
        report.generator.send_lag_p99_us = u64::MAX;
        let text = render(&report);
        assert!(!text.contains('\u{1b}'));
        assert!(text.lines().count() < 10 * LINES_MAX);
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
        }
    }
}
