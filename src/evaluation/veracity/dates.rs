//! Dates in texts, and how far apart they are.

use super::assignment;
use jiff::Unit;
use jiff::civil::Date;

/// Where a text says no month or no day: 14 January, so that everybody fills in the same.
const MISSING: (i8, i8) = (1, 14);
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

fn month_of(word: &str) -> Option<i8> {
    const FULL: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = FULL.iter().position(|m| *m == word).or_else(|| MONTHS.iter().position(|m| *m == word));
    at.or((word == "sept").then_some(8)).map(|m| m as i8 + 1)
}

/// The dates that a text speaks of, in order: ISO 8601 (`2019-03-25`, with or without a time), `March 25, 2019`, `25 March 2019`,
/// `25th of March 2019`, `March 2019`, `2019`. What has no year is no date. A missing month is January, a missing day the 14th.
pub fn dates_in(text: &str) -> Vec<Date> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == ':' || c == '+')) {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() && !["of", "the", "in"].contains(&word.to_lowercase().as_str()) {
            words.push(word.to_lowercase());
        }
    }
    let iso = |word: &str| word.get(..10).and_then(|day| day.parse::<Date>().ok());
    let year = |word: &str| word.parse::<i16>().ok().filter(|y| word.len() == 4 && (1000..=2999).contains(y));
    let day = |word: &str| {
        let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let suffix = &word[number.len()..];
        let ordinal = ["", "st", "nd", "rd", "th"].contains(&suffix);
        number.parse::<i8>().ok().filter(|d| ordinal && number.len() <= 2 && (1..=31).contains(d))
    };
    let mut found = Vec::new();
    let (mut month, mut of_month) = (None, None);
    for word in &words {
        if let Some(date) = iso(word) {
            found.push(date);
            (month, of_month) = (None, None);
        } else if let Some(m) = month_of(word) {
            month = Some(m);
        } else if let Some(y) = year(word) {
            let m = month.unwrap_or(MISSING.0);
            // A day without its month says nothing.
            let d = of_month.filter(|_| month.is_some()).unwrap_or(MISSING.1);
            found.extend(Date::new(y, m, d).or_else(|_| Date::new(y, m, MISSING.1)));
            (month, of_month) = (None, None);
        } else if let Some(d) = day(word) {
            of_month = Some(d);
        } else {
            // Another word ends a date: "on 3 May a man … 2016" says 2016.
            (month, of_month) = (None, None);
        }
    }
    found
}

/// Whole years, months / 12 and days / 365.25 from one to the other, not negative.
pub fn years_apart(a: Date, b: Date) -> f64 {
    let (from, to) = if a <= b { (a, b) } else { (b, a) };
    let Ok(span) = from.until((Unit::Year, to)) else { return f64::INFINITY };
    f64::from(span.get_years()) + f64::from(span.get_months()) / 12.0 + f64::from(span.get_days()) / 365.25
}

/// Date Δ: the best assignment of predicted to true dates, each pair counting 1 / (1 + years apart), over the number of true dates.
pub fn date_delta(predicted: &[Date], truth: &[Date]) -> f64 {
    assignment(predicted.len(), truth.len(), |p, t| 1.0 / (1.0 + years_apart(predicted[p], truth[t])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        dates_in(text).iter().map(Date::to_string).collect()
    }

    #[test]
    fn texts() {
        for text in
            ["March 25, 2019", "25 March 2019", "the 25th of March 2019", "2019-03-25T10:00:00+00:00", "Mar 25 2019"]
        {
            assert_eq!(said(text), ["2019-03-25"], "{text}");
        }
        assert_eq!(said("2016"), ["2016-01-14"]);
        assert_eq!(said("taken in March 2019, or in 2017."), ["2019-03-14", "2017-01-14"]);
        assert_eq!(said("on 3 May a crowd of 12 met in 2016"), ["2016-01-14"]);
        assert_eq!(said("31 February 2020"), ["2020-02-14"]);
        assert_eq!(said("yesterday, at 12:30, 45 people"), Vec::<String>::new());
        assert_eq!(said("“é” ’ 99999 1-1"), Vec::<String>::new());
    }

    #[test]
    fn by_hand() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(years_apart(date("2016-01-14"), date("2018-01-14")), 2.0);
        assert_eq!(years_apart(date("2018-04-14"), date("2016-01-14")), 2.25);
        assert!((years_apart(date("2016-01-14"), date("2016-01-24")) - 10.0 / 365.25).abs() < 1e-12);
        let (a, b) = (date("2016-01-14"), date("2018-01-14"));
        assert_eq!(date_delta(&[a], &[a]), 1.0);
        assert_eq!(date_delta(&[b], &[a]), 1.0 / 3.0);
        assert_eq!(date_delta(&[a], &[a, b]), 0.5);
        assert_eq!(date_delta(&[b, a], &[a, b]), 1.0);
        assert_eq!(date_delta(&[], &[a]), 0.0);
    }
}
