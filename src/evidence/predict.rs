//! Context items and veracity as a language model reads them off the evidence (COVE, §3.2 and §3.3), by prompts that anybody may edit.
//!
//! What a model says stands beside what the rules say, never in its place: a verdict of the rules is kept. Captions are put into
//! prompts as they are found; a model that takes them for instructions can spoil its own answer, and nothing else.

use super::{By, Checked, Item, Line, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Captions that a prompt holds, at most.
const CAPTIONS: usize = 10;
/// Characters of a caption, at most.
const LONGEST: usize = 600;

/// The prompts' files, and their texts where no file replaces them.
pub const DEFAULTS: [(&str, &str); 4] = [
    ("system.txt", include_str!("prompts/system.txt")),
    ("context.txt", include_str!("prompts/context.txt")),
    ("veracity.txt", include_str!("prompts/veracity.txt")),
    ("questions.txt", include_str!("prompts/questions.txt")),
];

/// A prompt file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct PromptError {
    /// Which.
    pub file: &'static str,
    /// What is wrong, and what is expected.
    pub what: String,
}

/// What models are asked with.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompts {
    system: String,
    context: String,
    veracity: String,
    questions: Vec<(Item, String)>,
}

/// What one message asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'p> {
    /// Who the model is.
    pub system: &'p str,
    /// What it is asked.
    pub user: String,
}

/// What a model says of one question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// The context items that it could tell.
    pub items: BTreeMap<Item, String>,
    /// Of a caption that the rules leave undecided.
    pub verdict: Option<Verdict>,
    /// What was not answered, and why.
    pub skipped: Vec<String>,
    /// Was there an answer that names no verdict?
    #[serde(skip)]
    pub unreadable: bool,
}

impl Prompts {
    /// The prompts of files, by name (see [`DEFAULTS`]); `None` for those that are not there.
    ///
    /// # Errors
    /// A placeholder is missing or unknown, or a line of `questions.txt` names no item.
    pub fn new(file: impl Fn(&str) -> Option<String>) -> Result<Prompts, PromptError> {
        let text = |name: &str, usual: &str| file(name).unwrap_or_else(|| usual.to_owned());
        let [system, context, veracity, questions] = DEFAULTS.map(|(name, usual)| text(name, usual));
        holds("context.txt", &context, &["captions", "question"], &["entities"])?;
        holds("veracity.txt", &veracity, &["caption", "context"], &["captions"])?;
        let wrong = |what: String| PromptError { file: "questions.txt", what };
        let mut known: Vec<(Item, String)> = Vec::new();
        for line in questions.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (name, question) = line.split_once(':').unwrap_or((line, ""));
            let item = Item::ALL.into_iter().find(|item| item.name() == name.trim());
            let names = || Item::ALL.map(Item::name).join(", ");
            let item =
                item.ok_or_else(|| wrong(format!("{name:?} is no item; ITEM: QUESTION is expected, of {}", names())))?;
            if question.trim().is_empty() || known.iter().any(|k| k.0 == item) {
                return Err(wrong(format!("{name} has no question, or two")));
            }
            known.push((item, question.trim().to_owned()));
        }
        Ok(Prompts { system, context, veracity, questions: known })
    }

    /// Asks for every item, and for the verdict where the rules give none. `ask` gives the answer's text, or why there is none:
    /// an item that is not answered is named among the skipped, and the others are asked all the same.
    pub fn predict(
        &self,
        caption: &str,
        checked: &Checked,
        mut ask: impl FnMut(&Message<'_>) -> Result<String, String>,
    ) -> Predicted {
        let mut said = Predicted::default();
        let by_image: Vec<&Line> =
            checked.evidence.iter().filter(|l| l.by == By::Image && !l.caption.trim().is_empty()).collect();
        if by_image.is_empty() {
            let none = "nothing was found by the image, so there is nothing to read its context from";
            said.skipped.push(format!("context and veracity: {none}"));
            return said;
        }
        let plain = listed(by_image.iter().map(|l| l.caption.as_str()));
        let names: Vec<&str> = checked.entities.iter().map(|e| e.name.as_str()).collect();
        let names = if names.is_empty() { "unknown".to_owned() } else { names.join(", ") };
        let mut message = |user: String| ask(&Message { system: &self.system, user });
        for (item, question) in &self.questions {
            let captions = match checked.context.get(item) {
                Some(ranked) => listed(ranked.iter().map(|r| r.caption.as_str()).filter(|c| !c.trim().is_empty())),
                None => plain.clone(),
            };
            let user = filled(&self.context, &[("captions", &captions), ("entities", &names), ("question", question)]);
            match message(user) {
                Ok(answer) => {
                    let answer = answer.trim().trim_start_matches("Answer:").trim();
                    let unknown = answer.trim_end_matches('.').eq_ignore_ascii_case("unknown");
                    if !unknown && !answer.is_empty() {
                        said.items.insert(*item, answer.to_owned());
                    }
                }
                Err(why) => said.skipped.push(format!("{}: {why}", item.name())),
            }
        }
        if checked.outcome.verdict != Verdict::Undecided {
            return said;
        }
        let context: Vec<String> = said.items.iter().map(|(item, text)| format!("{}: {text}", item.name())).collect();
        let context = if context.is_empty() { "nothing".to_owned() } else { context.join("\n") };
        let caption = shortened(caption);
        let user = filled(&self.veracity, &[("caption", &caption), ("context", &context), ("captions", &plain)]);
        let verdict = message(user).and_then(|answer| {
            let read = verdict_in(&answer);
            said.unreadable = read.is_err();
            read
        });
        match verdict {
            Ok(verdict) => said.verdict = Some(verdict),
            Err(why) => said.skipped.push(format!("veracity: {why}")),
        }
        said
    }
}

