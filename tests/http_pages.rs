//! The fear: a page that runs what somebody wrote into a caption; that shows other answers than the API gives, or nothing without
//! scripts; that lets in whom the API would not. Every page, without a browser (tests/browser has one).

mod common;
#[path = "http_api/house.rs"]
#[allow(dead_code, reason = "it serves the tests of the API, too")]
mod house;

use axum::body::Body;
use axum::http::Request;
use house::{House, Reply, SPLITS, block, index};
use mispair::daemon::{Config, Fault, Models, State, Token, app};
use mispair::index::Index;
use mispair::query::vector_of;
use serde_json::{Value, json};
use std::sync::Arc;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const TOKEN: &str = "the-read-token-0123456789";

/// What every page promises, whatever it says.
fn page(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(reply.header("content-security-policy"), POLICY);
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("cache-control"), "private, no-cache");
    let html = String::from_utf8(reply.bytes.to_vec()).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{html}");
    // Nothing that the policy would have to stop, and nothing from elsewhere.
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        assert!(!tag.starts_with("script") || tag.contains("src=\"/static/"), "<{tag}>");
        assert!(!tag.starts_with("style"), "<{tag}>");
        for (name, value) in attributes(tag) {
            assert!(!name.starts_with("on") && !name.starts_with("hx-on") && name != "style", "<{tag}>");
            // A photo that was sent stands in the page itself.
            if name == "src" && tag.starts_with("img ") && value.starts_with("data:image/") {
                continue;
            }
            if ["src", "href", "action", "formaction", "hx-get", "hx-post"].contains(&name) {
                assert!(value.starts_with(['/', '#']) && !value.starts_with("//"), "<{tag}>");
            }
        }
    }
    html
}

/// Names and values as they stand in a tag.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let (mut all, mut rest) = (Vec::new(), tag.split_once(char::is_whitespace).map_or("", |t| t.1).trim_start());
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let quote = after.strip_prefix('=').and_then(|value| value.chars().next()).filter(|c| "\"'".contains(*c));
        let (value, next) = match quote {
            Some(quote) => after[2..].split_once(quote).expect("a quote is closed"),
            None => ("", after.trim_start_matches('=')),
        };
        all.push((name, value));
        rest = next.trim_start();
    }
    all
}

/// What stands between two texts, each time.
fn between<'h>(html: &'h str, from: &'h str, to: &'h str) -> Vec<&'h str> {
    html.split(from).skip(1).filter_map(|rest| rest.split(to).next()).collect()
}

fn unescaped(text: &str) -> String {
    let mut out = text.to_owned();
    for (entity, c) in [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, c);
    }
    out
}

/// The ids of the tiles, in order.
fn tiles(html: &str) -> Vec<String> {
    let ids =
        between(html, "<li class=\"tile\"", "</li>").into_iter().map(|tile| between(tile, "class=\"id\">", "<")[0]);
    ids.map(unescaped).collect()
}

