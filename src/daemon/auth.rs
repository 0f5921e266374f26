//! Bearer tokens: one for asking, one for asking and reloading. And whose page a request was sent by.

use super::config::ConfigError;
use super::problem::{Kind, Problem};
use axum::http::{HeaderMap, header};
use serde::{Serialize, Serializer};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use subtle::ConstantTimeEq;

/// Browsers say whose page sent a request. What any page may have them send unasked, as forms and plain bodies, is answered
/// to pages of this daemon alone.
pub(super) fn own_page(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("sec-fetch-site") {
        Some(site) if site != "same-origin" && site != "none" => {
            Err(Problem::new(Kind::Forbidden, "this was sent from a page of another site"))
        }
        _ => Ok(()),
    }
}

/// A secret. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("(hidden)")
    }
}

impl Token {
    /// At least 8 visible ASCII characters: what a header can carry and nobody guesses at once. `place` is named in errors.
    pub fn new(text: &str, place: &str) -> Result<Token, ConfigError> {
        let wrong = |what: &str| ConfigError::Token { place: place.to_owned(), what: what.to_owned() };
        let text = text.trim();
        if text.len() < 8 {
            return Err(wrong("a token of fewer than 8 characters; make one with `openssl rand -hex 32`"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong("a token holds visible ASCII characters only, and no blanks"));
        }
        Ok(Token(text.to_owned()))
    }

    /// The first and only text of a file; blanks and line ends around it do not count.
    pub fn read(path: &Path) -> Result<Token, ConfigError> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Token { place: place.clone(), what: e.to_string() })?;
        Token::new(&text, &place)
    }

    /// In a time that tells nothing but the length.
    fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

/// What the bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Ask.
    Read,
    /// Reload, too.
    Admin,
}

/// The tokens there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    pub read: Option<Token>,
    pub admin: Option<Token>,
}

/// Told to be alive and to be ready: asked by whoever supervises the daemon, and telling nothing else.
pub(super) const OPEN: [&str; 2] = ["/livez", "/readyz"];

impl Tokens {
    /// Must whoever asks show one?
    pub fn are_set(&self) -> bool {
        self.read.is_some() || self.admin.is_some()
    }

    /// What the bearer of this request may do. Without any token set everybody may ask and nobody may reload.
    pub fn access(&self, headers: &HeaderMap) -> Result<Access, Problem> {
        if !self.are_set() {
            return Ok(Access::Read);
        }
        let refused = |why: &str| Err(Problem::new(Kind::Unauthorized, why));
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return refused("send one header `Authorization: Bearer TOKEN`");
        };
        let Some(token) = bearer(value.as_bytes()) else {
            return refused("the Authorization header is not `Bearer TOKEN`");
        };
        // Both are compared, whichever it is.
        let admin = self.admin.as_ref().is_some_and(|t| t.is(token));
        let read = self.read.as_ref().is_some_and(|t| t.is(token));
        match (admin, read) {
            (true, _) => Ok(Access::Admin),
            (false, true) => Ok(Access::Read),
            (false, false) => refused("the token is not one of this daemon's"),
        }
    }

    /// Without tokens, a page of another site could have a browser on this machine ask for it, under a name that leads to
    /// 127.0.0.1 ("DNS rebinding"). Such a request names that site as its host.
    pub fn demand_local_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.are_set() {
            return Ok(());
        }
        match headers.get(header::HOST).map(|host| host.to_str().is_ok_and(is_local)) {
            None | Some(true) => Ok(()),
            Some(false) => Err(Problem::new(
                Kind::Forbidden,
                "without a token, only hosts called localhost or by their address are answered for; set a read token, or pass \
                 --allow-unauthenticated",
            )),
        }
    }

    /// For what changes the daemon.
    pub fn demand_admin(&self, access: Access) -> Result<(), Problem> {
        match (access, &self.admin) {
            (Access::Admin, _) => Ok(()),
            (Access::Read, Some(_)) => Err(Problem::new(Kind::Forbidden, "this needs the admin token")),
            (Access::Read, None) => Err(Problem::new(
                Kind::Forbidden,
                "no admin token is set, so nobody may do this over HTTP; send the process SIGHUP, or set MISPAIR_ADMIN_TOKEN",
            )),
        }
    }
}

/// `localhost`, something under it, or an address; with or without a port.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => return address.parse::<Ipv6Addr>().is_ok(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase(),
    };
    name == "localhost" || name.ends_with(".localhost") || name.parse::<Ipv4Addr>().is_ok()
}

/// RFC 6750: the scheme in any case, one or more spaces, the token.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"bearer") || rest.first() != Some(&b' ') {
        return None;
    }
    let token = rest.trim_ascii();
    (!token.is_empty() && token.iter().all(u8::is_ascii_graphic)).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_hidden_and_checked() {
        let token = Token::new(" correct-horse\n", "x").unwrap();
        assert!(token.is(b"correct-horse") && !token.is(b"correct-hors") && !token.is(b"correct-horse "));
        assert!(!format!("{token:?}{}", serde_json::json!(token)).contains("horse"));
        for bad in ["", "short", "two words here", "ünïcödé-tokens"] {
            assert!(Token::new(bad, "MISPAIR_READ_TOKEN").unwrap_err().to_string().contains("MISPAIR_READ_TOKEN"));
        }
    }

    #[test]
    fn hosts_of_this_machine() {
        for local in ["localhost", "LocalHost:7400", "a.localhost", "127.0.0.1:7400", "10.0.0.1", "[::1]", "[::1]:7400"]
        {
            assert!(is_local(local), "{local}");
        }
        for other in
            ["evil.example", "localhost.evil.example:7400", "127.0.0.1.evil.example", "", "[evil]:1", "notlocalhost"]
        {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn schemes_in_any_case() {
        for good in ["Bearer abc", "bearer abc", "BEARER   abc", "Bearer abc "] {
            assert_eq!(bearer(good.as_bytes()), Some(&b"abc"[..]), "{good}");
        }
        for bad in
            ["", "Bearer", "Bearer ", "Bearerabc", "Basic abc", "Bearer\tabc", "Bearer a b", "abc", "Bearer, abc"]
        {
            assert_eq!(bearer(bad.as_bytes()), None, "{bad}");
        }
    }
}
