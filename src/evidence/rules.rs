//! The rules of COVE (§3.1), in order. What they do not decide stays undecided.

use super::{By, Line, Settings};
use serde::{Deserialize, Serialize};

/// What the evidence says of the caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It belongs to the image.
    Accurate,
    /// It does not.
    OutOfContext,
    /// The rules do not say.
    Undecided,
}

impl Verdict {
    /// As written in reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Accurate => "accurate",
            Verdict::OutOfContext => "out-of-context",
            Verdict::Undecided => "undecided",
        }
    }
}

/// How near the rules came.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Margins {
    /// Captions found by image that match.
    pub matching_by_image: u64,
    /// The highest cosine to an image found by caption, less the threshold of rule 2; null without such an image.
    pub same_image: Option<f32>,
    /// The threshold of rule 3 less the lowest cosine to an image found by a matching caption; null without such an image.
    pub other_image: Option<f32>,
}

/// The verdict, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// The rule that gave it: 1, 2 or 3.
    pub rule: Option<u8>,
    /// In words.
    pub why: String,
    /// The place, in the list, of the line that decided.
    pub line: Option<usize>,
    /// How near the rules came.
    pub margins: Margins,
}

/// Applies the rules:
/// 1. a caption found by image matches → accurate;
/// 2. an image found by caption has a cosine above `same_image` → accurate;
/// 3. an image found by a matching caption has a cosine below `other_image` → out-of-context.
pub fn verdict(lines: &[Line], settings: &Settings) -> Outcome {
    let of = |by: By| lines.iter().enumerate().filter(move |l| l.1.by == by);
    let matching = || of(By::Image).filter(|l| l.1.caption_matches);
    // Of equal cosines the first line: the order of the list is the order of the answer.
    let seen = || of(By::Caption).filter_map(|(i, l)| Some((i, l.image_similarity?, l)));
    let nearest = seen().reduce(|a, b| if b.1 > a.1 { b } else { a });
    let farthest = seen().filter(|s| s.2.caption_matches).reduce(|a, b| if b.1 < a.1 { b } else { a });
    let margins = Margins {
        matching_by_image: matching().count() as u64,
        same_image: nearest.map(|n| n.1 - settings.same_image),
        other_image: farthest.map(|f| settings.other_image - f.1),
    };
    let outcome = |verdict, rule, line, why| Outcome { verdict, rule, why, line, margins };
    if let Some((i, line)) = matching().next() {
        let why = format!("the image carried this caption before: {:?}", line.caption);
        return outcome(Verdict::Accurate, Some(1), Some(i), why);
    }
    if let Some((i, cosine, _)) = nearest.filter(|n| n.1 > settings.same_image) {
        let why = format!("the caption finds this image: cosine {cosine:.3}, above {}", settings.same_image);
        return outcome(Verdict::Accurate, Some(2), Some(i), why);
    }
    if let Some((i, cosine, _)) = farthest.filter(|f| f.1 < settings.other_image) {
        let why = format!("the caption belongs to another image: cosine {cosine:.3}, below {}", settings.other_image);
        return outcome(Verdict::OutOfContext, Some(3), Some(i), why);
    }
    let why = match (lines.is_empty(), nearest, farthest) {
        (true, ..) => "there is no evidence".to_owned(),
        (_, _, Some((_, cosine, _))) => format!(
            "the caption belongs to an image that is neither this one nor clearly another: cosine {cosine:.3}, between {} and {}",
            settings.other_image, settings.same_image
        ),
        (_, Some((_, cosine, _)), None) => {
            format!("the nearest image that the caption finds has a cosine of {cosine:.3}, and no caption matches")
        }
        _ => "no caption matches, and no image was found by the caption".to_owned(),
    };
    outcome(Verdict::Undecided, None, None, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(by: By, similarity: Option<f32>, caption_matches: bool) -> Line {
        Line {
            by,
            from: "test".into(),
            id: None,
            caption: "a caption".into(),
            image_path: None,
            image_similarity: similarity,
            text_similarity: None,
            caption_matches,
            source: None,
            domain: None,
            date: None,
            entities: None,
        }
    }

    #[test]
    fn in_order() {
        let says = |lines: &[Line]| {
            let o = verdict(lines, &Settings::default());
            (o.verdict, o.rule, o.line)
        };
        let (image, caption) = (By::Image, By::Caption);
        let other = line(caption, Some(0.3), true);
        assert_eq!(says(&[]), (Verdict::Undecided, None, None));
        // Rule 1 comes before rule 3.
        let carried = line(image, Some(0.95), true);
        assert_eq!(says(&[other.clone(), carried]), (Verdict::Accurate, Some(1), Some(1)));
        // A caption that matches, but was found by the caption itself, is no match of rule 1.
        assert_eq!(says(&[line(image, Some(0.99), false), other.clone()]), (Verdict::OutOfContext, Some(3), Some(1)));
        // Rule 2 before rule 3: the caption stood with two images, and one is this one.
        assert_eq!(says(&[other.clone(), line(caption, Some(0.93), false)]), (Verdict::Accurate, Some(2), Some(1)));
        // Rule 3 needs a caption that matches.
        assert_eq!(says(&[line(caption, Some(0.3), false)]), (Verdict::Undecided, None, None));
        // At the thresholds nothing is above or below.
        let at = |cosine| says(&[line(caption, Some(cosine), true)]).0;
        assert_eq!([0.70, 0.92, 0.8].map(at), [Verdict::Undecided; 3]);
        assert_eq!([0.6999, 0.9201].map(at), [Verdict::OutOfContext, Verdict::Accurate]);
        // Without a cosine no rule about images.
        assert_eq!(says(&[line(caption, None, true)]).0, Verdict::Undecided);
    }

    #[test]
    fn margins() {
        let lines = [line(By::Caption, Some(0.8), true), line(By::Caption, Some(0.85), false)];
        let m = verdict(&lines, &Settings::default()).margins;
        assert!((m.same_image.unwrap() + 0.07).abs() < 1e-6 && (m.other_image.unwrap() + 0.10).abs() < 1e-6);
        assert_eq!(verdict(&[], &Settings::default()).margins, Margins::default());
    }
}