fn ids(answer: &Value) -> Vec<String> {
    let all = answer["results"].as_array().unwrap().iter().map(|hit| &hit["id"]);
    all.map(typed).collect()
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// Ids of captions that may be pristine in the split, as JSON and as typed.
fn able(split: &str) -> Vec<(Value, String)> {
    use mispair::constraints::{Bound, Split};
    let bound = Bound::new(index(), Split::builtin(split).unwrap()).unwrap();
    // Rows 5 and 6 have ids that differ by their type alone.
    let rows = index().catalog.rows().filter(|&r| r.0 != 5 && r.0 != 6 && bound.refused_as_pristine(r).is_none());
    rows.map(|r| json!(index().catalog.id(r))).map(|id| (id.clone(), typed(&id))).take(6).collect()
}

/// An id without its quotes.
fn typed(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

#[test]
fn tiles_are_what_the_api_answers() {
    let house = House::new(|_| {});
    block(async {
        let mut found = 0;
        for split in SPLITS {
            for (id, text) in able(split) {
                let html = page(&house.get(&format!("/?in=split:{split}&by=id&id={}&k=7", encoded(&text))).await, 200);
                let answer = house.ask("/v1/query", json!({ "split": split, "id": id, "k": 7 })).await.ok();
                assert_eq!(tiles(&html), ids(&answer), "{split} {id}");
                found += tiles(&html).len();
                let explained = format!("/explain?index=index&split={split}");
                assert!(unescaped(&html).contains(&explained), "it leads to its explanation");
            }
        }
        assert!(found > 20);
        // Every setting arrives.
        let set = "adversarial=on&unique=on&engine=exact&partition=train&waive=days&waive=entities";
        let (id, text) = able(SPLITS[0]).remove(0);
        let html = page(&house.get(&format!("/?in=split:{}&id={}&k=30&{set}", SPLITS[0], encoded(&text))).await, 200);
        let ask = json!({ "split": SPLITS[0], "id": id, "k": 30, "adversarial": true, "unique": "image", "engine": "exact",
            "partition": "train", "waive": ["days", "entities"] });
        let answer = house.ask("/v1/query", ask.clone()).await.ok();
        assert_eq!(tiles(&html), ids(&answer));
        // The command for curl asks for just this.
        let curl = unescaped(between(&html, "<pre tabindex=\"0\" aria-labelledby=\"as-curl\">", "</pre>")[0]);
        let mut said: Value = serde_json::from_str(between(&curl, "-d '", "'")[0]).unwrap();
        assert_eq!(said.as_object_mut().unwrap().remove("index"), Some(json!("index")));
        assert_eq!(said, ask);
        let link = unescaped(between(&html, "<p><a href=\"", "\"")[0]);
        assert_eq!(tiles(&page(&house.get(&link).await, 200)), ids(&answer), "the permalink");
    });
}

#[test]
fn by_words_and_by_vector_without_scripts() {
    let house = House::new(|_| {});
    block(async {
        let caption = index().catalog.caption(mispair::words::Row(9)).to_lowercase();
        let word = caption.split_whitespace().find(|w| w.chars().all(char::is_alphanumeric)).unwrap();
        let html = page(&house.get(&format!("/?by=words&words={}", encoded(&word.to_uppercase()))).await, 200);
        let found = tiles(&html);
        assert!(!found.is_empty());
        let nothing = page(&house.get("/?words=nobodywrotethis").await, 200);
        assert!(tiles(&nothing).is_empty() && nothing.contains("No caption has"));
        let matrix = index().matrix("clip-image").unwrap();
        let row = index().catalog.rows().find(|&r| matrix.has(r)).unwrap();
        let vector = &matrix.vector(matrix.find(row).unwrap())[..matrix.dim()];
        let text: Vec<String> = vector.iter().map(f32::to_string).collect();
        let html = page(
            &house.get(&format!("/?in=modality:clip-image&by=vector&k=9&vector=[{}]", text.join(",+"))).await,
            200,
        );
        let ask = json!({ "modality": "clip-image", "vector": vector, "k": 9 });
        assert_eq!(tiles(&html), ids(&house.ask("/v1/vectors:search", ask).await.ok()));
        assert_eq!(tiles(&html).len(), 9);
    });
}

#[test]
fn filters_hide_and_do_not_search() {
    let house = House::new(|_| {});
    block(async {
        let path = "/?in=modality:clip-image&id=9&k=20";
        let whole = page(&house.get(path).await, 200);
        let scores: Vec<f64> = between(&whole, "data-score=\"", "\"").iter().map(|s| s.parse().unwrap()).collect();
        let bar = (scores[7] + scores[8]) / 2.0;
        let html = page(&house.get(&format!("{path}&score_min={bar}")).await, 200);
        assert_eq!(tiles(&html), tiles(&whole));
        let hidden: Vec<bool> =
            between(&html, "<li class=\"tile\"", ">").iter().map(|tag| tag.contains(" hidden")).collect();
        let wanted: Vec<bool> = scores.iter().map(|s| *s < bar).collect();
        assert_eq!(hidden, wanted);
        assert!(html.contains("they hide, and do not search again"));
        page(&house.get(&format!("{path}&days_min=x")).await, 422);
    });
}

#[test]
fn checks_are_what_the_api_says() {
    let house = House::new(|_| {});
    block(async {
        let id = |row: u32| json!(index().catalog.id(mispair::words::Row(row)));
        let mut verdicts = std::collections::BTreeSet::new();
        for row in 10..25 {
            let (own, other) = (id(row), id((row + 150) % 400));
            let caption = index().catalog.caption(mispair::words::Row(row));
            let typed = |id: &Value| encoded(&typed(id));
            let (own_id, other_id) = (typed(&own), typed(&other));
            for (ask, fields) in [
                (json!({ "id": own, "image_id": other }), format!("id={own_id}&image={other_id}")),
                (
                    json!({ "caption": caption, "image_id": own }),
                    format!("caption={}&image={own_id}", encoded(caption)),
                ),
            ] {
                let mut ask = ask;
                (ask["other_image"], ask["same_image"]) = (json!(0.5), json!(0.9));
                let path = format!("/check?{fields}&other_image=0.5&same_image=0.9");
                let html = page(&house.get(&path).await, 200);
                let answer = house.ask("/v1/verify", ask.clone()).await.ok();
                let lines = between(&html, "<li class=\"candidate line", "</li>");
                let said = answer["evidence"].as_array().unwrap();
                assert_eq!(lines.len(), said.len());
                for (shown, line) in lines.iter().zip(said) {
                    let cosine = between(shown, "<span class=\"score\">", "<").first().map(|c| c.replace('−', "-"));
                    let (cosine, said) = (cosine.map(|c| c.parse::<f64>().unwrap()), line["image_similarity"].as_f64());
                    assert_eq!(cosine.is_some(), said.is_some(), "{shown}");
                    assert!((cosine.unwrap_or(0.0) - said.unwrap_or(0.0)).abs() < 0.00051, "{said:?} in {shown}");
                    assert!(unescaped(shown).contains(line["caption"].as_str().unwrap()));
                    assert_eq!(shown.contains("says the same"), line["caption_matches"] == true);
                }
                let stamp = between(&html, "<section class=\"card stamp ", "</section>")[0];
                let class = match answer["verdict"].as_str().unwrap() {
                    "accurate" => "accurate\"",
                    "out-of-context" => "apart\"",
                    _ => "open\"",
                };
                assert!(
                    stamp.starts_with(class) && unescaped(stamp).contains(answer["why"].as_str().unwrap()),
                    "{stamp}"
                );
                // Evidence stands before the verdict.
                assert!(html.find("Found by the image") < html.find("card stamp"));
                verdicts.insert(class);
                // The command for curl asks for just this.
                let curl = unescaped(between(&html, "<pre tabindex=\"0\" aria-labelledby=\"as-curl\">", "</pre>")[0]);
                let body = curl.split_once("-d '").unwrap().1.trim_end().trim_end_matches('\'').replace("'\\''", "'");
                let again: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(house::timeless(house.ask("/v1/verify", again).await.ok()), house::timeless(answer));
                let link = unescaped(between(&html, "<p><a href=\"/check?", "\"")[0]);
                let again = page(&house.get(&format!("/check?{link}")).await, 200);
                assert_eq!(between(&again, "<section class=\"card stamp ", "</section>")[0], stamp, "the permalink");
            }
        }
        assert!(verdicts.len() >= 2, "{verdicts:?}");
        let html = page(&house.get("/check").await, 200);
        let links: Vec<String> =
            between(&html, "<li class=\"tile\"><a href=\"", "\"").into_iter().map(unescaped).collect();
        assert!(links.len() >= 4, "{links:?}");
        for link in links {
            page(&house.get(&link).await, 200);
        }
    });
}

#[test]
fn explanations_are_what_the_api_explains() {
    let house = House::new(|_| {});
    block(async {
        let mut rejected = 0;
        for split in SPLITS {
            for (id, text) in able(split) {
                let html = page(&house.get(&format!("/explain?split={split}&id={}", encoded(&text))).await, 200);
                let ask = json!({ "split": split, "id": id, "k": 10, "adversarial": true, "explain": 15 });
                let answer = house.ask("/v1/explain", ask).await.ok();
                let listed = between(&html, "<li class=\"candidate ", "</ol>").into_iter().map(|item| {
                    (item.starts_with("rejected"), between(item, "aria-label=\"Explain sample ", "\"")[0], item)
                });
                let listed: Vec<_> = listed.collect();
                let of = |flag: bool| -> Vec<String> {
                    listed.iter().filter(|l| l.0 == flag).map(|l| unescaped(l.1)).collect()
                };
                let mut taken = ids(&answer);
                let chosen = listed.iter().find(|l| l.2.starts_with("taken first")).map(|l| l.1.to_owned());
                assert_eq!(chosen, taken.first().cloned());
                let (mut shown, told) = (of(false), &answer["explanation"]["rejected"]);
                taken.sort();
                shown.sort();
                assert_eq!(shown, taken);
                assert_eq!(of(true), ids(&json!({ "results": told })), "the rejected, in their order");
                for why in told.as_array().unwrap() {
                    let id = ids(&json!({ "results": [why] }))[0].clone();
                    let item = listed.iter().find(|l| l.0 && l.1 == id).unwrap().2.split("</li>\n").next().unwrap();
                    for failure in why["failures"].as_array().unwrap() {
                        let value = failure["why"].as_str().unwrap().split(", ").next().unwrap();
                        assert!(unescaped(item).contains(value), "{value}: {item}");
                        rejected += 1;
                    }
                }
                let funnel = &answer["explanation"]["funnel"];
                for n in [&funnel["pool"], &funnel["admissible"]] {
                    assert!(html.contains(&format!("<span class=\"n\">{n}<small>")), "{funnel}");
                }
            }
        }
        assert!(rejected > 50);
    });
}

#[test]
fn what_cannot_be_asked_is_said_with_a_way_on() {
    let house = House::new(|_| {});
    block(async {
        let html = page(&house.get("/?by=id&id=nosuch").await, 404);
        assert!(html.contains("no sample “nosuch”") && html.contains("in the captions"));
        assert!(html.contains("value=\"nosuch\""), "what was typed is kept");
        for (path, status, said) in [
            ("/?id=9&k=0", 422, "k = 0"),
            ("/?id=9&k=x", 422, "is not a number"),
            ("/?id=9&k=9999999", 422, "limit"),
            ("/?id=9&in=split:none", 422, "no split is called"),
            ("/?id=9&in=modality:none", 422, "no modality"),
            ("/?id=9&engine=fast", 422, "no engine"),
            ("/?id=9&waive=colour", 422, "no rule is called"),
            ("/?id=9&partition=none", 422, "no partition"),
            ("/?by=vector&vector=1+two&in=modality:clip-image", 422, "number 2"),
            ("/?by=vector&vector=1+2&in=modality:clip-image", 422, "clip-image"),
            ("/?by=text&text=hello&in=modality:clip-image", 422, "encoder"),
            ("/?index=none&id=9", 404, "none"),
            ("/explain?id=nosuch", 404, "no sample “nosuch”"),
            ("/explain?id=9&split=none", 422, "no split is called"),
            ("/explain?id=9&index=none", 404, "none"),
            ("/check?id=nosuch", 404, "no sample “nosuch”"),
            ("/check?id=9&image=nosuch", 404, "no sample “nosuch”"),
            ("/check?caption=x", 422, "image_id"),
            ("/check?caption=x&vector=1+two", 422, "“two”"),
            ("/check?caption=x&id=9", 422, "not both"),
            ("/check?id=9&match=roughly", 422, "equal or within"),
            ("/check?id=9&same_image=high", 422, "not a number"),
        ] {
            let reply = house.get(path).await;
            // An index that is not there is a field of the request like others.
            let status = if path.contains("index=none") { reply.status.as_u16() } else { status };
            assert!((400..500).contains(&status), "{path}");
            let html = page(&reply, status);
            assert!(unescaped(&html).contains(said), "{path}: {html}");
            assert!(html.contains("role=\"alert\""), "{path}");
        }
        // A vector from outside brings no facts: the way on is a plain search.
        let dim = index().matrix("clip-text").unwrap().dim();
        let path = format!("/?by=vector&in=split:{}&vector={}", SPLITS[1], vec!["0.5"; dim].join("+"));
        let html = page(&house.get(&path).await, 422);
        assert!(html.contains("without constraints"));
        let link = unescaped(between(&html, "<a class=\"button\" href=\"", "\"")[0]);
        assert!(!tiles(&page(&house.get(&link).await, 200)).is_empty());
    });
}

#[test]
fn nothing_that_somebody_wrote_becomes_markup() {
    const ODD: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;</textarea></title>{{7*7}}";
    let dir = tempfile::tempdir().unwrap();
    let mut corpus = common::newsy(60, 3, &["train"]);
    for (i, sample) in corpus.samples.iter_mut().enumerate() {
        sample["id"] = json!(format!("{ODD}{i}"));
        for field in ["caption", "source", "topic", "image_path"] {
            sample[field] = json!(format!("Five words for the rules {ODD} {field} {i}"));
        }
    }
    corpus.build(dir.path());
    let config = house::config(&[&dir.path().join("index")]);
    let state = State::open(config, None).unwrap();
    let app = app(Arc::clone(&state));
    let get = async |path: &str| {
        house::reply(app.clone(), Request::get(path).header("host", "a\"><u>").body(Body::empty()).unwrap()).await
    };
    block(async {
        let odd = encoded(ODD);
        let id = encoded(&format!("{ODD}9"));
        let mut paths = vec!["/".to_owned(), "/status".into(), "/explain".into(), "/check".into()];
        paths.push(format!("/check?id={id}"));
        paths.push(format!("/check?id={id}&match=within&same_image=-1&other_image=-1&near_caption=-1"));
        paths.push(format!("/check?caption={odd}&image={id}"));
        for split in SPLITS {
            paths.push(format!(
                "/?in=split:{split}&id={id}&waive=days&waive=entities&waive=entity_count&waive=no_person"
            ));
            paths.push(format!(
                "/explain?split={split}&id={id}&waive=days&waive=entities&waive=entity_count&waive=no_person"
            ));
        }
        paths.push(format!("/?in=modality:clip-image&id={id}"));
        for field in [
            "by",
            "id",
            "words",
            "vector",
            "text",
            "facts",
            "in",
            "split",
            "modality",
            "index",
            "k",
            "engine",
            "partition",
            "waive",
            "from",
            "ef",
            "caption",
            "image",
            "same_image",
            "match",
            "entities",
            "days_min",
            "score_max",
            "n",
            "next",
            ODD,
        ] {
            for base in ["/?", "/explain?", "/check?", "/status?", "/signin?"] {
                paths.push(format!("{base}{}={odd}", encoded(field)));
                paths.push(format!("{base}id={id}&{}={odd}", encoded(field)));
            }
        }
        let mut shown = 0;
        for path in paths {
            let reply = get(&path).await;
            let html = page(&reply, reply.status.as_u16());
            for raw in ["<script>a", "<img src=x", "\"'>", "</title>{{", "<u>"] {
                assert!(!html.contains(raw), "{path} shows {raw}: {html}");
            }
            assert_eq!(html.matches("</title>").count(), 1, "{path}");
            assert_eq!(html.matches("</textarea>").count(), html.matches("<textarea").count(), "{path}");
            shown += html.matches("onerror=alert").count();
        }
        assert!(shown > 100, "the captions were there, as text");
    });
}

#[test]
fn status_tells_what_is_served_and_how_fast() {
    let house = House::new(|_| {});
    block(async {
        house.ask("/v1/query", json!({ "split": SPLITS[0], "id": able(SPLITS[0])[0].0 })).await.ok();
        let html = page(&house.get("/status").await, 200);
        let checksum = index().checksum.to_string();
        for needed in [checksum.as_str(), "/v1/query", "clip-image", ">search<", ">queue<", "400"] {
            assert!(html.contains(needed), "{needed}: {html}");
        }
        let metrics = String::from_utf8(house.get("/metrics").await.bytes.to_vec()).unwrap();
        assert!(metrics.contains("mispair_request_seconds_count{route=\"/v1/query\"} 1"), "{metrics}");
    });
}

#[test]
fn files_of_the_pages_and_no_others() {
    let house = House::new(|_| {});
    block(async {
        for (name, media_type) in [
            ("page.css", "text/css"),
            ("page.js", "text/javascript"),
            ("htmx.min.js", "text/javascript"),
            ("icon.svg", "image/svg+xml"),
        ] {
            let path = format!("/static/{name}");
            let reply = house.get(&path).await;
            assert!(reply.status == 200 && reply.header("content-type").starts_with(media_type), "{reply:?}");
            assert_eq!(
                (reply.header("x-content-type-options"), reply.header("content-security-policy")),
                ("nosniff", POLICY)
            );
            let again = Request::get(&path).header("if-none-match", reply.header("etag")).body(Body::empty()).unwrap();
            assert_eq!(house.send(again).await.status, 304);
            let text = String::from_utf8(reply.bytes.to_vec()).unwrap();
            assert!(!text.contains("@import") && !text.contains("url("), "{name} loads something");
        }
        for path in
            ["/static/", "/static/page.css/", "/static/..%2fpage.css", "/static/search.html", "/static/htmx.LICENSE"]
        {
            assert_eq!(house.get(path).await.status, 404, "{path}");
        }
    });
}

fn guarded() -> House {
    House::new(|config| config.auth.read_token = Some(Token::new(TOKEN, "read").unwrap()))
}

async fn browser(house: &House, path: &str, cookie: &str) -> Reply {
    let request = Request::get(path).header("accept", "text/html,*/*").header("cookie", cookie);
    house.send(request.body(Body::empty()).unwrap()).await
}

async fn sign_in(house: &House, body: String, site: &str) -> Reply {
    let request = Request::post("/signin").header("content-type", "application/x-www-form-urlencoded");
    house.send(request.header("sec-fetch-site", site).body(Body::from(body)).unwrap()).await
}

#[test]
fn signing_in_opens_what_the_token_opens_for_reading() {
    let house = guarded();
    block(async {
        for path in ["/", "/?id=9", "/explain", "/check", "/status"] {
            let html = page(&browser(&house, path, "mispair_session=0").await, 401);
            assert!(
                html.contains("name=\"token\"") && html.contains(&format!("name=\"next\" value=\"{path}\"")),
                "{html}"
            );
            house.get(path).await.problem(401, "unauthorized", None);
        }
        let reply = house.get("/static/page.css").await;
        assert_eq!(reply.status, 200, "the page to sign in has its style");
        let wrong = sign_in(&house, "token=wrong-token&next=/status".into(), "same-origin").await;
        assert!(page(&wrong, 401).contains("not one of this daemon"));
        assert_eq!(wrong.header("set-cookie"), "");
        page(&sign_in(&house, format!("token={TOKEN}"), "cross-site").await, 403);
        let reply = sign_in(&house, format!("token={TOKEN}&next=%2F%3Fid%3D9"), "same-origin").await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?id=9"));
        let cookie = reply.header("set-cookie").to_owned();
        for needed in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
            assert!(cookie.contains(needed), "{cookie}");
        }
        assert!(!cookie.contains(TOKEN), "the token stays out of the browser");
        let session = cookie.split(';').next().unwrap().to_owned();
        for path in ["/", "/explain?id=9", "/check?id=9", "/status"] {
            assert!(page(&browser(&house, path, &format!("a=b; {session}")).await, 200).contains("Sign out"));
        }
        browser(&house, "/v1/indexes", &session).await.ok();
        // It reads, and does nothing else.
        let ask = Request::post("/v1/query").header("content-type", "application/json").header("cookie", &session);
        house.send(ask.body(Body::from("{}")).unwrap()).await.problem(401, "unauthorized", None);
        let reload = Request::post("/v1/reload").header("cookie", &session).body(Body::empty()).unwrap();
        house.send(reload).await.problem(401, "unauthorized", None);
        let both = Request::get("/v1/indexes").header("cookie", &session).header("authorization", "Bearer wrong-token");
        house.send(both.body(Body::empty()).unwrap()).await.problem(401, "unauthorized", None);
        for near in [&session[..session.len() - 1], &format!("{session}0"), "mispair_session=", "mispair_session"] {
            assert_eq!(browser(&house, "/status", near).await.status, 401, "{near}");
        }
        let out = Request::post("/signout").header("cookie", &session).header("sec-fetch-site", "same-origin");
        let out = house.send(out.body(Body::empty()).unwrap()).await;
        assert!(out.status == 303 && out.header("set-cookie").contains("Max-Age=0"));
        assert_eq!(browser(&house, "/status", &session).await.status, 401);
        for away in ["//evil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example", ""] {
            let reply = sign_in(&house, format!("token={TOKEN}&next={away}"), "none").await;
            assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/"), "{away}");
        }
        let long = sign_in(&house, format!("token={}", "x".repeat(9 << 20)), "same-origin").await;
        page(&long, 413);
    });
}

/// The vector of a text is that of the sample whose id it is; the photo "…#5" is sample 5's, as far as its file begins like a JPEG.
struct ById;

impl ById {
    fn vector(id: &str) -> Result<Vec<f32>, String> {
        let row = index().catalog.find_any_type(&id.into()).ok_or("nobody has this id")?;
        vector_of(index(), row, "clip-text", "clip-text").map_err(|e| e.to_string())
    }
}

impl Models for ById {
    fn of(&self, _: &Index, modality: &str) -> Result<usize, String> {
        match modality {
            "clip-text" | "clip-image" => Ok(0),
            other => Err(format!("no model made {other}")),
        }
    }

    fn sees(&self, _: usize) -> bool {
        true
    }

    fn text(&self, _: usize, text: &str) -> Result<Vec<f32>, Fault> {
        Ok(ById::vector(text)?)
    }

    fn image(&self, _: usize, file: &[u8]) -> Result<Vec<f32>, Fault> {
        let id = file.strip_prefix(b"\xff\xd8#").ok_or("no photo".to_owned())?;
        Ok(ById::vector(std::str::from_utf8(id).map_err(|e| e.to_string())?)?)
    }
}

fn with_models(change: impl FnOnce(&mut Config)) -> House {
    House::with(change, Some(Arc::new(ById)))
}

#[test]
fn a_caption_of_ones_own_is_encoded() {
    let (house, without) = (with_models(|_| {}), House::new(|_| {}));
    block(async {
        let offers = |html: &str, by: &str| html.contains(&format!("name=\"by\" value=\"{by}\""));
        let (with, plain) = (page(&house.get("/").await, 200), page(&without.get("/").await, 200));
        for by in ["text", "image"] {
            assert!(offers(&with, by) && !offers(&plain, by), "{by}");
        }
        assert!(page(&house.get("/check").await, 200).contains("name=\"photo\""));
        assert!(!page(&without.get("/check").await, 200).contains("name=\"photo\""));
        // Words that no caption has may describe a picture.
        let words = unescaped(&page(&house.get("/?by=words&words=4").await, 200));
        let way = between(&words, "Or <a href=\"", "\"")[0].to_owned();
        assert!(way.contains("by=text&text=4"), "{way}");
        assert!(!tiles(&page(&house.get(&way).await, 200)).is_empty());
        assert!(!page(&without.get("/?by=words&words=4").await, 200).contains("Or <a href"));
        let html = page(&house.get("/?by=text&text=4&in=modality:clip-image&k=6").await, 200);
        let answer = house.ask("/v1/query", json!({ "modality": "clip-image", "text": "4", "k": 6 })).await.ok();
        assert_eq!((tiles(&html), tiles(&html).len()), (ids(&answer), 6));
        assert_eq!(between(&html, "<p class=\"caption big\">", "<"), ["4"], "what was asked is shown");
        let link = unescaped(between(&html, "<p><a href=\"", "\"")[0]);
        assert_eq!(tiles(&page(&house.get(&link).await, 200)), ids(&answer), "the permalink");
        // What no model made cannot be asked by a text: the way on is what one made.
        let html = page(&house.get("/?by=text&text=4&in=modality:sbert-text").await, 422);
        assert!(html.contains("no model made sbert-text"));
        let link = unescaped(between(&html, "<a class=\"button\" href=\"", "\"")[0]);
        assert!(!tiles(&page(&house.get(&link).await, 200)).is_empty(), "{link}");
        // A caption that is checked finds by its vector, too.
        let own = json!(index().catalog.id(mispair::words::Row(4)));
        let html = page(&house.get("/check?caption=4&image=4&near_caption=0.9").await, 200);
        let ask = json!({ "caption": "4", "image_id": own, "near_caption": 0.9 });
        let said = house.ask("/v1/verify", ask).await.ok();
        let by_caption = said["evidence"].as_array().unwrap().iter().filter(|l| l["by"] == "caption").count();
        assert!(by_caption > 0);
        assert_eq!(
            between(&html, "<li class=\"candidate line", "</li>").len(),
            said["evidence"].as_array().unwrap().len()
        );
    });
}

/// A form as browsers send it.
fn form(path: &str) -> axum::http::request::Builder {
    Request::post(path)
        .header("content-type", "multipart/form-data; boundary=b")
        .header("sec-fetch-site", "same-origin")
}

fn parts(fields: &[(&str, &str)], (name, photo): (&str, &[u8])) -> Body {
    let mut body = Vec::new();
    for (field, value) in fields {
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
    }
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"{name}\"\r\n");
    body.extend(head.bytes().chain(*b"Content-Type: image/jpeg\r\n\r\n"));
    body.extend_from_slice(photo);
    body.extend(b"\r\n--b--\r\n");
    Body::from(body)
}

