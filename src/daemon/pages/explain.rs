//! `/explain`: a caption, its own image, the image chosen, and every candidate near by with the rules it meets and breaks.

use super::super::answering::{self, Manner, waived as with_waived};
use super::super::dto::{Ask, Unique};
use super::super::problem::Problem;
use super::super::state::{Generation, Served, State};
use super::asking::{self, Choice, fitting, split_label};
use super::form::{Form, query};
use super::rules::{Chip, label, left};
use super::search::Trouble;
use super::tiles::Tile;
use super::{Frame, has_session, made, rendered, text};
use crate::constraints::{Bound, Subject};
use crate::query::{Answer, Hit, Step};
use crate::words::Order;
use askama::Template;
use axum::extract;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "explain.html")]
struct Page {
    frame: Frame,
    indexes: Vec<Choice>,
    splits: Vec<Choice>,
    /// The id as typed.
    id: String,
    shown: Shown,
}

enum Shown {
    /// No id yet.
    Begin,
    Trouble(Trouble),
    Explained(Box<Explained>),
}

struct Explained {
    own: Tile,
    chosen: Option<Tile>,
    clip: Option<Clip>,
    short: Option<String>,
    /// The same caption under the other splits.
    tabs: Vec<(String, String, bool)>,
    candidates: Vec<Candidate>,
    taken: usize,
    rejected: usize,
    score: &'static str,
    funnel: Vec<Bar>,
    admissible: String,
    pool: String,
    plan: Plan,
    waived: Vec<&'static str>,
    search: String,
    /// Checks the caption beside the chosen image.
    check: Option<String>,
    more: Option<String>,
}

/// CTI with the own image, and with the chosen one; widths in percent of the bar.
struct Clip {
    own: String,
    chosen: String,
    own_width: u32,
    chosen_width: u32,
    margin: String,
    fooled: bool,
}

struct Candidate {
    /// Among all that are listed, by score.
    place: usize,
    tile: Tile,
    taken: bool,
    chosen: bool,
    score: String,
    /// Of 100: where its score lies between the worst and the best that are listed.
    width: u32,
    chips: Vec<Chip>,
    broken: usize,
    explain: String,
}

/// How many candidates leave at one rule.
struct Bar {
    class: &'static str,
    label: String,
    rule: &'static str,
    count: String,
    share: String,
    width: f64,
}

