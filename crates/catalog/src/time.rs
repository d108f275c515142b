//! Points in time as the catalogue stores them.

use std::fmt;

use jiff::Timestamp;

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
            jiff::tz::Offset::UTC.to_timestamp(civil).ok()
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
        write!(f, "{}", self.timestamp().strftime("%Y-%m-%dT%H:%M:%S.%6f"))
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