#[test]
fn a_photo_is_sent_by_a_form_and_kept_nowhere() {
    const NAME: &str = "'><script>alert(1)</script>.jpg";
    let house = with_models(|config| config.limits.image_bytes = 100);
    let photo: (&str, &[u8]) = (NAME, b"\xff\xd8#4");
    block(async {
        let send = async |path: &str, fields: &[(&str, &str)], photo| {
            house.send(form(path).body(parts(fields, photo)).unwrap()).await
        };
        // Whatever else the form had in it: where :has is unknown, every field is there.
        let fields = [
            ("by", "words"),
            ("words", "flood"),
            ("in", "split:x"),
            ("among", "clip-image"),
            ("k", "6"),
            ("unique", "on"),
        ];
        let html = page(&send("/", &fields, photo).await, 200);
        let api = Request::post("/v1/images:search?modality=clip-image&k=6&unique=image");
        let answer = house.send(api.body(Body::from(&b"\xff\xd8#4"[..])).unwrap()).await.ok();
        assert_eq!((tiles(&html), tiles(&html).len()), (ids(&answer), 6));
        assert!(html.contains("src=\"data:image/jpeg;base64,/9gjNA==\"") && html.contains("kept nowhere"));
        assert!(unescaped(&html).contains(NAME) && !html.contains("<script>a"));
        assert!(!html.contains("A link to this search") && !html.contains("data-filters"), "nothing leads back to it");
        let curl = unescaped(between(&html, "<pre tabindex=\"0\" aria-labelledby=\"as-curl\">", "</pre>")[0]);
        let asks = "/v1/images:search?index=index&modality=clip-image&k=6&unique=image'";
        assert!(curl.contains("--data-binary @photo.jpg") && curl.ends_with(asks), "{curl}");

        let fields = [("caption", "4"), ("same_image", "0.2"), ("other_image", "0.1"), ("near_caption", "0.9")];
        let html = page(&send("/check", &fields, photo).await, 200);
        let vector = json!(ById::vector("4").unwrap()[..index().matrix("clip-text").unwrap().dim()]);
        let ask = json!({ "caption": "4", "same_image": 0.2, "other_image": 0.1, "near_caption": 0.9,
            "vectors": { "clip-image": vector, "clip-text": vector } });
        let said = house.ask("/v1/verify", ask).await.ok();
        let lines = between(&html, "<li class=\"candidate line", "</li>");
        assert!(!lines.is_empty());
        assert_eq!(lines.len(), said["evidence"].as_array().unwrap().len());
        assert!(unescaped(&html).contains(said["why"].as_str().unwrap()));
        assert!(html.contains("kept nowhere") && !html.contains("A link to this check") && !html.contains("<script>a"));
        assert!(unescaped(&html).contains("-F image=@photo.jpg"));

        for (path, fields, photo, status, what) in [
            ("/", &[("among", "clip-image")][..], ("", &b""[..]), 422, "no photo was chosen"),
            ("/", &[("among", "clip-image")], ("x.gif", b"GIF89a"), 422, "no photo"),
            ("/", &[("among", "sbert-text")], photo, 422, "no model made sbert-text"),
            ("/", &[("among", "none")], photo, 422, "no modality"),
            ("/", &[("in", &format!("split:{}", SPLITS[0]))], photo, 422, "searched for in a modality"),
            ("/", &[("among", "clip-image")], ("x", &[b'#'; 101]), 413, "more than the 100 bytes"),
            ("/check", &[], photo, 422, "give a caption"),
            ("/check", &[("caption", "4"), ("image", "9")], photo, 422, "named already"),
            ("/check", &[("caption", "4")], ("x.gif", b"GIF89a"), 422, "no photo"),
        ] {
            let html = page(&send(path, fields, photo).await, status);
            assert!(unescaped(&html).contains(what) && html.contains("role=\"alert\""), "{what}: {html}");
        }
        // What is no such form, and what another site sends.
        let fields = [("among", "clip-image")];
        let broken = house.send(form("/").body(Body::from("--b\r\nContent")).unwrap()).await;
        page(&broken, 400);
        page(&house.post("/", "{}").await, 415);
        let away = Request::post("/").header("content-type", "multipart/form-data; boundary=b");
        let away = away.header("sec-fetch-site", "cross-site").body(parts(&fields, photo)).unwrap();
        page(&house.send(away).await, 403);
    });
}

#[test]
fn who_is_signed_in_may_send_a_photo() {
    let house = with_models(|config| config.auth.read_token = Some(Token::new(TOKEN, "read").unwrap()));
    block(async {
        let reply = sign_in(&house, format!("token={TOKEN}"), "same-origin").await;
        let session = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        let send = |path: &str| form(path).header("accept", "text/html");
        let photo = || parts(&[("among", "clip-image"), ("caption", "4")], ("x.jpg", b"\xff\xd8#4"));
        for path in ["/", "/check"] {
            let html = page(&house.send(send(path).body(photo()).unwrap()).await, 401);
            assert!(html.contains("name=\"token\""));
            page(&house.send(send(path).header("cookie", &session).body(photo()).unwrap()).await, 200);
        }
        let other = send("/v1/verify").header("cookie", &session).body(photo()).unwrap();
        house.send(other).await.problem(401, "unauthorized", None);
    });
}
