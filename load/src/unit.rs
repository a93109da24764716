//! What a number is a number of, as its name says (`updates_per_second`, `delivery_p99_us`), and how it is written for people. It does not
//! know whose number it is.

/// What a name's ending says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    PerSecond,
    /// A time, kept in this many microseconds each.
    Time {
        micros: u32,
    },
    Bytes,
    Percent,
    /// A share of 1.
    Ratio,
    /// Anything that is counted.
    Count,
}

/// Microseconds, as latencies are kept.
pub(crate) const MICROSECONDS: Unit = Unit::Time { micros: 1 };

impl Unit {
    /// Of what a name stands for. Names put their unit last, except that what it is divided by may follow: `bytes_per_connection`.
    pub(crate) fn of(name: &str) -> Self {
        let (name, divided) = match name.rsplit_once("_per_") {
            Some((_, "second" | "s")) => return Self::PerSecond,
            Some((divided, _)) => (divided, true),
            None => (name, false),
        };
        match name.rsplit_once('_').map_or(name, |(_, last)| last) {
            "us" => MICROSECONDS,
            "ms" => Self::Time { micros: 1_000 },
            "s" | "seconds" => Self::Time { micros: 1_000_000 },
            "bytes" => Self::Bytes,
            "percent" if !divided => Self::Percent,
            "ratio" if !divided => Self::Ratio,
            _ => Self::Count,
        }
    }

    /// With the unit, no longer than 24 columns, so that a column of them can be aligned.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", number(value)),
            Self::Time { micros } => time(value * f64::from(micros)),
            Self::Bytes => bytes(value),
            Self::Percent => format!("{} %", fixed(value)),
            Self::Ratio => format!("{} %", fixed(value * 100.0)),
            Self::Count => number(value),
        }
    }

    /// What stands beside an axis.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::PerSecond => "per second",
            Self::Time { .. } => "latency",
            Self::Bytes => "bytes",
            Self::Percent => "percent",
            Self::Ratio => "share",
            Self::Count => "count",
        }
    }
}

/// Above this, digits say nothing; files of others may hold any number.
const LARGE: f64 = 1e15;

/// `1,234,567`, and with one or two digits after the point where it is small.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || size >= LARGE || (size > 0.0 && size < 0.001) {
        format!("{value:.2e}")
    } else if size < 100.0 && value.fract() != 0.0 {
        let digits = if size < 0.1 { 4 } else { 2 };
        format!("{value:.digits$}")
    } else {
        grouped(value.round())
    }
}

fn grouped(whole: f64) -> String {
    let digits = format!("{:.0}", whole.abs());
    let mut text = String::from(if whole < 0.0 { "-" } else { "" });
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits that matter: `850 us`, `1.20 ms`, `12.0 s`.
fn time(micros: f64) -> String {
    let size = micros.abs();
    if !size.is_finite() || size >= LARGE {
        format!("{:.2e} s", micros / 1e6)
    } else if size >= 999_500.0 {
        format!("{} s", fixed(micros / 1e6))
    } else if size >= 999.5 {
        format!("{} ms", fixed(micros / 1e3))
    } else if micros.fract() == 0.0 {
        format!("{micros:.0} us")
    } else {
        format!("{} us", fixed(micros))
    }
}

fn bytes(value: f64) -> String {
    let mut scaled = value;
    let mut names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].iter().peekable();
    while let Some(name) = names.next() {
        // What would be written as 1,024 of one is 1.00 of the next.
        if scaled.abs() < 1_023.5 || names.peek().is_none() {
            let plain = *name == "B" && scaled.fract() == 0.0;
            let text = if plain { format!("{scaled:.0}") } else { fixed(scaled) };
            return format!("{text} {name}");
        }
        scaled /= 1_024.0;
    }
    unreachable!("the last name takes what is left")
}

fn fixed(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() || size >= LARGE {
        format!("{value:.2e}")
    } else if size >= 99.95 {
        grouped(value.round())
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_unit() {
        for (name, unit) in [
            ("updates_per_second", Unit::PerSecond),
            ("opened_per_s", Unit::PerSecond),
            ("delivery_p99_us", MICROSECONDS),
            ("cpu_us_per_update", MICROSECONDS),
            ("time_to_open_s", Unit::Time { micros: 1_000_000 }),
            ("hold_ms", Unit::Time { micros: 1_000 }),
            ("user_bytes_per_connection", Unit::Bytes),
            ("resident_bytes", Unit::Bytes),
            ("idle_cpu_percent", Unit::Percent),
            ("merged_ratio", Unit::Ratio),
            ("connections", Unit::Count),
            ("updates_per_frame", Unit::Count),
            ("", Unit::Count),
        ] {
            assert_eq!(Unit::of(name), unit, "{name}");
        }
    }

    #[test]
    fn numbers_are_written_for_people() {
        for (unit, value, text) in [
            (Unit::PerSecond, 1_234_567.0, "1,234,567/s"),
            (Unit::PerSecond, 12.5, "12.50/s"),
            (Unit::Count, 0.0, "0"),
            (Unit::Count, -1_000.0, "-1,000"),
            (Unit::Count, 999.6, "1,000"),
            (MICROSECONDS, 850.0, "850 us"),
            (MICROSECONDS, 43.256, "43.3 us"),
            (MICROSECONDS, 1_200.0, "1.20 ms"),
            (MICROSECONDS, 999_900.0, "1.00 s"),
            (Unit::Time { micros: 1_000_000 }, 12.0, "12.0 s"),
            (Unit::Bytes, 43.0, "43 B"),
            (Unit::Bytes, 1_023.9, "1.00 KiB"),
            (Unit::Bytes, 3.4 * 1_073_741_824.0, "3.40 GiB"),
            (Unit::Percent, 34.94, "34.9 %"),
            (Unit::Ratio, 0.5, "50.0 %"),
        ] {
            assert_eq!(unit.text(value), text, "{unit:?} {value}");
        }
    }

    #[test]
    fn no_number_is_longer_than_its_column() {
        let edges =
            [0.0, 1e-300, 0.000_4, 0.1, 99.994, 99.996, 1e3, 1e12, 9.99e14, 1e15, 1e300, f64::MAX, f64::INFINITY];
        let units = [
            Unit::PerSecond,
            MICROSECONDS,
            Unit::Time { micros: 1_000_000 },
            Unit::Bytes,
            Unit::Percent,
            Unit::Ratio,
            Unit::Count,
        ];
        for unit in units {
            for value in edges {
                for signed in [value, -value] {
                    let text = unit.text(signed);
                    assert!(text.len() <= 24, "{unit:?} {signed}: {text}");
                }
            }
        }
    }
}
