//! Until when a certificate holds (RFC 5280, section 4.1.2.5): as much of X.509 as that takes. Trusts nothing about the bytes, and checks
//! no signature.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate ends, to the second, in UTC. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotAfter {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl NotAfter {
    /// That of a certificate in DER. `None`: it is no certificate.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let mut outer = Der(certificate);
        let mut certificate = Der(outer.take(SEQUENCE)?);
        let mut signed = Der(certificate.take(SEQUENCE)?);
        if signed.0.first() == Some(&VERSION) {
            signed.take(VERSION)?;
        }
        signed.take(INTEGER)?;
        // The algorithm, and who issued it.
        signed.take(SEQUENCE)?;
        signed.take(SEQUENCE)?;
        let mut validity = Der(signed.take(SEQUENCE)?);
        validity.time()?;
        validity.time()
    }

    /// As the clock of the machine says it.
    pub(super) fn time(self) -> SystemTime {
        let seconds = self.days_since_1970() * 86_400
            + u64::from(self.hour) * 3_600
            + u64::from(self.minute) * 60
            + u64::from(self.second);
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Days of the Gregorian calendar; years before 1970 count as 1970.
    fn days_since_1970(self) -> u64 {
        let year = u64::from(self.year.max(1970));
        let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days_before_month = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
        let month = usize::from(self.month - 1);
        years + days_before_month[month] + u64::from(month >= 2 && leap(year)) + u64::from(self.day - 1)
    }
}

impl fmt::Display for NotAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Tag, length, content, one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, which has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // More than four bytes of length are more than a file holds.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    fn time(&mut self) -> Option<NotAfter> {
        let (year, rest) = match *self.0.first()? {
            UTC_TIME => {
                let (year, rest) = self.take(UTC_TIME)?.split_at_checked(2)?;
                let year = decimal(year)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = self.take(GENERALIZED_TIME)?.split_at_checked(4)?;
                (decimal(year)?, rest)
            }
            _ => return None,
        };
        let (fields, b"Z") = rest.split_at_checked(10)? else { return None };
        let within = |place: usize, least: u16, most: u16| {
            let number = decimal(&fields[2 * place..2 * place + 2])?;
            // At most 59 or so, so that it fits.
            (least..=most).contains(&number).then_some(number as u8)
        };
        Some(NotAfter {
            year,
            month: within(0, 1, 12)?,
            day: within(1, 1, 31)?,
            hour: within(2, 0, 23)?,
            minute: within(3, 0, 59)?,
            second: within(4, 0, 59)?,
        })
    }
}

fn decimal(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        for (time, text, seconds) in [
            (b"\x17\x0d700101000000Z".as_slice(), "1970-01-01T00:00:00Z", 0),
            (b"\x17\x0d000229235959Z", "2000-02-29T23:59:59Z", 951_868_799),
            (b"\x17\x0d491231235959Z", "2049-12-31T23:59:59Z", 2_524_607_999),
            (b"\x18\x0f20380119031408Z", "2038-01-19T03:14:08Z", 2_147_483_648),
            (b"\x18\x0f21000301000000Z", "2100-03-01T00:00:00Z", 4_107_542_400),
            (b"\x18\x0f99991231235959Z", "9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let read = Der(time).time().expect("it is a time");
            assert_eq!(read.to_string(), text);
            assert_eq!(read.time(), UNIX_EPOCH + Duration::from_secs(seconds), "{text}");
        }
        for wrong in [
            b"".as_slice(),
            b"\x17\x0d701301000000Z",
            b"\x17\x0d7001010000006",
            b"\x17\x0b7001010000Z",
            b"\x17\x0d70010a000000Z",
            b"\x18\x0d700101000000Z",
            b"\x17\x0e700101000000Z",
            b"\x17\x85\x00\x00\x00\x00\x0d700101000000Z",
        ] {
            assert_eq!(Der(wrong).time(), None, "{wrong:02x?}");
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_found_and_pieces_of_one_are_none() {
        let mut parameters = rcgen::CertificateParams::new(["a".to_owned()]).expect("a name");
        parameters.not_after = rcgen::date_time_ymd(2031, 7, 5);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let bytes: &[u8] = certificate.der();
        assert_eq!(NotAfter::of(bytes).map(|end| end.to_string()).as_deref(), Some("2031-07-05T00:00:00Z"));
        for cut in 0..bytes.len() {
            assert_eq!(NotAfter::of(&bytes[..cut]), None);
        }
    }
}
