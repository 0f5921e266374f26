//! Sentences with their slots filled, and the entity mentions that so arise.

use super::chance::Chance;
use super::gazetteer::{AGENCIES, COUNTRIES, MONTHS, ORG_HEADS, WEEKDAYS, person_name};
use super::scenes::{GENERIC, MORE, ROLES, SHORT, TOPICS, topic};
use super::world::Event;
use jiff::civil::Date;

/// An entity mention; `text` stands in the caption letter for letter.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub(super) text: String,
    /// A spaCy label.
    pub(super) label: &'static str,
    /// The linked title, where the linker found one.
    pub(super) link: Option<String>,
}

/// A caption and what it speaks of.
#[derive(Debug, Clone, Default)]
pub(super) struct Caption {
    pub(super) text: String,
    pub(super) mentions: Vec<Mention>,
    /// The persons with the name first used for each, without a possessive.
    pub(super) persons: Vec<(u32, String)>,
    /// Does it say where?
    pub(super) place: bool,
    pub(super) generic: bool,
}

/// Writes a caption for a picture of `event` taken on `date`, in the manner of an outlet that writes
/// dates as the British do or not.
pub(super) fn write(event: &Event, date: Date, british: bool, chance: &mut Chance) -> Caption {
    let kind = &topic(event.topic).kinds[event.kind];
    let about_somebody = chance.per_mille(560);
    let usual = *chance.pick(if about_somebody { &kind.people } else { &kind.places });
    let manner = chance.below(1000);
    let (template, generic) = match manner {
        0..15 => (*chance.pick(&GENERIC), true),
        15..45 => (*chance.pick(&SHORT), false),
        _ => (usual, false),
    };
    let mut writer = Writer { event, date, british, chance, caption: Caption { generic, ..Caption::default() } };
    writer.fill(template);
    if manner >= 45 {
        writer.fill_ending(template);
    }
    if (45..75).contains(&manner) {
        for sentence in MORE.iter().cycle().skip(manner as usize % MORE.len()).take(2) {
            writer.caption.text.push(' ');
            writer.caption.text.push_str(sentence);
        }
    }
    writer.caption
}

/// Persons keep their role; persons of one topic are numbered in steps of [`TOPICS`].
fn role_of(person: u32) -> usize {
    person as usize / TOPICS % ROLES
}

struct Writer<'a> {
    event: &'a Event,
    date: Date,
    british: bool,
    chance: &'a mut Chance,
    caption: Caption,
}

