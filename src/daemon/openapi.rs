//! `/openapi.json` (OpenAPI 3.1) and `/docs`, a page made from it. Nothing is loaded from elsewhere.

use super::bodies;
use super::problem::{Kind, Problem};
use axum::http::HeaderValue;
use axum::response::Response;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::LazyLock;

const DOCUMENT: &str = include_str!("openapi.json");
const STYLE: &str = include_str!("docs.css");

/// The document, with the version of this program.
fn parsed() -> Value {
    // That it is JSON is tested.
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document
}

pub(super) async fn document() -> Result<Response, Problem> {
    static TEXT: LazyLock<String> = LazyLock::new(|| parsed().to_string());
    Ok(bodies::json(TEXT.as_str()))
}

pub(super) async fn page() -> Result<Response, Problem> {
    static PAGE: LazyLock<String> = LazyLock::new(|| render(&parsed()));
    Ok(bodies::typed(HeaderValue::from_static("text/html; charset=utf-8"), PAGE.as_str().into()))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The words of a field, escaped; nothing where there is none.
fn words(of: &Value, field: &str) -> String {
    escape(of[field].as_str().unwrap_or_default())
}

fn entries(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flatten()
}

fn render(document: &Value) -> String {
    let mut out = String::with_capacity(64 << 10);
    let info = &document["info"];
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>mispair: the daemon's interface</title><style>{STYLE}</style><main><h1>mispair {}</h1><p>{}</p>\
         <p>The same as a document: <a href=\"/openapi.json\">openapi.json</a>. Where the daemon has tokens, send \
         <code>Authorization: Bearer TOKEN</code>.</p>",
        words(info, "version"),
        words(info, "summary"),
    );
    out.push_str("<h2>Routes</h2>");
    for (path, item) in entries(&document["paths"]) {
        for (method, operation) in entries(item) {
            route(&mut out, path, method, operation);
        }
    }
    out.push_str("<h2>Schemas</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let _ = write!(out, "<section id=\"{0}\"><h3>{0}</h3><p>{1}</p>", escape(name), words(schema, "description"));
        properties(&mut out, schema);
        out.push_str("</section>");
    }
    out.push_str("<h2>Problems</h2><dl>");
    for kind in Kind::ALL {
        let (slug, status) = (kind.slug(), kind.status().as_u16());
        let _ = write!(out, "<dt id=\"problem-{slug}\"><code>{slug}</code> {status}</dt><dd>{}</dd>", kind.title());
    }
    out.push_str("</dl></main></html>");
    out
}

fn route(out: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        out,
        "<section id=\"{}\"><h3><span class=\"{1}\">{1}</span> {2}</h3><p><b>{3}.</b> {4}</p>",
        words(operation, "operationId"),
        escape(method),
        escape(path),
        words(operation, "summary"),
        words(operation, "description"),
    );
    if let Some(parameters) = operation["parameters"].as_array() {
        out.push_str("<table>");
        for parameter in parameters {
            let _ = write!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                words(parameter, "name"),
                words(parameter, "in"),
                words(parameter, "description")
            );
        }
        out.push_str("</table>");
    }
    for (media_type, content) in entries(&operation["requestBody"]["content"]) {
        let _ = write!(out, "<p>body <code>{}</code>: {}</p>", escape(media_type), type_of(&content["schema"]));
        if !content["example"].is_null() {
            let _ = write!(out, "<pre>{}</pre>", escape(&content["example"].to_string()));
        }
    }
    for (status, response) in entries(&operation["responses"]) {
        let named = response["$ref"].as_str().and_then(|r| r.rsplit('/').next());
        let contents: Vec<String> = entries(&response["content"])
            .map(|(media_type, content)| format!("<code>{}</code> {}", escape(media_type), type_of(&content["schema"])))
            .collect();
        let what = match named {
            Some(_) => "<a href=\"#Problem\">Problem</a>".to_owned(),
            None => contents.join("; "),
        };
        let _ = write!(out, "<p class=\"status\">{} {what}</p>", escape(status));
    }
    out.push_str("</section>");
}