/// Are the placeholders there that must be, and no others?
fn holds(file: &'static str, text: &str, must: &[&str], may: &[&str]) -> Result<(), PromptError> {
    let wrong = |what: String| Err(PromptError { file, what });
    for name in must {
        if !text.contains(&format!("{{{name}}}")) {
            return wrong(format!("it lacks {{{name}}}"));
        }
    }
    for name in text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|r| r.0)) {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        if plain && !must.contains(&name) && !may.contains(&name) {
            let known = must.iter().chain(may).map(|n| format!("{{{n}}}")).collect::<Vec<_>>().join(", ");
            return wrong(format!("{{{name}}} stands for nothing; there are {known}"));
        }
    }
    Ok(())
}

/// A text with its placeholders filled in, in one pass: what is filled in is not looked through again.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let named = values.iter().find(|(name, _)| rest[1..].strip_prefix(name).is_some_and(|r| r.starts_with('}')));
        match named {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn shortened(caption: &str) -> String {
    caption.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

fn listed<'c>(captions: impl Iterator<Item = &'c str>) -> String {
    captions.take(CAPTIONS).map(|c| format!("- {}", shortened(c))).collect::<Vec<_>>().join("\n")
}

/// The one verdict that an answer names.
fn verdict_in(answer: &str) -> Result<Verdict, String> {
    let words: String =
        answer.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect::<String>();
    let words = format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "));
    let negated = [" not accurate ", " not out of context "].iter().any(|n| words.contains(n));
    match (words.contains(" accurate "), words.contains(" out of context ")) {
        (true, false) if !negated => Ok(Verdict::Accurate),
        (false, true) if !negated => Ok(Verdict::OutOfContext),
        _ => {
            let said: String = answer.trim().chars().take(60).collect();
            Err(format!("the answer names neither verdict, or both: {said:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Asked, Checker, Found, Settings};
    use crate::words::Mention;

    fn checked(captions: &[&str], asked: &str) -> Checked {
        let nowhere = Checker { archive: None, entities: None, settings: Settings::default() };
        let found = captions.iter().map(|c| Found {
            entities: c
                .contains("Oslo")
                .then(|| vec![Mention { text: "Oslo".into(), label: "GPE".into(), link: None }]),
            ..Found::caption(By::Image, "web", (*c).to_owned())
        });
        let asked = Asked { caption: asked.to_owned(), ..Asked::default() };
        nowhere.check(&asked, None, found.collect()).unwrap()
    }

    #[test]
    fn every_item_is_asked_for_and_the_verdict_where_rules_give_none() {
        let prompts = Prompts::new(|_| None).unwrap();
        let checked = checked(&["{question} A flood", "Streets of Oslo {caption}"], "A flood in Bergen");
        let mut asked = Vec::new();
        let said = prompts.predict("A flood in Bergen", &checked, |m| {
            asked.push(m.user.clone());
            Ok(match asked.len() {
                3 => " Oslo. ".to_owned(),
                8 => "Out-of-context.".to_owned(),
                _ => "Unknown.".to_owned(),
            })
        });
        assert_eq!(said.items, BTreeMap::from([(Item::Location, "Oslo.".to_owned())]));
        assert_eq!((said.verdict, said.skipped.len(), asked.len()), (Some(Verdict::OutOfContext), 0, 8));
        // Captions with the item's entities first; what stands in captions is no placeholder.
        assert!(asked[2].contains("- Streets of Oslo {caption}\n- {question} A flood"), "{}", asked[2]);
        assert!(asked[1].contains("- {question} A flood\n- Streets"), "{}", asked[1]);
        assert!(asked[7].contains("location: Oslo.") && asked[7].contains("\"A flood in Bergen\""), "{}", asked[7]);
    }

    #[test]
    fn what_is_not_answered_is_said_and_the_rest_is_kept() {
        let prompts = Prompts::new(|_| None).unwrap();
        let mut n = 0;
        let said = prompts.predict("x", &checked(&["Oslo"], "x"), |_| {
            n += 1;
            if n % 2 == 0 { Err("it is down".to_owned()) } else { Ok("perhaps".to_owned()) }
        });
        assert_eq!(said.items.len(), 4);
        assert_eq!(
            said.skipped,
            ["date: it is down", "motivation: it is down", "things: it is down", "veracity: it is down"]
        );
        // The rules have decided: nothing more is asked.
        let decided = checked(&["Oslo"], "oslo");
        let said = prompts.predict("oslo", &decided, |m| {
            assert!(!m.user.contains("one word"));
            Ok("x".into())
        });
        assert_eq!((decided.outcome.verdict, said.verdict, said.skipped.len()), (Verdict::Accurate, None, 0));
        let nothing = prompts.predict("x", &checked(&[], "x"), |_| panic!("there is nothing to ask"));
        assert!(nothing.skipped[0].contains("nothing was found by the image"));
    }

    #[test]
    fn verdicts_in_answers() {
        for (answer, want) in [
            ("accurate", Some(Verdict::Accurate)),
            ("Answer: **Out of context**.", Some(Verdict::OutOfContext)),
            ("out-of-context", Some(Verdict::OutOfContext)),
            ("inaccurate", None),
            ("not accurate", None),
            ("accurate or out-of-context", None),
            ("", None),
            ("\u{1f600}", None),
        ] {
            assert_eq!(verdict_in(answer).ok(), want, "{answer}");
        }
    }

    #[test]
    fn prompts_that_cannot_be_used() {
        let with = |name: &'static str, text: &'static str| {
            Prompts::new(move |file| (file == name).then(|| text.to_owned())).map_err(|e| e.to_string())
        };
        for (name, text, said) in [
            ("context.txt", "{captions}", "context.txt: it lacks {question}"),
            ("veracity.txt", "{caption} {context} {kaption}", "{kaption} stands for nothing"),
            ("questions.txt", "colour: Which?", "\"colour\" is no item"),
            ("questions.txt", "date:", "date has no question"),
            ("questions.txt", "date: a\ndate: b", "or two"),
        ] {
            assert!(with(name, text).unwrap_err().contains(said), "{name}");
        }
        // Fewer items, other words; braces of JSON are left alone.
        let own = with("questions.txt", "# mine\ndate: When?").unwrap();
        assert_eq!(own.questions, [(Item::Date, "When?".to_owned())]);
        with("context.txt", "{\"x\": 1} {captions} {question} { }").unwrap();
    }
}
