//! The fear: a path, from a request or from somebody's catalog, that leads out of the image folder.

use crate::common;
use crate::house::{House, block};
use mispair::daemon::{State, app};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const PNG: &[u8] = b"\x89PNG\r\n\x1A\n of one's own";
/// As an image, so that only where it lies keeps it from being sent.
const SECRET: &[u8] = b"\x89PNG\r\n\x1A\n SECRET";

/// Ways to write `../`, `/` and `.`.
fn spellings() -> Vec<String> {
    let dots = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%252e%252e",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "%u002e%u002e",
        "..%00",
        "....",
        ". .",
    ];
    let slashes = ["/", "%2f", "%2F", "%252f", "\\", "%5c", "%255c", "%c0%af", "%e0%80%af", "//", "/./", "%2f%2f"];
    let mut all = BTreeSet::new();
    for dot in dots {
        for slash in slashes {
            for target in ["secret.png", "outside/secret.png"] {
                all.insert(format!("{dot}{slash}{target}"));
                all.insert(format!("a{slash}{dot}{slash}{dot}{slash}{target}"));
            }
        }
    }
    all.into_iter().collect()
}

/// A root with images in it, secrets beside it, and links from one to the other.
fn folders(dir: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (root, outside) = (dir.join("root"), dir.join("outside"));
    fs::create_dir_all(root.join("a")).unwrap();
    fs::create_dir_all(&outside).unwrap();
    for secret in [dir.join("secret.png"), outside.join("secret.png")] {
        fs::write(secret, SECRET).unwrap();
    }
    fs::write(root.join("a/own.png"), PNG).unwrap();
    symlink("own.png", root.join("a/inside.png")).unwrap();
    symlink(outside.join("secret.png"), root.join("absolute.png")).unwrap();
    symlink("../outside/secret.png", root.join("relative.png")).unwrap();
    symlink("../outside", root.join("folder")).unwrap();
    symlink(dir, root.join("up")).unwrap();
    symlink("/", root.join("slash")).unwrap();
    symlink("/proc/self/cwd", root.join("magic")).unwrap();
    symlink("relative.png", root.join("twice.png")).unwrap();
    symlink("endless", root.join("endless")).unwrap();
    (root, outside)
}

/// A daemon over samples with these image paths.
fn served(dir: &Path, paths: &[String], root: &Path) -> (House, usize) {
    let mut corpus = common::newsy(paths.len(), 3, &[]);
    for (i, (sample, path)) in corpus.samples.iter_mut().zip(paths).enumerate() {
        sample["id"] = json!(i);
        sample["image_path"] = json!(path);
    }
    corpus.build(&dir.join("corpus"));
    let mut config = crate::house::config(&[&dir.join("corpus/index")]);
    config.indexes[0].images = Some(root.into());
    let state = State::open(config, None).unwrap();
    (House { app: app(Arc::clone(&state)), state }, paths.len())
}

#[test]
fn no_stored_path_leads_out() {
    let dir = TempDir::new().unwrap();
    let (root, outside) = folders(dir.path());
    let mut paths = spellings();
    for path in [
        "absolute.png",
        "relative.png",
        "folder/secret.png",
        "up/secret.png",
        "up/outside/secret.png",
        "twice.png",
        "endless",
        "magic/secret.png",
        "a/../../secret.png",
        "./../secret.png",
        "/etc/passwd",
        "slash/etc/passwd",
        "~/secret.png",
        "file:///etc/passwd",
        "a",
        "a/",
        ".",
        "..",
        "/",
        "//",
        "a/own.png/",
        "a/own.png/..",
        "-",
        "NUL",
        "a/own.png\u{0}",
        "../secret.png\u{0}.png",
        "\u{2024}\u{2024}/secret.png",
        "\u{ff0e}\u{ff0e}\u{ff0f}secret.png",
        "\u{2025}/secret.png",
        "..\u{2215}secret.png",
        "..\u{2044}secret.png",
    ] {
        paths.push(path.to_owned());
    }
    paths.push(outside.join("secret.png").display().to_string());
    paths.push(format!("/{}", dir.path().join("secret.png").display()));
    paths.push(format!("slash{}", outside.join("secret.png").display()));
    paths.push("../".repeat(60) + "etc/passwd");
    paths.push("a/".repeat(3000) + "own.png");
    assert!(paths.len() >= 200, "{}", paths.len());
    let (house, n) = served(dir.path(), &paths, &root);
    block(async {
        for (id, path) in paths.iter().enumerate().take(n) {
            let reply = house.get(&format!("/v1/images/{id}")).await;
            assert!(!reply.bytes.windows(6).any(|w| w == b"SECRET"), "{path:?} leads out");
            let problem = reply.problem(404, "not-found", Some("id"));
            let said = problem.to_string();
            assert!(!said.contains(dir.path().to_str().unwrap()), "tells of the disk: {said}");
        }
    });
}

