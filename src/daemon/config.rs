//! What the daemon is told: file, then environment, then flags (whoever calls applies the latter two).

use super::auth::Token;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The effective configuration. Its TOML form is what [`Config::parse`] reads; tokens are never written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The TCP address, or `"off"`.
    #[serde(with = "listen")]
    pub listen: Option<SocketAddr>,
    /// A Unix socket, beside or instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// Split files served beside the built-in ones.
    pub splits: Vec<PathBuf>,
    /// Models, folders or servers of embeddings (`http://HOST:PORT/v1#NAME`), that encode texts and images; for each modality the one that made its vectors is taken, or, where the
    /// index names none, the one of its width.
    pub models: Vec<PathBuf>,
    /// Who may ask.
    pub auth: Auth,
    /// How much may be asked.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// What is written to stderr.
    pub log: Log,
    /// What is served: `[[index]]`.
    #[serde(rename = "index")]
    pub indexes: Vec<Served>,
}

/// One index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// What requests call it; default: the folder's name.
    #[serde(default)]
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// The folder beneath which its image paths lie. Without it no image is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
}

/// Who may ask. A token is text of a file or of an environment variable, never an argument: those are seen by everybody.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The file of the token for asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_token_file: Option<PathBuf>,
    /// The file of the token for asking and for reloading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token_file: Option<PathBuf>,
    /// The token itself, from MISPAIR_READ_TOKEN.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub read_token: Option<Token>,
    /// The token itself, from MISPAIR_ADMIN_TOKEN.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub admin_token: Option<Token>,
    /// Serve an address that others reach without a token.
    pub allow_unauthenticated: bool,
}

/// How much may be asked. Each is at least 1, save threads, queues and `encodings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Threads that search; 0: one a core.
    pub threads: usize,
    /// Requests that may wait for one of them; the next is turned away, a moment later.
    pub queue: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Results of a query.
    pub k: usize,
    /// Rows that a walk through a graph keeps in sight.
    pub ef: usize,
    /// Rejected candidates that are explained.
    pub explain: usize,
    /// Queries of a JSON batch.
    pub batch: usize,
    /// Bytes of a JSON body.
    pub body_bytes: usize,
    /// Bytes of all bodies, documents and images, that are in memory at a time; at least `body_bytes`, and `image_bytes`.
    pub bodies_bytes: usize,
    /// Bytes of a line of an NDJSON body.
    pub line_bytes: usize,
    /// Bytes of an image.
    pub image_bytes: u64,
    /// Threads that encode texts and images; 0: one a core.
    pub encode_threads: usize,
    /// Texts and images that may wait for one of them; the next is turned away at once.
    pub encode_queue: usize,
    /// Vectors of texts that are kept for the next who asks.
    pub encodings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            threads: 0,
            queue: 64,
            connections: 1024,
            k: 1000,
            ef: 4096,
            explain: 100,
            batch: 256,
            body_bytes: 8 << 20,
            bodies_bytes: 256 << 20,
            line_bytes: 1 << 20,
            image_bytes: 32 << 20,
            encode_threads: 1,
            encode_queue: 16,
            encodings: 4096,
        }
    }
}

/// How long things may take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// One query, from its body to its answer.
    pub request_ms: u64,
    /// A JSON batch.
    pub batch_ms: u64,
    /// The headers of a request; also how long a connection may stay open between two requests.
    pub header_ms: u64,
    /// The body of a request; of a stream, the time between two pieces.
    pub body_ms: u64,
    /// A client that reads nothing.
    pub write_ms: u64,
    /// What is in flight when the daemon is told to stop.
    pub drain_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            request_ms: 2_000,
            batch_ms: 60_000,
            header_ms: 10_000,
            body_ms: 10_000,
            write_ms: 10_000,
            drain_ms: 10_000,
        }
    }
}

impl Timeouts {
    pub fn request(&self) -> Duration {
        Duration::from_millis(self.request_ms)
    }
    pub(super) fn batch(&self) -> Duration {
        Duration::from_millis(self.batch_ms)
    }
    pub(super) fn header(&self) -> Duration {
        Duration::from_millis(self.header_ms)
    }
    pub(super) fn body(&self) -> Duration {
        Duration::from_millis(self.body_ms)
    }
    pub(super) fn write(&self) -> Duration {
        Duration::from_millis(self.write_ms)
    }
    pub(super) fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

/// What is written to stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// The least important events that are written.
    pub level: LogLevel,
}

