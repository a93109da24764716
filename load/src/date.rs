//! Seconds since 1970 as a date in UTC. Knows no time zones and no clock.

use std::fmt;

/// A second in the years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    unix_s: u64,
}

const DAY_S: u64 = 24 * 60 * 60;

/// The first second of the year 10000.
const UNIX_S_END: u64 = 253_402_300_800;

impl Date {
    /// None where it is later than the year 9999, as only a file that is not ours says.
    pub(crate) fn from_unix(unix_s: u64) -> Option<Self> {
        (unix_s < UNIX_S_END).then_some(Self { unix_s })
    }

    /// `20261121T043317Z`, which sorts by time and may stand in the name of a file.
    pub(crate) fn compact(self) -> String {
        let (year, month, day) = self.day();
        let (hour, minute, second) = self.time();
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    fn time(self) -> (u64, u64, u64) {
        let second = self.unix_s % DAY_S;
        (second / 3_600, second / 60 % 60, second % 60)
    }

    /// Year, month and day, by counting in years that begin in March, so that the leap day is the last of a year.
    fn day(self) -> (u64, u64, u64) {
        // From the first of March of the year 0; an era is 400 years.
        let days = self.unix_s / DAY_S + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        (year, month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.day();
        let (hour, minute, second) = self.time();
        write!(formatter, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

/// For people: also where it is no date.
pub(crate) fn date_text(unix_s: u64) -> String {
    Date::from_unix(unix_s).map_or_else(|| "unknown date".into(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        for (unix_s, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_078_099_200, "2004-03-01 00:00:00 UTC"),
            (1_795_235_597, "2026-11-21 04:33:17 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (UNIX_S_END - 1, "9999-12-31 23:59:59 UTC"),
            (UNIX_S_END, "unknown date"),
            (u64::MAX, "unknown date"),
        ] {
            assert_eq!(date_text(unix_s), text);
        }
    }

    #[test]
    fn names_sort_by_time() {
        let name = |unix_s| Date::from_unix(unix_s).expect("a year with four digits").compact();
        assert_eq!(name(1_795_235_597), "20261121T043317Z");
        assert!(name(951_782_399) < name(951_782_400));
    }
}