fn properties(out: &mut String, schema: &Value) {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
    if schema["properties"].is_null() {
        let _ = write!(out, "<p>{}</p>", type_of(schema));
        return;
    }
    out.push_str("<table>");
    for (name, property) in entries(&schema["properties"]) {
        let mark = if required(name) { " *" } else { "" };
        let default = match &property["default"] {
            Value::Null => String::new(),
            value => format!(" Default: {}.", escape(&value.to_string())),
        };
        let _ = write!(
            out,
            "<tr><td><code>{}</code>{mark}</td><td>{}</td><td>{}{default}</td></tr>",
            escape(name),
            type_of(property),
            words(property, "description")
        );
    }
    out.push_str("</table>");
}

/// A schema in a few words, with links to those that have a name.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    for (key, between) in [("oneOf", " or "), ("allOf", " and ")] {
        if let Some(all) = schema[key].as_array() {
            return all.iter().map(type_of).collect::<Vec<_>>().join(between);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|v| format!("<code>{}</code>", escape(&v.to_string()))).collect::<Vec<_>>().join(" ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        other => other.as_str().unwrap_or("anything").to_owned(),
    };
    match (&schema["items"], &schema["additionalProperties"]) {
        (Value::Object(_), _) => format!("{} of {}", escape(&types), type_of(&schema["items"])),
        (_, Value::Object(_)) => format!("{} of {}", escape(&types), type_of(&schema["additionalProperties"])),
        _ => escape(&types),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dto::{self, parse};
    use super::*;
    use crate::constraints::Rule;
    use std::collections::BTreeSet;

    /// The fields that a type of body knows, as it says itself when it meets one that it does not know.
    fn known<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
        let said = parse::<T>(b"{\"no such field\": 1}").err().map(|p| p.detail).unwrap_or_default();
        let list = said.split_once("expected ").map_or("", |(_, list)| list);
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn bodies_are_as_the_document_says() {
        let document = parsed();
        let schemas = &document["components"]["schemas"];
        let said =
            |name: &str| -> BTreeSet<String> { entries(&schemas[name]["properties"]).map(|p| p.0.clone()).collect() };
        for (name, known) in [
            ("Ask", known::<dto::Ask>()),
            ("Batch", known::<dto::Batch>()),
            ("Match", known::<dto::Match>()),
            ("Caption", known::<dto::Caption>()),
            ("MatchLine", known::<dto::MatchLine>()),
            ("VectorSearch", known::<dto::VectorSearch>()),
            ("Verify", known::<dto::Verify>()),
            ("Find", known::<dto::Find>()),
        ] {
            assert!(!known.is_empty(), "{name}");
            assert_eq!(said(name), known, "{name}");
        }
        let rules: Vec<&str> = Rule::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(schemas["Rule"]["enum"], json!(rules));
        let waivable: Vec<&str> = Rule::ALL.iter().filter(|r| r.can_be_waived()).map(|r| r.name()).collect();
        assert_eq!(schemas["Waivable"]["enum"], json!(waivable));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, into: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|v| references(v, into));
                }
                Value::Array(items) => items.iter().for_each(|v| references(v, into)),
                _ => {}
            }
        }
        let (document, mut all) = (parsed(), Vec::new());
        references(&document, &mut all);
        assert!(all.len() > 20);
        for reference in all {
            let pointer = reference.strip_prefix('#').unwrap_or_default();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_page_is_whole_and_loads_nothing() {
        let page = render(&parsed());
        for needed in ["/v1/query:batch", "id=\"problem-missing-fact\"", "clip_margin", "id=\"Facts\""] {
            assert!(page.contains(needed), "{needed}");
        }
        for from_elsewhere in ["http://", "https://", "<script", "@import", "url("] {
            assert!(!page.contains(from_elsewhere), "{from_elsewhere}");
        }
    }
}
