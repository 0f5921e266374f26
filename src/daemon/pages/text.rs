//! Numbers and names as text for people.

use crate::catalog::Catalog;
use crate::words::{Row, SampleId};

/// With commas: `1,234,567`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `3.2 MB`.
pub(super) fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        ..1e3 => format!("{n:.0} B"),
        ..1e6 => format!("{:.1} kB", n / 1e3),
        ..1e9 => format!("{:.1} MB", n / 1e6),
        _ => format!("{:.2} GB", n / 1e9),
    }
}

/// A duration in the unit that suits it.
pub(super) fn time(seconds: f64) -> String {
    match seconds * 1e6 {
        us if us < 0.95 => format!("{:.0} ns", us * 1e3),
        us if us < 9.95 => format!("{us:.1} µs"),
        us if us < 995.0 => format!("{us:.0} µs"),
        us if us < 9_950.0 => format!("{:.1} ms", us / 1e3),
        us if us < 995_000.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.1} s", us / 1e6),
    }
}

/// Days, in years where they are many.
pub(super) fn days(days: f64) -> String {
    match days {
        d if d < 1.0 => "less than a day apart".to_owned(),
        d if d < 1.5 => "1 day apart".to_owned(),
        d if d < 730.0 => format!("{d:.0} days apart"),
        d => format!("{:.1} years apart", d / 365.25),
    }
}

/// With its sign, and a true minus.
pub(super) fn signed(x: f32) -> String {
    format!("{}{:.3}", if x < 0.0 { '−' } else { '+' }, x.abs())
}

/// An id as it is typed and read: its text, without quotes.
pub(super) fn id(id: &SampleId) -> String {
    match id {
        SampleId::Int(n) => n.to_string(),
        SampleId::Text(text) => text.clone(),
    }
}

/// The day of a sample.
pub(super) fn day(catalog: &Catalog, row: Row) -> Option<String> {
    let iso = catalog.timestamp(row)?.to_iso();
    Some(iso.split('T').next().unwrap_or(&iso).to_owned())
}

/// A name of a split or a topic as words: `semantics_clip_text_image` → `semantics clip text image`.
pub(super) fn spaced(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [5e-7, 2e-6, 3.2e-5, 4.5e-3, 0.12, 2.0].map(time),
            ["500 ns", "2.0 µs", "32 µs", "4.5 ms", "120 ms", "2.0 s"]
        );
        assert_eq!(
            [0.2, 1.0, 29.6, 3652.5].map(days),
            ["less than a day apart", "1 day apart", "30 days apart", "10.0 years apart"]
        );
        assert_eq!((signed(0.0314), signed(-0.5)), ("+0.031".into(), "−0.500".into()));
        assert_eq!([12, 3_400, 5_600_000].map(bytes), ["12 B", "3.4 kB", "5.6 MB"]);
    }
}
