//! The request of a form as a command for curl and as lines of Python.

use super::asking::{By, Target, waived};
use super::form::Form;
use crate::daemon::dto::Ask;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};
use std::fmt::Write;

pub(super) struct Snippets {
    pub curl: String,
    pub python: String,
}

/// `by_token`: the daemon wants one; it is named, not shown.
pub(super) fn snippets(form: &Form, ask: &Ask, target: &Target, host: &str, by_token: bool) -> Snippets {
    let shown =
        "for hit in answer[\"results\"]:\n    print(hit[\"rank\"], hit[\"id\"], hit[\"score\"], hit[\"caption\"])";
    snippets_of("/v1/query", body(form, ask, target), shown, host, by_token)
}

/// `shown`: lines of Python that print the `answer`.
pub(super) fn snippets_of(path: &str, body: Map<String, Value>, shown: &str, host: &str, by_token: bool) -> Snippets {
    let body = Value::Object(body);
    let url = format!("http://{host}{path}");
    let text = body.to_string().replace('\'', r"'\''");
    let bearer = if by_token { " \\\n  -H \"authorization: Bearer $MISPAIR_READ_TOKEN\"" } else { "" };
    let curl = format!("curl -s {url} \\\n  -H 'content-type: application/json'{bearer} \\\n  -d '{text}'");
    let mut literal = String::new();
    python(&body, &mut literal);
    let (import, header) = match by_token {
        true => {
            ("import json, os, urllib.request", ", \"authorization\": \"Bearer \" + os.environ[\"MISPAIR_READ_TOKEN\"]")
        }
        false => ("import json, urllib.request", ""),
    };
    let python = format!(
        "{import}\n\nask = {literal}\nrequest = urllib.request.Request(\n    \"{url}\", json.dumps(ask).encode(),\n    \
         {{\"content-type\": \"application/json\"{header}}})\nanswer = json.load(urllib.request.urlopen(request))\n{shown}"
    );
    Snippets { curl, python }
}

/// Where this page was asked for, if that is a plain name or address.
pub(super) fn host(headers: &HeaderMap) -> String {
    let plain =
        |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b));
    let given = headers.get(header::HOST).and_then(|v| v.to_str().ok()).filter(plain);
    given.unwrap_or("127.0.0.1:7400").to_owned()
}

/// The fields that differ from what goes without saying.
fn body(form: &Form, ask: &Ask, target: &Target) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        if !matches!(value, Value::Null) {
            body.insert(name.to_owned(), value);
        }
    };
    put("index", json!(ask.index));
    match target {
        Target::Split(name) => put("split", json!(name)),
        Target::Modality(name) => put("modality", json!(name)),
    }
    match By::of(form) {
        By::Id => put("id", ask.id.as_ref().map_or(Value::Null, |id| json!(id))),
        By::Vector => put("vector", json!(ask.vector)),
        By::Text => put("text", json!(ask.text)),
        By::Words => {}
    }
    put("facts", ask.facts.clone().unwrap_or_default());
    put("from", json!(ask.from));
    put("k", json!(ask.k));
    put("ef", json!(ask.ef));
    put("engine", json!(ask.engine));
    put("adversarial", json!(ask.adversarial));
    put("lowest", json!(ask.lowest));
    put("unique", json!(ask.unique.map(|_| "image")));
    put("partition", json!(ask.partition));
    let rules = waived(form).unwrap_or_default();
    if !rules.is_empty() {
        put("waive", json!(rules));
    }
    body
}

/// JSON as Python writes it: texts and numbers are the same, three words are not.
fn python(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                python(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (name, field)) in fields.iter().enumerate() {
                let _ = write!(out, "{}{}: ", if i > 0 { ", " } else { "" }, json!(name));
                python(field, out);
            }
            out.push('}');
        }
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::SampleId;

    #[test]
    fn quotes_do_not_end_the_command() {
        let form = Form::read("by=id&id=x&adversarial=on");
        let id = Some(SampleId::Text("it's; rm -rf \"$HOME\"\\".into()));
        let ask = Ask { id, k: Some(5), adversarial: Some(true), ..Ask::default() };
        let made = snippets(&form, &ask, &Target::Split("s".into()), "localhost:7400", false);
        assert!(
            made.curl.ends_with(r#"-d '{"split":"s","id":"it'\''s; rm -rf \"$HOME\"\\","k":5,"adversarial":true}'"#),
            "{}",
            made.curl
        );
        assert!(
            made.python.contains(r#"{"split": "s", "id": "it's; rm -rf \"$HOME\"\\", "k": 5, "adversarial": True}"#),
            "{}",
            made.python
        );
        let hosts = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, value.parse().unwrap());
            host(&headers)
        };
        assert_eq!(hosts("[::1]:80"), "[::1]:80");
        assert_eq!(hosts("a'; rm"), "127.0.0.1:7400");
    }
}
