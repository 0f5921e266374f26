//! `mispair verify --chat`: context and veracity from an OpenAI-compatible endpoint, answers kept by the hash of what was asked.
//!
//! ```text
//! prompt ──► request (temperature 0) ──► on disk by its hash? ──► yes: that answer
//!                                              └─ no ──► offline: skipped · else the endpoint ──► text, kept ──► answer
//! ```
//! An endpoint that is down, slow, or answers nonsense costs the answers it was asked for, never those of the rules; after three failures in
//! a row it is not asked again.

use super::super::http::Endpoint;
use super::super::talk::Bars;
use super::super::usage;
use super::Verify;
use crate::evidence::{DEFAULT_PROMPTS, Message, Prompts};
use crate::import::Talk;
use crate::publish::write_file;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};
use xxhash_rust::xxh3::xxh3_128;

/// The token of the endpoint, where it wants one.
const KEY: &str = "MISPAIR_CHAT_KEY";
/// Bytes of an answer: a longer one is none.
const LONGEST: u64 = 1 << 20;
/// After so many failures in a row the endpoint is left alone.
const PATIENCE: u32 = 3;
/// Tokens of an answer, at most: context items are short.
const TOKENS: u32 = 256;

/// A model that is asked.
pub(super) struct Chat<'t> {
    pub prompts: Prompts,
    pub model: String,
    /// Answers that name no verdict.
    pub unreadable: u64,
    /// `None`: offline.
    endpoint: Option<Endpoint>,
    cache: PathBuf,
    talk: &'t Bars,
    failures: u32,
    asked: u64,
    unanswered: u64,
    last: String,
    cache_is_broken: bool,
}

/// A file of the cache.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// As it was sent: a hash alone is not believed.
    request: Value,
    answer: String,
}

