//! Which encoder made a vector.

use super::Error;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// An encoder's name, width and hash. Written `name@512#0123456789abcdef`, and so stored in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The folder's name, or what its config calls the model.
    pub name: String,
    /// Elements of a vector.
    pub width: usize,
    /// Of every file that has a say in the numbers; of the name where another program runs the model.
    pub hash: u64,
}

/// Why vectors of an encoder do not belong beside those of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: the index's vectors were made by {index}, this encoder is {encoder}; name the model that made them")]
pub struct Mismatch {
    what: &'static str,
    index: String,
    encoder: String,
}

impl Identity {
    /// Hashes files, in the order given.
    pub(super) fn of(name: String, width: usize, files: &[&Path]) -> Result<Identity, Error> {
        let mut hash = Xxh3::new();
        let mut buffer = vec![0; 1 << 20];
        for path in files {
            let mut file = File::open(path).map_err(|e| Error::model(path, e))?;
            loop {
                match file.read(&mut buffer).map_err(|e| Error::model(path, e))? {
                    0 => break,
                    n => hash.update(&buffer[..n]),
                }
            }
        }
        Ok(Identity { name, width, hash: hash.digest() })
    }

    /// That of a model which another program runs: its files are not seen, so its name stands for them.
    pub fn named(name: &str, width: usize) -> Identity {
        let mut hash = Xxh3::new();
        hash.update(b"by name alone\0");
        hash.update(name.as_bytes());
        Identity { name: name.to_owned(), width, hash: hash.digest() }
    }

    /// Reads what [`Display`](fmt::Display) writes; `None`: some other name.
    pub fn parse(text: &str) -> Option<Identity> {
        let (rest, hash) = text.rsplit_once('#')?;
        let (name, width) = rest.rsplit_once('@')?;
        let hash = (hash.len() == 16).then(|| u64::from_str_radix(hash, 16).ok())??;
        Some(Identity { name: name.to_owned(), width: width.parse().ok()?, hash })
    }

    /// May vectors of this encoder be compared with those of an index that names `index` as theirs? A full identity must have
    /// the same width and hash (folders may be renamed); of a bare name (`openai/clip-vit-base-patch32`) the last part must
    /// be this one's.
    ///
    /// # Errors
    /// [`Mismatch`].
    pub fn check(&self, index: &str) -> Result<(), Mismatch> {
        let refuse = |what| Err(Mismatch { what, index: index.to_owned(), encoder: self.to_string() });
        match Identity::parse(index) {
            Some(theirs) if theirs.width != self.width => refuse("another width"),
            Some(theirs) if theirs.hash != self.hash => refuse("another encoder"),
            Some(_) => Ok(()),
            None => {
                let last =
                    |name: &str| name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase();
                if last(index) == last(&self.name) { Ok(()) } else { refuse("another encoder") }
            }
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{:016x}", self.name, self.width, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let clip = Identity { name: "a@b#c".into(), width: 512, hash: 0xab };
        assert_eq!(clip.to_string(), "a@b#c@512#00000000000000ab");
        assert_eq!(Identity::parse(&clip.to_string()), Some(clip));
        for other in ["openai/clip", "a@512#ab", "a#00000000000000ab", "a@x#00000000000000ab"] {
            assert_eq!(Identity::parse(other), None);
        }
    }

    #[test]
    fn of_servers_names_count() {
        let [a, b] = ["a", "b"].map(|name| Identity::named(name, 3));
        assert_eq!(a.check(&a.to_string()), Ok(()));
        assert_eq!(a.check(&b.to_string()).unwrap_err().what, "another encoder");
    }

    #[test]
    fn compared() {
        let clip = Identity { name: "clip-vit-base-patch32".into(), width: 512, hash: 7 };
        assert_eq!(clip.check("renamed@512#0000000000000007"), Ok(()));
        assert_eq!(clip.check("openai/CLIP-ViT-Base-Patch32"), Ok(()));
        assert_eq!(clip.check("clip-vit-base-patch32@768#0000000000000007").unwrap_err().what, "another width");
        for other in ["clip-vit-base-patch32@512#0000000000000008", "openai/clip-vit-large-patch14", ""] {
            let said = clip.check(other).unwrap_err().to_string();
            assert!(said.starts_with("another encoder") && said.contains(other), "{said}");
        }
    }
}