struct Plan {
    strategy: String,
    reason: String,
    stages: String,
    counters: Vec<(&'static str, String)>,
    steps: Vec<(&'static str, String)>,
}

pub(super) async fn page(extract::State(state): extract::State<Arc<State>>, headers: HeaderMap, uri: Uri) -> Response {
    let form = Form::read(uri.query().unwrap_or_default());
    let signed_in = has_session(&state, &headers);
    made(state, move |state, generation, _| {
        let served = asking::served(generation, &form)?;
        let (status, shown) = match (form.get("id"), shown(state, generation, served, &form)) {
            (None, _) => (StatusCode::OK, Shown::Begin),
            (Some(_), Ok(shown)) => (StatusCode::OK, shown),
            (Some(_), Err((problem, ways))) => {
                (problem.kind.status(), Shown::Trouble(Trouble { ways, ..Trouble::new(&problem) }))
            }
        };
        let id = form.get("id").unwrap_or_default().to_owned();
        let title = if id.is_empty() { "Explain".into() } else { format!("Explain {id}") };
        let frame = Frame::over(title, "explain", &served.name, signed_in);
        let chosen =
            form.get("split").map(str::to_owned).or_else(|| fitting(generation, served).next().map(|s| s.name.clone()));
        let choice = |value: &str, label: String, chosen| Choice { value: value.to_owned(), label, chosen };
        let page = Page {
            frame,
            indexes: generation.served.iter().map(|s| choice(&s.name, s.name.clone(), s.name == served.name)).collect(),
            splits: fitting(generation, served)
                .map(|s| choice(&s.name, split_label(&s.name), chosen.as_ref() == Some(&s.name)))
                .collect(),
            id,
            shown,
        };
        Ok((status, rendered(&page)?))
    })
    .await
}

type Ways = Vec<(String, String)>;

fn shown(state: &State, generation: &Generation, served: &Served, form: &Form) -> Result<Shown, (Problem, Ways)> {
    let plainly = |problem: Problem| (problem, Vec::new());
    let Some(id) = form.get("id") else { return Ok(Shown::Begin) };
    let name = match form.get("split") {
        Some(name) => name.to_owned(),
        None => fitting(generation, served).next().map(|s| s.name.clone()).ok_or_else(|| {
            plainly(Problem::invalid("split", "no split fits this index; a plain search rejects nothing to explain"))
        })?,
    };
    let row = asking::sample(served, id).map_err(|problem| {
        let words = query(&[("index", &served.name), ("by", "words"), ("words", id)]);
        (problem, vec![(format!("Look for “{id}” in the captions"), format!("/?{words}"))])
    })?;
    let (k, explain) = asking::explained(form, state).map_err(plainly)?;
    let waive = asking::waived(form).map_err(plainly)?;
    let mut split = generation.split(&name).map_err(plainly)?.clone();
    with_waived(&mut split, &waive).map_err(plainly)?;
    let searcher = served.searcher(split).map_err(|e| plainly(answering::unbound(&e)))?;
    let subject = Subject::of_row(searcher.bound(), row);
    let ask = Ask {
        index: Some(served.name.clone()),
        split: Some(name),
        id: Some(served.index.catalog.id(row)),
        k: Some(k),
        engine: asking::engine(form).map_err(plainly)?,
        // As the matcher chooses, where CLIP can be asked.
        adversarial: Some(subject.own_cti().is_some() && form.get("adversarial") != Some("no")),
        unique: form.is("unique").then_some(Unique::Image),
        partition: form.get("partition").map(str::to_owned),
        explain: Some(explain),
        waive: Some(waive),
        ..Ask::default()
    };
    let lacks = searcher.bound().missing_fact(&subject).or_else(|| searcher.bound().refusal(&subject));
    let mut ways = Vec::new();
    if let Some(lack) = lacks.filter(|l| l.rule.can_be_waived()) {
        let waived: Vec<&str> = form.all("waive").chain([lack.rule.name()]).collect();
        let rest = form.with(&[("waive", None)]);
        let all: Vec<(&str, &str)> = waived.into_iter().map(|r| ("waive", r)).collect();
        ways.push((format!("Let the rule “{}” hold", label(lack.rule)), format!("/explain?{rest}&{}", query(&all))));
    }
    match answering::answer(state, generation, ask, Manner::Explain) {
        Ok(answer) => {
            let mut explained = explained(generation, served, (searcher.bound(), &subject), &answer, form);
            explained.waived.extend(searcher.bound().split.waived().map(label));
            if answer.results.is_empty() {
                explained.more = ways.into_iter().next().map(|w| w.1);
            }
            Ok(Shown::Explained(Box::new(explained)))
        }
        Err(halt) => Err((halt.problem(), ways)),
    }
}

fn explained(
    generation: &Generation,
    served: &Served,
    (bound, subject): (&Bound<'_>, &Subject),
    answer: &Answer,
    form: &Form,
) -> Explained {
    let catalog = &served.index.catalog;
    let order = bound.order();
    let row = subject.row.unwrap_or(crate::words::Row(0));
    let asked_at = catalog.timestamp(row);
    let links = Form::default();
    let link =
        |split: &str, id: &str| format!("/explain?{}", query(&[("index", &served.name), ("split", split), ("id", id)]));
    let one = |hit: &Hit, taken: bool| {
        let tile = Tile::of_hit(served, hit, asked_at, &links);
        let chips: Vec<Chip> = bound.outcomes(subject, hit.row).iter().map(Chip::new).collect();
        Candidate {
            place: 0,
            taken,
            chosen: false,
            score: tile.found.as_ref().map_or(String::new(), |f| f.score.clone()),
            width: 0,
            broken: chips.iter().filter(|c| c.class != "holds").count(),
            chips,
            explain: link(&bound.split.name, &tile.id),
            tile,
        }
    };
    let rejected = answer.explanation.iter().flat_map(|e| &e.rejected);
    let mut listed: Vec<(f32, Candidate)> = answer.results.iter().map(|hit| (hit.score, one(hit, true))).collect();
    if let Some((_, first)) = listed.first_mut() {
        first.chosen = true;
    }
    listed.extend(rejected.map(|r| (r.hit.score, one(&r.hit, false))));
    listed.sort_by(|(a, _), (b, _)| if order == Order::Highest { b.total_cmp(a) } else { a.total_cmp(b) });
    let (best, worst) = (listed.first().map_or(0.0, |l| l.0), listed.last().map_or(0.0, |l| l.0));
    let mut candidates: Vec<Candidate> = Vec::with_capacity(listed.len());
    for ((score, candidate), place) in listed.into_iter().zip(1..) {
        let share = if best == worst { 1.0 } else { (score - worst) / (best - worst) };
        candidates.push(Candidate { place, width: (8.0 + 92.0 * share) as u32, ..candidate });
    }
    let chosen = answer.results.first();
    let fits = fitting(generation, served);
    let own = Tile::new(served, row, &links);
    Explained {
        clip: chosen.and_then(|hit| clip(subject.own_cti()?, hit)),
        chosen: chosen.map(|hit| Tile::of_hit(served, hit, asked_at, &links)),
        short: answer.short.clone(),
        tabs: fits.map(|s| (split_label(&s.name), link(&s.name, &own.id), s.name == bound.split.name)).collect(),
        taken: candidates.iter().filter(|c| c.taken).count(),
        rejected: candidates.iter().filter(|c| !c.taken).count(),
        candidates,
        score: if order == Order::Lowest { "least alike first" } else { "most alike first" },
        admissible: text::count(answer.explanation.as_ref().map_or(0, |e| e.funnel.admissible)),
        pool: text::count(answer.explanation.as_ref().map_or(0, |e| e.funnel.pool)),
        funnel: funnel(answer),
        plan: plan(answer),
        waived: Vec::new(),
        search: {
            let target = format!("split:{}", bound.split.name);
            format!("/?{}", query(&[("index", &served.name), ("in", &target), ("by", "id"), ("id", &own.id)]))
        },
        check: chosen.map(|hit| {
            let image = text::id(&hit.id);
            format!("/check?{}", query(&[("index", &served.name), ("id", &own.id), ("image", &image)]))
        }),
        more: None,
        own: Tile { search: format!("/?{}", form.with(&[])), ..own },
    }
}

fn clip(own: f32, chosen: &Hit) -> Option<Clip> {
    let cti = chosen.clip?;
    // Cosines of CLIP lie close together: bars begin at 0 and end a little above the better of the two.
    let most = own.max(cti).max(0.01) * 1.1;
    let width = |x: f32| (100.0 * (x / most).clamp(0.0, 1.0)).round() as u32;
    Some(Clip {
        own: format!("{own:.3}").replace('-', "−"),
        chosen: format!("{cti:.3}").replace('-', "−"),
        own_width: width(own),
        chosen_width: width(cti),
        margin: text::signed(cti - own),
        fooled: cti >= own,
    })
}

/// From the pool to what may be chosen; how wide each bar is, of 100.
fn funnel(answer: &Answer) -> Vec<Bar> {
    let Some(funnel) = answer.explanation.as_ref().map(|e| &e.funnel) else { return Vec::new() };
    let of = funnel.pool.max(1) as f64;
    let bar = |class, label: &str, rule, n: u64| Bar {
        class,
        label: label.to_owned(),
        rule,
        count: text::count(n),
        share: match 100.0 * n as f64 / of {
            p if n > 0 && p < 0.1 => "<0.1%".to_owned(),
            p => format!("{p:.1}%"),
        },
        // So wide that one is still seen.
        width: if n == 0 { 0.0 } else { (100.0 * n as f64 / of).max(0.4) },
    };
    let mut bars = vec![bar("pool", "in the pool", "", funnel.pool)];
    bars.extend(funnel.rejected.iter().map(|(rule, n)| bar("lost", left(rule), rule.name(), n)));
    bars.push(bar("kept", "may be chosen", "", funnel.admissible));
    if let Some(hard) = funnel.adversarial {
        bars.push(bar("hard", "CLIP likes at least as much as its own image (H)", "", hard));
    }
    bars
}

fn plan(answer: &Answer) -> Plan {
    let plan = &answer.plan;
    let steps = Step::ALL.into_iter().filter(|&step| !answer.steps.of(step).is_zero());
    Plan {
        strategy: text::spaced(plan.strategy.name()),
        reason: plan.reason.clone(),
        stages: plan.stages.iter().map(|s| text::spaced(s)).collect::<Vec<_>>().join(" → "),
        counters: vec![
            ("eligible", text::count(plan.eligible)),
            ("looked at", text::count(plan.visited)),
            ("scored", text::count(plan.scored)),
            ("rejected on the way", text::count(plan.rejected.total())),
            ("answered in", text::time(answer.elapsed_us as f64 / 1e6)),
        ],
        steps: steps.map(|s| (s.name(), text::time(answer.steps.of(s).as_secs_f64()))).collect(),
    }
}