/// How events are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// How important an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// The daemon cannot do its work.
    Error,
    /// Something is wrong; the daemon goes on.
    Warn,
    /// One event a request, without captions.
    #[default]
    Info,
    /// What was asked, too.
    Debug,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 7400))),
            socket: None,
            splits: Vec::new(),
            models: Vec::new(),
            auth: Auth::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            log: Log::default(),
            indexes: Vec::new(),
        }
    }
}

/// Why the daemon cannot be run as it is told to.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is no configuration.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where known.
        what: String,
    },
    /// Nothing to serve.
    #[error("no index to serve: name one, or more, or give [[index]] tables in the configuration file")]
    NoIndex,
    /// Nowhere to listen.
    #[error("listen = \"off\" and no socket: there is no way in")]
    Nowhere,
    /// Two of one name.
    #[error("two indexes are called {0:?}: give one of them another `name` in the configuration file")]
    SameName(String),
    /// Others could reach it, and nobody is asked who he is.
    #[error(
        "{0} can be reached from other machines: set a read token (MISPAIR_READ_TOKEN or read_token_file), listen on 127.0.0.1, or pass --allow-unauthenticated"
    )]
    Exposed(SocketAddr),
    /// A limit of nothing.
    #[error("{0} = 0 would refuse everything; it must be at least 1")]
    Zero(&'static str),
    /// Not even one body.
    #[error("limits.bodies_bytes is less than {0}, so that a body of that length could never come in")]
    Bodies(&'static str),
    /// A token that is none.
    #[error("{place}: {what}")]
    Token {
        /// The file or the variable.
        place: String,
        /// What is wrong.
        what: String,
    },
}

impl Config {
    /// Reads a file's text. Paths in it are relative to its folder.
    pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        let mut config: Config =
            toml::from_str(text).map_err(|e| ConfigError::File { path: path.into(), what: e.to_string() })?;
        let base = path.parent().unwrap_or(Path::new(""));
        let auth = &mut config.auth;
        let optional = [&mut config.socket, &mut auth.read_token_file, &mut auth.admin_token_file];
        optional.into_iter().flatten().for_each(|p| *p = base.join(&*p));
        let folders = config.models.iter_mut().filter(|model| !is_url(model));
        config.splits.iter_mut().chain(folders).for_each(|p| *p = base.join(&*p));
        for index in &mut config.indexes {
            index.path = base.join(&index.path);
            index.images.iter_mut().for_each(|p| *p = base.join(&*p));
        }
        Ok(config)
    }

    /// Fills in names and reads the token files; then refuses what cannot be meant.
    pub fn check(&mut self) -> Result<(), ConfigError> {
        for index in &mut self.indexes {
            if index.name.is_empty() {
                let folder = index.path.file_name().or_else(|| index.path.as_os_str().to_str().map(AsRef::as_ref));
                index.name = folder.unwrap_or_default().to_string_lossy().into_owned();
            }
        }
        for (i, index) in self.indexes.iter().enumerate() {
            if self.indexes[..i].iter().any(|other| other.name == index.name) {
                return Err(ConfigError::SameName(index.name.clone()));
            }
        }
        let auth = &mut self.auth;
        for (file, token) in
            [(&auth.read_token_file, &mut auth.read_token), (&auth.admin_token_file, &mut auth.admin_token)]
        {
            if let (Some(file), None) = (file, &token) {
                *token = Some(Token::read(file)?);
            }
        }
        if self.indexes.is_empty() {
            return Err(ConfigError::NoIndex);
        }
        if self.listen.is_none() && self.socket.is_none() {
            return Err(ConfigError::Nowhere);
        }
        if let Some(address) = self.listen
            && !address.ip().to_canonical().is_loopback()
            && self.auth.read_token.is_none()
            && !self.auth.allow_unauthenticated
        {
            return Err(ConfigError::Exposed(address));
        }
        let (l, t) = (&self.limits, &self.timeouts);
        let least = [
            ("limits.connections", l.connections as u64),
            ("limits.k", l.k as u64),
            ("limits.ef", l.ef as u64),
            ("limits.explain", l.explain as u64),
            ("limits.batch", l.batch as u64),
            ("limits.body_bytes", l.body_bytes as u64),
            ("limits.line_bytes", l.line_bytes as u64),
            ("limits.image_bytes", l.image_bytes),
            ("timeouts.request_ms", t.request_ms),
            ("timeouts.batch_ms", t.batch_ms),
            ("timeouts.header_ms", t.header_ms),
            ("timeouts.body_ms", t.body_ms),
            ("timeouts.write_ms", t.write_ms),
        ];
        match least.into_iter().find(|l| l.1 == 0) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None if l.bodies_bytes < l.body_bytes => Err(ConfigError::Bodies("limits.body_bytes")),
            None if (l.bodies_bytes as u64) < l.image_bytes => Err(ConfigError::Bodies("limits.image_bytes")),
            None => Ok(()),
        }
    }

    /// As TOML, to be read by people and by [`Config::parse`]; tokens are only said to be there.
    pub fn to_toml(&self) -> String {
        // Every field of it has a TOML form.
        toml::to_string(self).unwrap_or_default()
    }
}

