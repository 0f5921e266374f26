//! Timestamps: parsing, differences in days.

use jiff::civil;
use jiff::tz::TimeZone;
use serde::Serialize;

/// A moment: microseconds since 1970-01-01T00:00:00Z, so that fractions of a second survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// One day in microseconds.
pub const DAY: i64 = 86_400 * 1_000_000;

impl Timestamp {
    /// From Unix seconds. `None` when not finite or beyond ±9999 years.
    pub fn from_unix_seconds(seconds: f64) -> Option<Timestamp> {
        (seconds.abs() < 3.2e11).then(|| Timestamp((seconds * 1e6).round() as i64))
    }

    /// From ISO 8601: a date (midnight UTC), a date and time without zone (UTC), or with one;
    /// a space may stand for the `T`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let text = text.trim();
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Some(Timestamp(t.as_microsecond()));
        }
        let civil = match text.parse::<civil::DateTime>() {
            Ok(t) => t,
            Err(_) => text.parse::<civil::Date>().ok()?.to_datetime(civil::Time::midnight()),
        };
        TimeZone::UTC.to_timestamp(civil).ok().map(|t| Timestamp(t.as_microsecond()))
    }

    /// How far apart, in days, always positive.
    pub fn days_apart(self, other: Timestamp) -> f64 {
        self.0.abs_diff(other.0) as f64 / DAY as f64
    }

    /// Are the two at least `days` days apart? Exact: no rounding at the boundary.
    #[inline]
    pub fn at_least_days_apart(self, other: Timestamp, days: u32) -> bool {
        u128::from(self.0.abs_diff(other.0)) >= u128::from(days) * DAY as u128
    }

    /// As ISO 8601 in UTC, to the second (or finer where there are fractions).
    pub fn to_iso(self) -> String {
        jiff::Timestamp::from_microsecond(self.0).map_or_else(|_| self.0.to_string(), |t| t.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_people_write() {
        let noon = Timestamp(1_366_200_000 * 1_000_000);
        for text in [
            "2013-04-17T12:00:00Z",
            "2013-04-17T12:00:00+00:00",
            "2013-04-17T14:00:00+02:00",
            "2013-04-17T12:00:00",
            "2013-04-17 12:00:00",
            " 2013-04-17T12:00Z ",
        ] {
            assert_eq!(Timestamp::parse(text), Some(noon), "{text}");
        }
        assert_eq!(Timestamp::parse("2013-04-17"), Some(Timestamp(noon.0 - DAY / 2)));
        assert_eq!(Timestamp::parse("2013-04-17T12:00:00.25Z"), Some(Timestamp(noon.0 + 250_000)));
        for text in ["", "yesterday", "2013-13-01", "17/04/2013"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        assert_eq!(Timestamp::from_unix_seconds(f64::NAN), None);
        assert_eq!(Timestamp::from_unix_seconds(1e18), None);
    }

    #[test]
    fn thirty_days_to_the_microsecond() {
        let a = Timestamp(0);
        assert!(a.at_least_days_apart(Timestamp(30 * DAY), 30));
        assert!(!a.at_least_days_apart(Timestamp(30 * DAY - 1), 30));
        assert!(Timestamp(i64::MIN).at_least_days_apart(Timestamp(i64::MAX), 30));
    }
}