impl Writer<'_> {
    fn fill_ending(&mut self, template: &str) {
        let dated = ["{d}", "{w}", "{y}"].iter().any(|slot| template.contains(slot));
        match self.chance.below(100) {
            0..28 if !dated => self.fill(" on {d}"),
            28..43 if !dated => self.fill(" on {w}"),
            43..53 if !dated => self.fill(" in {y}"),
            53..68 => self.fill(" Photograph {a}"),
            _ => {}
        }
    }

    fn fill(&mut self, template: &str) {
        let mut rest = template;
        while let Some((before, (slot, after))) =
            rest.split_once('{').and_then(|(b, r)| r.split_once('}').map(|sa| (b, sa)))
        {
            self.caption.text.push_str(before);
            self.slot(slot);
            rest = after;
        }
        self.caption.text.push_str(rest);
    }

    fn slot(&mut self, slot: &str) {
        let event = self.event;
        let words = topic(event.topic);
        let kind = &words.kinds[event.kind];
        let country = &COUNTRIES[event.country];
        let city = country.cities[event.city];
        match slot {
            "p" => self.person(event.persons[0], false),
            "p's" => self.person(event.persons[0], true),
            "q" => self.person(event.persons[1], false),
            "r" => self.caption.text.push_str(words.roles[role_of(event.persons[0])]),
            "c" => {
                self.caption.place = true;
                self.mention(city.to_owned(), "GPE", Some(city.to_owned()));
            }
            "l" => {
                self.caption.place = true;
                let common = self.chance.per_mille(600);
                let surface = if common { country.surfaces[0] } else { *self.chance.pick(country.surfaces) };
                self.mention(surface.to_owned(), "GPE", Some(country.title.to_owned()));
            }
            "n" => self.mention(country.adjective.to_owned(), "NORP", Some(country.title.to_owned())),
            "o" => self.organisation(ORG_HEADS[event.org], kind.org),
            "v" => self.named_after_city(city, kind.venue, "FAC"),
            "e" => self.named_after_city(city, kind.occasion, "EVENT"),
            "a" => {
                let agency = *self.chance.pick(&AGENCIES);
                self.mention(agency.to_owned(), "ORG", None);
            }
            "k" => {
                let number = *self.chance.pick(&["two", "three", "12", "14", "40", "250", "1,200", "30,000"]);
                self.mention(number.to_owned(), "CARDINAL", None);
            }
            "m" => {
                let amount = 1 + self.chance.below(90);
                let sign = if self.british { '£' } else { '$' };
                self.mention(format!("{sign}{amount}m"), "MONEY", None);
            }
            "w" => {
                let day = WEEKDAYS[self.date.weekday().to_monday_zero_offset().clamp(0, 6) as usize];
                self.mention(day.to_owned(), "DATE", None);
            }
            "d" => {
                let (day, year) = (self.date.day(), self.date.year());
                let month = MONTHS[self.date.month().clamp(1, 12) as usize - 1];
                let text = if self.british { format!("{day} {month} {year}") } else { format!("{month} {day} {year}") };
                self.mention(text, "DATE", None);
            }
            "y" => self.mention(self.date.year().to_string(), "DATE", None),
            // Not a slot: a test makes sure that no sentence has one.
            other => self.caption.text.push_str(other),
        }
    }

    /// Full name or surname, sometimes in capitals, with both kinds of apostrophe; one link for all.
    fn person(&mut self, person: u32, possessive: bool) {
        let (first, last) = person_name(person);
        let title = match person as usize / TOPICS % 9 {
            // Some names need a word to tell them apart.
            4 => format!("{first} {last} ({})", topic(self.event.topic).roles[role_of(person)]),
            _ => format!("{first} {last}"),
        };
        let mut name = if self.chance.per_mille(120) { last } else { format!("{first} {last}") };
        if self.chance.per_mille(30) {
            name = name.to_uppercase();
        }
        let surface = match possessive {
            false => name.clone(),
            true if self.chance.per_mille(250) => format!("{name}\u{2019}s"),
            true => format!("{name}'s"),
        };
        self.mention(surface, "PERSON", Some(title));
        if self.caption.persons.iter().all(|(p, _)| *p != person) {
            self.caption.persons.push((person, name));
        }
    }

    /// The full name, or the initials where they are three or more.
    fn organisation(&mut self, head: &str, tail: &str) {
        let full = format!("{head} {tail}");
        let initials: String = full.split(' ').filter_map(|word| word.chars().next()).collect();
        let surface = match self.chance.below(100) {
            0..20 if initials.len() >= 3 => initials,
            20..23 => full.to_uppercase(),
            _ => full.clone(),
        };
        self.mention(surface, "ORG", Some(full));
    }

    fn named_after_city(&mut self, city: &str, tail: &str, label: &'static str) {
        let full = format!("{city} {tail}");
        self.caption.place = true;
        self.mention(full.clone(), label, Some(full));
    }

    /// Writes a mention; the linker finds three titles in four.
    fn mention(&mut self, text: String, label: &'static str, title: Option<String>) {
        self.caption.text.push_str(&text);
        let found = self.chance.per_mille(750);
        self.caption.mentions.push(Mention { text, label, link: title.filter(|_| found) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenes::KINDS;
    use super::*;

    /// Every slot in every sentence is a known one, and sentences about nobody name nobody.
    #[test]
    fn sentences_have_known_slots() {
        let slots = |template: &'static str| {
            template.split('{').skip(1).map(|rest| rest.split_once('}').map_or("unclosed", |(slot, _)| slot))
        };
        let known = ["p", "p's", "q", "r", "c", "l", "n", "o", "v", "e", "k", "m", "d", "w", "y"];
        for number in 0..TOPICS as u32 {
            let kinds: &[_; KINDS] = &topic(number).kinds;
            for template in kinds.iter().flat_map(|k| k.people.iter().chain(&k.places)).chain(&GENERIC).chain(&SHORT) {
                assert!(slots(template).all(|slot| known.contains(&slot)), "{template}");
            }
            for kind in kinds {
                assert!(kind.people.iter().all(|t| slots(t).any(|s| s.starts_with('p'))), "{:?}", kind.people);
                assert!(kind.places.iter().all(|t| !slots(t).any(|s| ["p", "p's", "q", "r"].contains(&s))));
            }
        }
    }
}
