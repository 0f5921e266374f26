//! Axes, marks, texts: as much SVG as the plots need. Colours come from the page's style sheet, so that a plot is right in
//! light and dark.

use std::fmt::Write;

/// The whole plot, in SVG units (pixels at full size).
pub(super) const WIDTH: f64 = 560.0;
pub(super) const HEIGHT: f64 = 340.0;
/// The frame that data is drawn in: left, top, right, bottom.
const FRAME: [f64; 4] = [58.0, 28.0, WIDTH - 16.0, HEIGHT - 46.0];
/// Marks at the ends of an axis stand so far inside the frame.
const INSET: f64 = 16.0;
/// Labels of a horizontal axis keep this distance from one another, centre to centre, beside what their letters take.
const APART: f64 = 12.0;

/// How values are laid along an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scale {
    /// By logarithm, `lo` and `hi` positive.
    Log { lo: f64, hi: f64, unit: Unit },
    /// Evenly from `lo` to `hi`.
    Linear { lo: f64, hi: f64 },
    /// Recall: from `lo` to 1, the nearer to 1 the wider.
    Recall { lo: f64 },
    /// Places side by side, at 0, 1, 2 …, with these labels.
    Slots(Vec<String>),
}

/// What the labels of a logarithmic axis say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// `1k`, `20k`.
    Count,
    /// Microseconds: `50 µs`, `2 ms`.
    Time,
    /// Shares: `0.1%`.
    Share,
}

/// Where recall axes may have a label.
const RECALLS: [f64; 12] = [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0];
/// Keeps 1 at a finite distance: one miss in ten thousand.
const NEAREST: f64 = 1e-4;

fn stretched(recall: f64) -> f64 {
    -(1.0 - recall.clamp(0.0, 1.0) + NEAREST).log10()
}

impl Scale {
    /// A logarithmic axis with room around the values; not-positive ones are passed over.
    pub(super) fn log(values: impl Iterator<Item = f64>, unit: Unit) -> Scale {
        let (lo, hi) = values
            .filter(|v| v.is_finite() && *v > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(lo, hi), v| (lo.min(v), hi.max(v)));
        let (lo, hi) = if lo > hi { (1.0, 10.0) } else { (lo, hi) };
        // At least half a decade: a hair's breadth should not fill the plot.
        let more = (3.0 / (hi / lo)).sqrt().max(1.15);
        Scale::Log { lo: lo / more, hi: hi * more, unit }
    }

    /// A recall axis that begins at a label at or below the lowest of the values.
    pub(super) fn recall(values: impl Iterator<Item = f64>) -> Scale {
        let lowest = values.fold(1.0, f64::min);
        Scale::Recall { lo: RECALLS[..7].iter().copied().filter(|&r| r <= lowest).fold(0.0, f64::max) }
    }

    /// 0 to 1 along the axis.
    pub(super) fn at(&self, value: f64) -> f64 {
        let at = match self {
            Scale::Log { lo, hi, .. } => (value / lo).ln() / (hi / lo).ln(),
            Scale::Linear { lo, hi } => (value - lo) / (hi - lo),
            Scale::Recall { lo } => (stretched(value) - stretched(*lo)) / (stretched(1.0) - stretched(*lo)),
            Scale::Slots(labels) if labels.len() < 2 => 0.5,
            Scale::Slots(labels) => value / (labels.len() - 1) as f64,
        };
        // Of a value that no scale has (0 of a logarithm) the nearest end.
        if at.is_nan() { 0.0 } else { at.clamp(0.0, 1.0) }
    }

    /// Values with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        match self {
            Scale::Log { lo, hi, unit } => {
                let steps: &[f64] = match hi / lo {
                    ..12.0 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
                    ..300.0 => &[1.0, 2.0, 5.0],
                    _ => &[1.0],
                };
                let decades = lo.log10().floor() as i32..=hi.log10().ceil() as i32;
                let all = decades.flat_map(|d| steps.iter().map(move |s| s * 10f64.powi(d)));
                all.filter(|v| (*lo..=*hi).contains(v)).map(|v| (v, unit.say(v))).collect()
            }
            Scale::Linear { lo, hi } => {
                let rough = (hi - lo) / 6.0;
                let decade = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * decade).into_iter().find(|s| *s >= rough).unwrap_or(rough);
                if !step.is_normal() {
                    return vec![(*lo, three(*lo))];
                }
                // Steps are counted, not added up: 0.30000000000000004 is no label.
                let (from, to) = ((lo / step).ceil() as i64, (hi / step).floor() as i64);
                let near = |i: i64| (i as f64 * step * 1e9).round() / 1e9;
                (from..=to).take(50).map(|i| (near(i), three(near(i)))).collect()
            }
            Scale::Recall { lo } => RECALLS.iter().filter(|r| *r >= lo).map(|&r| (r, r.to_string())).collect(),
            Scale::Slots(labels) => labels.iter().enumerate().map(|(i, l)| (i as f64, l.clone())).collect(),
        }
    }
}