/// An address, or `"off"`.
mod listen {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::net::SocketAddr;

    pub fn serialize<S: Serializer>(listen: &Option<SocketAddr>, to: S) -> Result<S::Ok, S::Error> {
        match listen {
            Some(address) => to.collect_str(address),
            None => to.serialize_str("off"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(from)?;
        super::parse_listen(&text).map_err(serde::de::Error::custom)
    }
}

/// `127.0.0.1:7400`, `[::1]:7400`, or `off`.
pub fn parse_listen(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "off" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| {
            format!("{text:?} is no address: give IP:PORT, for example 127.0.0.1:7400 or [::1]:7400, or \"off\"")
        }),
    }
}

/// Is it a model that a server runs, and no folder?
pub fn is_url(model: &Path) -> bool {
    let scheme = model.to_str().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| ["http", "https"].contains(&scheme.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("/etc/mispair/serve.toml"), text)
    }

    #[test]
    fn what_is_printed_is_what_is_read() {
        let text = "listen = \"[::1]:80\"\nsocket = \"m.sock\"\nsplits = [\"mine.toml\"]\nmodels = [\"minilm\", \"http://h/v1#m\"]\n[auth]\nread_token_file = \"t\"\n\
                    [limits]\nk = 5\n[log]\nformat = \"json\"\nlevel = \"debug\"\n[[index]]\npath = \"news\"\nimages = \"/srv/photos\"\n";
        let config = parse(text).unwrap();
        assert_eq!(config.indexes[0].path, Path::new("/etc/mispair/news"));
        assert_eq!(config.models, [Path::new("/etc/mispair/minilm"), Path::new("http://h/v1#m")]);
        assert_eq!(config.indexes[0].images.as_deref(), Some(Path::new("/srv/photos")));
        assert_eq!((config.limits.k, config.limits.batch), (5, Limits::default().batch));
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
        let off = parse("listen = \"off\"").unwrap();
        assert_eq!(parse(&off.to_toml()).unwrap(), off);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, word) in [
            ("lisen = 5", "lisen"),
            ("listen = \"localhost\"", "127.0.0.1:7400"),
            ("[limits]\nk = -1", "-1"),
            ("[auth]\nread_token = \"x\"", "read_token"),
            ("[log]\nlevel = \"loud\"", "loud"),
            ("[[index]]\nname = \"x\"", "path"),
        ] {
            let said = parse(text).unwrap_err().to_string();
            assert!(said.contains(word) && said.contains("serve.toml"), "{said}");
        }
        let wrong = |text: &str| parse(text).unwrap().check().unwrap_err().to_string();
        let index = "[[index]]\npath = \"news\"\n";
        assert!(wrong("").contains("no index"));
        assert!(wrong(&format!("listen = \"off\"\n{index}")).contains("no way in"));
        assert!(wrong(&format!("{index}{index}")).contains("\"news\""));
        assert!(wrong(&format!("[limits]\nk = 0\n{index}")).contains("limits.k"));
        for (bodies, least) in [(8 << 20, "image_bytes"), (8 << 10, "body_bytes")] {
            assert!(wrong(&format!("limits.bodies_bytes = {bodies}\n{index}")).contains(least), "{bodies}");
        }
        for exposed in ["0.0.0.0:7400", "[::]:7400", "192.168.0.1:7400", "[::ffff:10.0.0.1]:1"] {
            let text = format!("listen = {exposed:?}\n{index}");
            assert!(wrong(&text).contains("--allow-unauthenticated"), "{exposed}");
            parse(&format!("listen = {exposed:?}\nauth.allow_unauthenticated = true\n{index}"))
                .unwrap()
                .check()
                .unwrap();
        }
        for at_home in ["127.0.0.1:0", "127.8.8.8:7400", "[::1]:7400", "[::ffff:127.0.0.1]:1"] {
            parse(&format!("listen = {at_home:?}\n{index}")).unwrap().check().unwrap();
        }
    }
}
