//! The request of a form as a command for curl and as lines of Python.

use super::asking::{By, Target, waived};
use super::form::{Form, query};
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
    match By::of(form) {
        By::Image => of_photo(&body(form, ask, target), shown, host, by_token),
        _ => snippets_of("/v1/query", body(form, ask, target), shown, host, by_token),
    }
}

/// What shows the token, for curl and for Python: what Python imports, and a field of its headers.
fn bearer(by_token: bool) -> (&'static str, &'static str, &'static str) {
    match by_token {
        true => (
            " \\\n  -H \"authorization: Bearer $MISPAIR_READ_TOKEN\"",
            "import json, os, urllib.request",
            ", \"authorization\": \"Bearer \" + os.environ[\"MISPAIR_READ_TOKEN\"]",
        ),
        false => ("", "import json, urllib.request", ""),
    }
}

/// A photo is the body; the rest stands in the address.
fn of_photo(settings: &Map<String, Value>, shown: &str, host: &str, by_token: bool) -> Snippets {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let settings: Vec<(&str, String)> = settings.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let url = format!("http://{host}/v1/images:search?{}", query(&settings));
    let (curl, import, header) = bearer(by_token);
    let curl = format!("curl -s --data-binary @photo.jpg{curl} \\\n  '{url}'");
    let python = format!(
        "{import}\n\nphoto = open(\"photo.jpg\", \"rb\").read()\nrequest = urllib.request.Request(\n    \"{url}\", photo,\n    \
         {{\"content-type\": \"application/octet-stream\"{header}}})\nanswer = json.load(urllib.request.urlopen(request))\n{shown}"
    );
    Snippets { curl, python }
}

/// The same as a form of two fields: the document, and a photo.
pub(super) fn snippets_with_photo(
    path: &str,
    body: Map<String, Value>,
    shown: &str,
    host: &str,
    by_token: bool,
) -> Snippets {
    let (body, url) = (Value::Object(body), format!("http://{host}{path}"));
    let text = body.to_string().replace('\'', r"'\''");
    let (curl, import, header) = bearer(by_token);
    let curl = format!("curl -s {url}{curl} \\\n  --form-string 'ask={text}' \\\n  -F image=@photo.jpg");
    let mut literal = String::new();
    python(&body, &mut literal);
    let python = format!(
        "{import}, uuid\n\nask = {literal}\nmark = uuid.uuid4().hex\n\n\ndef field(name, value):\n    \
         head = f'--{{mark}}\\r\\nContent-Disposition: form-data; name=\"{{name}}\"\\r\\n\\r\\n'\n    \
         return head.encode() + value + b\"\\r\\n\"\n\n\n\
         body = field(\"ask\", json.dumps(ask).encode()) + field(\"image\", open(\"photo.jpg\", \"rb\").read())\n\
         request = urllib.request.Request(\n    \"{url}\", body + f\"--{{mark}}--\\r\\n\".encode(),\n    \
         {{\"content-type\": f\"multipart/form-data; boundary={{mark}}\"{header}}})\n\
         answer = json.load(urllib.request.urlopen(request))\n{shown}"
    );
    Snippets { curl, python }
}

/// `shown`: lines of Python that print the `answer`.
pub(super) fn snippets_of(path: &str, body: Map<String, Value>, shown: &str, host: &str, by_token: bool) -> Snippets {
    let body = Value::Object(body);
    let url = format!("http://{host}{path}");
    let text = body.to_string().replace('\'', r"'\''");
    let (curl, import, header) = bearer(by_token);
    let curl = format!("curl -s {url} \\\n  -H 'content-type: application/json'{curl} \\\n  -d '{text}'");
    let mut literal = String::new();
    python(&body, &mut literal);
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
        By::Words | By::Image => {}
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