impl Unit {
    /// A number as a label, to three digits.
    pub(super) fn say(self, value: f64) -> String {
        match self {
            Unit::Count if value >= 1e6 => format!("{}M", three(value / 1e6)),
            Unit::Count if value >= 1e4 => format!("{}k", three(value / 1e3)),
            Unit::Count => three(value),
            Unit::Time if value >= 1e6 => format!("{} s", three(value / 1e6)),
            Unit::Time if value >= 1e3 => format!("{} ms", three(value / 1e3)),
            Unit::Time => format!("{} µs", three(value)),
            Unit::Share => format!("{}%", three(value * 100.0)),
        }
    }
}

/// Three significant digits, no zeros behind the point that say nothing.
fn three(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let places = (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.places$}");
    if places == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

/// What a point is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// One query a call.
    Circle,
    /// A batch a call.
    Square,
}

/// A plot under construction.
pub(super) struct Plot {
    x: Scale,
    y: Scale,
    body: String,
    labels: Vec<[f64; 4]>,
}

impl Plot {
    /// Axes and grid. The titles say what is plotted and in which unit.
    pub(super) fn new(x: Scale, y: Scale, x_title: &str, y_title: &str) -> Plot {
        let mut plot = Plot { x, y, body: String::new(), labels: Vec::new() };
        let [left, top, right, bottom] = FRAME;
        let out = &mut plot.body;
        let mut taken = f64::INFINITY;
        // From the right: near recall 1 every label is wanted.
        for (value, label) in plot.x.ticks().into_iter().rev() {
            let x = along_x(plot.x.at(value));
            put(out, format_args!(r#"<path class="grid" d="M{x:.1} {top}V{bottom}"/>"#));
            let half = half_width(&label);
            if x + half + APART <= taken {
                put(
                    out,
                    format_args!(
                        r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                        bottom + 16.0,
                        escape(&label)
                    ),
                );
                taken = x - half;
            }
        }
        for (value, label) in plot.y.ticks() {
            let y = along_y(plot.y.at(value));
            put(out, format_args!(r#"<path class="grid" d="M{left} {y:.1}H{right}"/>"#));
            put(
                out,
                format_args!(
                    r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                    left - 7.0,
                    y + 4.0,
                    escape(&label)
                ),
            );
        }
        put(out, format_args!(r#"<path class="axis" d="M{left} {top}V{bottom}H{right}"/>"#));
        put(
            out,
            format_args!(
                r#"<text class="title" x="{right}" y="{:.1}" text-anchor="end">{}</text>"#,
                HEIGHT - 8.0,
                escape(x_title)
            ),
        );
        put(out, format_args!(r#"<text class="title" x="4" y="14">{}</text>"#, escape(y_title)));
        plot
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (along_x(self.x.at(x)), along_y(self.y.at(y)))
    }

    /// A line through points; `class` is one of the style sheet's.
    pub(super) fn line(&mut self, points: impl Iterator<Item = (f64, f64)>, class: &str) {
        let points: Vec<(f64, f64)> = points.map(|p| self.place(p)).collect();
        if points.len() > 1 {
            let mut path = String::new();
            for (i, (x, y)) in points.iter().enumerate() {
                let step = if i == 0 { 'M' } else { 'L' };
                put(&mut path, format_args!("{step}{x:.1} {y:.1}"));
            }
            put(&mut self.body, format_args!(r#"<path class="line {class}" d="{path}"/>"#));
        }
    }

    /// A point that says `tip` when pointed at.
    pub(super) fn mark(&mut self, at: (f64, f64), mark: Mark, class: &str, tip: &str) {
        let (x, y) = self.place(at);
        let tip = escape(tip);
        let body = &mut self.body;
        match mark {
            Mark::Circle => put(
                body,
                format_args!(
                    r#"<circle class="mark {class}" cx="{x:.1}" cy="{y:.1}" r="4.5"><title>{tip}</title></circle>"#
                ),
            ),
            Mark::Square => put(
                body,
                format_args!(
                    r#"<rect class="mark {class}" x="{:.1}" y="{:.1}" width="8" height="8"><title>{tip}</title></rect>"#,
                    x - 4.0,
                    y - 4.0
                ),
            ),
        }
    }

    /// A small text by a point, where it covers no other text; else none. `above`: clear of a line that rises or falls
    /// slowly, else of one that falls.
    pub(super) fn label(&mut self, at: (f64, f64), text: &str, above: bool) {
        let (x, y) = self.place(at);
        let (width, [left, top, right, bottom]) = (2.0 * half_width(text), FRAME);
        let (middle, from, to) = (x - width / 2.0, x - 4.0, x + 4.0 - width);
        let places = if above {
            let (over, under) = (y - 9.0, y + 18.0);
            [(middle, over), (from, over), (to, over), (middle, under), (from, under), (to, under)].to_vec()
        } else {
            [(x - 6.0 - width, y + 15.0), (x + 7.0, y - 6.0), (x - 6.0 - width, y - 6.0), (x + 7.0, y + 15.0)].to_vec()
        };
        for (x, y) in places {
            let own = [x, y - 10.0, x + width, y + 2.0];
            let inside = own[0] >= left && own[1] >= top && own[2] <= right && own[3] <= bottom;
            let free = |b: &[f64; 4]| own[2] < b[0] || b[2] < own[0] || own[3] < b[1] || b[3] < own[1];
            if inside && self.labels.iter().all(free) {
                self.labels.push(own);
                let text = escape(text);
                put(&mut self.body, format_args!(r#"<text class="label halo" x="{x:.1}" y="{y:.1}">{text}</text>"#));
                return;
            }
        }
    }

    /// The whole plot; `about` says in words what it shows.
    pub(super) fn finish(self, about: &str) -> String {
        let about = escape(about);
        format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">{}</svg>"#, self.body)
    }
}

fn along_x(at: f64) -> f64 {
    FRAME[0] + INSET + at * (FRAME[2] - FRAME[0] - 2.0 * INSET)
}

fn along_y(at: f64) -> f64 {
    FRAME[3] - INSET - at * (FRAME[3] - FRAME[1] - 1.5 * INSET)
}

/// About half of what a text of the small size takes; no font is measured.
fn half_width(text: &str) -> f64 {
    text.chars().count() as f64 * 3.1
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

/// Text as it stands in HTML and SVG, between tags or in quotes. Characters that no document may have are left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_rise_and_end_at_their_ends() {
        let log = Scale::log([30.0, 3000.0].into_iter(), Unit::Count);
        let recall = Scale::recall([0.93, 0.99].into_iter());
        assert_eq!(recall, Scale::Recall { lo: 0.9 });
        assert_eq!(Scale::recall(std::iter::empty()), Scale::Recall { lo: 0.95 });
        assert_eq!((recall.at(0.9), recall.at(1.0)), (0.0, 1.0));
        assert!((0.25..0.45).contains(&recall.at(0.99)), "half of the axis is for what is above .99");
        for (scale, values) in [(log, [30.0, 31.0, 500.0, 3000.0]), (recall, [0.9, 0.95, 0.99, 0.9999])] {
            let at = values.map(|v| scale.at(v));
            assert!(at.windows(2).all(|w| w[0] < w[1]) && at[0] >= 0.0 && at[3] < 1.0, "{at:?}");
            assert!(scale.ticks().windows(2).all(|w| scale.at(w[0].0) < scale.at(w[1].0)));
        }
        let linear = Scale::Linear { lo: -0.05, hi: 0.4 };
        let labels: Vec<String> = linear.ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!((linear.at(-0.05), linear.at(0.4), linear.at(7.0)), (0.0, 1.0, 1.0));
        assert_eq!(Scale::Linear { lo: 1.0, hi: 1.0 }.ticks().len(), 1);
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let at = Scale::log([odd].into_iter(), Unit::Time).at(odd);
            assert!((0.0..=1.0).contains(&at), "{odd}");
        }
        assert!(
            Scale::log([100.0, 101.0].into_iter(), Unit::Count).ticks().len() >= 2,
            "never an axis without numbers"
        );
    }

    #[test]
    fn labels() {
        let say = |unit: Unit, v: f64| unit.say(v);
        assert_eq!(say(Unit::Count, 5000.0), "5000");
        assert_eq!(say(Unit::Count, 20_000.0), "20k");
        assert_eq!(say(Unit::Time, 1500.0), "1.5 ms");
        assert_eq!(say(Unit::Time, 100.0), "100 µs");
        assert_eq!(say(Unit::Share, 0.001), "0.1%");
        assert_eq!([0.0, 0.05, 1.0, 123.4, 1234.0].map(three), ["0", "0.05", "1", "123", "1234"]);
        assert_eq!(escape("<a href='x'>&\u{7}\"é"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;é");
    }

    #[test]
    fn labels_do_not_cover_each_other() {
        let mut plot =
            Plot::new(Scale::Slots(vec!["a".into(), "b".into()]), Scale::recall([0.9].into_iter()), "x", "y");
        for _ in 0..20 {
            plot.label((0.0, 0.99), "512", false);
        }
        let written = plot.finish("a test").matches(">512<").count();
        assert!((1..=4).contains(&written), "{written}");
    }
}