#[test]
fn no_asked_path_leads_anywhere() {
    let dir = TempDir::new().unwrap();
    let (root, _) = folders(dir.path());
    let (house, _) = served(dir.path(), &["a/own.png".to_owned()], &root);
    block(async {
        let mut asked = 0;
        for path in spellings() {
            let uri = format!("/v1/images/{}", path.replace('\\', "%5c").replace(' ', "%20"));
            let reply = house.get(&uri).await;
            assert!([400, 404].contains(&reply.status.as_u16()), "{uri}: {reply:?}");
            assert!(!reply.bytes.windows(6).any(|w| w == b"SECRET"), "{uri}");
            asked += 1;
        }
        assert!(asked >= 200, "{asked}");
        for uri in [
            "/v1/images/",
            "/v1/images/a/own.png",
            "/v1/images/a%2fown.png",
            "/v1/images//etc/passwd",
            "/v1/images/0/../../docs",
            "/v1/images/0%00",
        ] {
            assert_eq!(house.get(uri).await.status, 404, "{uri}");
        }
    });
}

#[test]
fn images_are_sent_as_what_they_are() {
    let dir = TempDir::new().unwrap();
    let (root, _) = folders(dir.path());
    let long: Vec<u8> = PNG.iter().copied().chain((0..300_000).map(|i| (i % 251) as u8)).collect();
    for (name, bytes) in [
        ("long.jpg", long.as_slice()),
        ("page.png", b"<html><script>alert(1)</script>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
        ("empty.png", b""),
        ("photo", b"\xFF\xD8\xFF\xE0 a jpeg"),
        ("too_long.gif", &[b"GIF89a".as_slice(), &[0; 400_000]].concat()),
    ] {
        fs::write(root.join(name), bytes).unwrap();
    }
    let paths = [
        "./a/own.png",
        "a/inside.png",
        "long.jpg",
        "photo",
        "page.png",
        "drawing.svg",
        "empty.png",
        "a",
        "gone.png",
        "too_long.gif",
    ];
    let (mut house, _) = served(dir.path(), &paths.map(str::to_owned), &root);
    let mut config = house.state.config.clone();
    config.limits.image_bytes = 350_000;
    house.state = State::open(config, None).unwrap();
    house.app = app(Arc::clone(&house.state));
    block(async {
        for (id, media_type, bytes) in [
            (0, "image/png", PNG),
            (1, "image/png", PNG),
            (2, "image/png", &long),
            (3, "image/jpeg", b"\xFF\xD8\xFF\xE0 a jpeg"),
        ] {
            let reply = house.get(&format!("/v1/images/{id}")).await;
            assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, media_type), "{id}");
            assert_eq!(reply.bytes, bytes);
            assert_eq!(reply.header("content-length"), bytes.len().to_string());
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert!(reply.header("content-security-policy").contains("sandbox"));
        }
        for id in 4..10 {
            house.get(&format!("/v1/images/{id}")).await.problem(404, "not-found", Some("id"));
        }
        assert_eq!(house.get("/v1/indexes").await.ok()["indexes"][0]["images_served"], true);
    });
}