impl<'t> Chat<'t> {
    /// `None` where nobody shall be asked.
    pub fn new(args: &Verify, talk: &'t Bars) -> Result<Option<Chat<'t>>> {
        let (Some(model), true) = (&args.chat_model, args.chat.is_some() || args.offline) else { return Ok(None) };
        let timeout = Duration::from_secs(args.chat_timeout.into());
        let endpoint = match &args.chat {
            Some(url) if !args.offline => Some(Endpoint::at("--chat", url, KEY, timeout, LONGEST)?),
            _ => None,
        };
        let cache = match &args.chat_cache {
            Some(folder) => folder.clone(),
            None => {
                usual_cache().ok_or_else(|| usage("there is no home folder for answers; name one by --chat-cache"))?
            }
        };
        Ok(Some(Chat {
            prompts: prompts(args.prompts.as_deref())?,
            model: model.clone(),
            unreadable: 0,
            endpoint,
            cache,
            talk,
            failures: 0,
            asked: 0,
            unanswered: 0,
            last: String::new(),
            cache_is_broken: false,
        }))
    }

    /// The answer to one message, or why there is none.
    pub fn ask(&mut self, message: &Message<'_>) -> Result<String, String> {
        self.asked += 1;
        let request = json!({
            "model": self.model,
            "messages": [{ "role": "system", "content": message.system }, { "role": "user", "content": message.user }],
            "temperature": 0,
            "max_tokens": TOKENS,
            "stream": false,
        });
        let body = request.to_string();
        let place = self.cache.join(format!("{:032x}.json", xxh3_128(body.as_bytes())));
        let kept = fs::read(&place).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        if let Some(kept) = kept.filter(|kept| kept.request == request) {
            return Ok(kept.answer);
        }
        let answer = match &self.endpoint {
            None => Err("offline, and no answer is kept".to_owned()),
            Some(_) if self.failures >= PATIENCE => {
                Err(format!("not asked: the endpoint failed {PATIENCE} times in a row, at last with: {}", self.last))
            }
            Some(endpoint) => {
                match endpoint.post("/chat/completions", &body).map_err(|e| e.why).and_then(|bytes| content(&bytes)) {
                    Ok(answer) => {
                        self.failures = 0;
                        self.keep(&place, Kept { request, answer: answer.clone() });
                        Ok(answer)
                    }
                    Err(why) => {
                        self.failures += 1;
                        self.last.clone_from(&why);
                        Err(why)
                    }
                }
            }
        };
        self.unanswered += u64::from(answer.is_err());
        answer
    }

    fn keep(&mut self, place: &Path, kept: Kept) {
        let written = fs::create_dir_all(&self.cache).map_err(anyhow::Error::from).and_then(|()| {
            Ok(write_file(place, |file| serde_json::to_writer_pretty(file, &kept).map_err(Into::into))?)
        });
        if let (Err(e), false) = (written, self.cache_is_broken) {
            self.cache_is_broken = true;
            self.talk.note(&format!("note: answers are not kept: {}: {e:#}", self.cache.display()));
        }
    }

    /// Says what is missing; an error where the endpoint should have answered.
    pub fn end(&self) -> Result<()> {
        if self.unreadable > 0 {
            let (n, model) = (self.unreadable, &self.model);
            self.talk.note(&format!("note: {n} answers of {model} name no verdict; each is named under `skipped`"));
        }
        if self.unanswered == 0 {
            return Ok(());
        }
        let said = format!("{} of {} questions to {} have no answer", self.unanswered, self.asked, self.model);
        match &self.endpoint {
            None => self.talk.note(&format!("note: offline: {said}; each is named under `skipped`")),
            Some(_) => bail!(
                "{said}: {}; everything else was printed, and each is named under `skipped`. Answers that came are kept in {}: \
                 the same command asks for the rest",
                self.last,
                self.cache.display()
            ),
        }
        Ok(())
    }
}

fn usual_cache() -> Option<PathBuf> {
    let of = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    Some(of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")))?.join("mispair/chat"))
}

/// The prompts of a folder; files that are not there have their usual text.
fn prompts(folder: Option<&Path>) -> Result<Prompts> {
    let Some(folder) = folder else { return Ok(Prompts::new(|_| None)?) };
    let mut texts = Vec::new();
    for (name, _) in DEFAULT_PROMPTS {
        let path = folder.join(name);
        if path.is_file() {
            texts.push((name, fs::read_to_string(&path).with_context(|| path.display().to_string())?));
        }
    }
    if texts.is_empty() {
        let names = DEFAULT_PROMPTS.map(|d| d.0).join(", ");
        bail!("{}: none of {names} is there; `mispair verify --write-prompts DIR` writes them", folder.display());
    }
    let of = |name: &str| texts.iter().find(|t| t.0 == name).map(|t| t.1.clone());
    Prompts::new(of).with_context(|| folder.display().to_string())
}

/// Writes the usual prompts, to be edited.
pub(super) fn write_prompts(folder: &Path, talk: &Bars) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    if let Some((name, _)) = DEFAULT_PROMPTS.iter().find(|(name, _)| folder.join(name).exists()) {
        bail!("{}: exists already; choose another folder", folder.join(name).display());
    }
    for (name, text) in DEFAULT_PROMPTS {
        write_file(&folder.join(name), |file| std::io::Write::write_all(file, text.as_bytes()))?;
    }
    talk.note(&format!("{} prompts in {}; --prompts {0} uses them", DEFAULT_PROMPTS.len(), folder.display()));
    Ok(())
}

/// The text of a completion.
fn content(bytes: &[u8]) -> Result<String, String> {
    let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    let answer: Value = serde_json::from_slice(bytes).map_err(|_| format!("what came is no JSON: {:?}", shown()))?;
    let text = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
    let text = text.ok_or_else(|| format!("what came is no chat completion: {:?}", shown()))?;
    match text.trim() {
        "" => Err("the answer is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions() {
        assert_eq!(content(br#"{"choices": [{"message": {"content": " Oslo "}}]}"#).unwrap(), "Oslo");
        for (bytes, said) in [
            ("<html>", "no JSON"),
            ("{\"error\": \"x\"}", "no chat completion"),
            ("[]", "no chat completion"),
            (r#"{"choices": []}"#, "no chat completion"),
            (r#"{"choices": [{"message": {"content": null}}]}"#, "no chat completion"),
            (r#"{"choices": [{"message": {"content": " \n"}}]}"#, "empty"),
        ] {
            assert!(content(bytes.as_bytes()).unwrap_err().contains(said), "{bytes}");
        }
        assert!(content(&[0xff; 200]).unwrap_err().contains("no JSON"));
    }
}
