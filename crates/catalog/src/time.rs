//! Points in time as the catalogue stores them.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Serialize, Serializer};

/// A point in time with microsecond precision, always taken from the database's clock, so that every
/// process of an installation agrees about it.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Time(jiff_sqlx::Timestamp);

impl Time {
    /// As a jiff timestamp.
    pub fn timestamp(self) -> Timestamp {
        self.0.to_jiff()
    }

    /// Reads `YYYY-MM-DD[T| ]HH:MM:SS[.f]`, meant as UTC unless a zone follows; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let instant = text.parse::<Timestamp>().ok().or_else(|| {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            Offset::UTC.to_timestamp(civil).ok()
        })?;
        Some(Self::from(instant))
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at.into())
    }
}

impl fmt::Display for Time {
    /// `YYYY-MM-DDTHH:MM:SS.ffffff`, UTC, without a zone (API spec 4.7).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // digit by digit: a page has thousands of times
        let at = Offset::UTC.to_datetime(self.timestamp());
        let mut text = *b"0000-00-00T00:00:00.000000";
        for (end, value) in [
            (4, i32::from(at.year())),
            (7, i32::from(at.month())),
            (10, i32::from(at.day())),
            (13, i32::from(at.hour())),
            (16, i32::from(at.minute())),
            (19, i32::from(at.second())),
            (26, at.subsec_nanosecond() / 1000),
        ] {
            let mut rest = value.unsigned_abs();
            for digit in text.iter_mut().take(end).rev().take_while(|digit| digit.is_ascii_digit()) {
                *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Time {
    /// As it is displayed.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_with_six_digits_and_no_zone() {
        let at: Timestamp = "2026-11-22T05:50:20.0421Z".parse().unwrap();
        assert_eq!(Time::from(at).to_string(), "2026-11-22T05:50:20.042100");
        let whole: Timestamp = "2026-11-22T05:50:20Z".parse().unwrap();
        assert_eq!(Time::from(whole).to_string(), "2026-11-22T05:50:20.000000");
        let first: Timestamp = "0001-01-01T00:00:00.000001Z".parse().unwrap();
        assert_eq!(Time::from(first).to_string(), "0001-01-01T00:00:00.000001");
        assert_eq!(serde_json::to_string(&Time::from(whole)).unwrap(), "\"2026-11-22T05:50:20.000000\"");
    }

    #[test]
    fn is_read_with_and_without_zone() {
        let at = Time::parse("2026-11-22T05:50:20.042100").unwrap();
        assert_eq!(Some(at), Time::parse("2026-11-22T06:50:20.0421+01:00"));
        assert_eq!(Some(at), Time::parse("2026-11-22 05:50:20.0421"));
        assert_eq!(None, Time::parse("yesterday"));
        assert_eq!(None, Time::parse(""));
    }
}
