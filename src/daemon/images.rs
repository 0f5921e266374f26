//! Images by the id of their sample, and nothing else of the disk.
//!
//! A path comes from the catalog alone, never from a request. It is opened beneath the index's image root: no absolute path, no
//! `..` and no symbolic link leads out of it. What is sent must be a plain file that begins as one of the image types does.

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// A folder with images beneath it.
#[derive(Debug)]
pub struct ImageRoot(OwnedFd);

/// An image, open at its beginning.
#[derive(Debug)]
pub struct Image {
    /// The file.
    pub file: File,
    /// Its length.
    pub bytes: u64,
    /// For example `image/jpeg`.
    pub media_type: &'static str,
    /// What has been read of it already, to see what it is.
    pub head: Vec<u8>,
}

/// Why an image is not sent. What is said tells nothing of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not there, or not beneath the root.
    #[error("its image file is not beneath the image folder, or cannot be read")]
    Missing,
    /// A folder, a pipe, a device.
    #[error("its image path does not name a plain file")]
    NotAFile,
    /// No type of image that is served.
    #[error("its image file is none of JPEG, PNG, GIF, WebP, AVIF, BMP, TIFF")]
    NotAnImage,
    /// Longer than allowed.
    #[error("its image file is longer than limits.image_bytes")]
    TooLong,
}

impl ImageRoot {
    /// A folder, which may itself be a link.
    pub fn open(path: &Path) -> io::Result<ImageRoot> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(ImageRoot(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// An image by its path as the catalog has it.
    pub fn image(&self, path: &str, most: u64) -> Result<Image, ImageError> {
        // Opened without waiting: the other end of a pipe may never come.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.beneath(path, flags).map_err(|_| ImageError::Missing)?;
        let mut file = File::from(fd);
        let metadata = file.metadata().map_err(|_| ImageError::Missing)?;
        if !metadata.is_file() {
            return Err(ImageError::NotAFile);
        }
        let bytes = metadata.len();
        if bytes > most {
            return Err(ImageError::TooLong);
        }
        let mut head = Vec::with_capacity(HEAD);
        file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(|_| ImageError::Missing)?;
        let media_type = sniff(&head).ok_or(ImageError::NotAnImage)?;
        Ok(Image { file, bytes, media_type, head })
    }

    #[cfg(target_os = "linux")]
    fn beneath(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        use rustix::fs::{ResolveFlags, openat2};
        use rustix::io::Errno;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        loop {
            match openat2(&self.0, path, flags, Mode::empty(), resolve) {
                // A rename elsewhere in the tree, while it was being resolved.
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Kernels before 5.6, and some sandboxes.
                Err(Errno::NOSYS | Errno::PERM) => return self.step_by_step(path, flags),
                other => return other,
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn beneath(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        self.step_by_step(path, flags)
    }

    /// One folder after the other, following no link at all.
    fn step_by_step(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        use rustix::fs::openat;
        use rustix::io::Errno;
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(Errno::XDEV);
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let (file, folders) = parts.split_last().ok_or(Errno::NOENT)?;
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut at = self.0.try_clone().map_err(|_| Errno::MFILE)?;
        for part in folders {
            at = openat(&at, *part, folder, Mode::empty())?;
        }
        openat(&at, *file, flags | OFlags::NOFOLLOW, Mode::empty())
    }
}

/// Bytes that tell what a file is.
const HEAD: usize = 16;

/// The type of an image by its first bytes. SVG is none: it is a document that can hold scripts.
fn sniff(head: &[u8]) -> Option<&'static str> {
    let begins = |magic: &[u8]| head.starts_with(magic);
    let brand = |at: usize, brand: &[u8]| head.get(at..at + 4) == Some(brand);
    match () {
        () if begins(b"\xFF\xD8\xFF") => Some("image/jpeg"),
        () if begins(b"\x89PNG\r\n\x1A\n") => Some("image/png"),
        () if begins(b"GIF87a") || begins(b"GIF89a") => Some("image/gif"),
        () if begins(b"RIFF") && brand(8, b"WEBP") => Some("image/webp"),
        () if brand(4, b"ftyp") && (brand(8, b"avif") || brand(8, b"avis")) => Some("image/avif"),
        () if begins(b"BM") && head.len() == HEAD && head[6..10] == [0; 4] => Some("image/bmp"),
        () if begins(b"II*\0") || begins(b"MM\0*") => Some("image/tiff"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const PNG: &[u8] = b"\x89PNG\r\n\x1A\n and the rest of it";

    #[test]
    fn types_by_their_first_bytes() {
        for (head, want) in [
            (PNG, Some("image/png")),
            (b"\xFF\xD8\xFF\xE0 jpeg".as_slice(), Some("image/jpeg")),
            (b"GIF89a...", Some("image/gif")),
            (b"RIFF1234WEBPVP8 ", Some("image/webp")),
            (b"RIFF1234WAVEfmt ", None),
            (b"\0\0\0\x1Cftypavif\0\0\0\0", Some("image/avif")),
            (b"BM1234\0\0\0\0abcdef", Some("image/bmp")),
            (b"BMP is a format of", None),
            (b"<svg xmlns=", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(sniff(&head[..head.len().min(HEAD)]), want, "{head:?}");
        }
    }

    /// Both ways of opening, whichever the kernel takes.
    #[test]
    fn no_path_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        for file in [root.join("a/b/1.png"), outside.join("secret.png")] {
            fs::write(file, PNG).unwrap();
        }
        symlink(outside.join("secret.png"), root.join("a/link.png")).unwrap();
        symlink("../../outside/secret.png", root.join("a/relative.png")).unwrap();
        symlink(&outside, root.join("folder")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let opened = ImageRoot::open(&root).unwrap();
        for path in ["a/b/1.png", "./a/b/1.png", "a//b/./1.png"] {
            assert_eq!(opened.image(path, 100).unwrap().media_type, "image/png", "{path}");
            opened.step_by_step(path, OFlags::RDONLY).unwrap();
        }
        let absolute = outside.join("secret.png");
        for path in [
            "../outside/secret.png",
            "a/../../outside/secret.png",
            "a/link.png",
            "a/relative.png",
            "folder/secret.png",
            "magic/etc/passwd",
            "loop",
            absolute.to_str().unwrap(),
            "/etc/passwd",
            "..",
            "",
            "a/b/1.png\0.jpg",
            "..\\outside\\secret.png",
            "%2e%2e/outside/secret.png",
        ] {
            assert_eq!(opened.image(path, 100).err(), Some(ImageError::Missing), "{path:?}");
            assert!(opened.step_by_step(path, OFlags::RDONLY).is_err(), "{path:?}");
        }
        assert_eq!(opened.image("a/b", 100).err(), Some(ImageError::NotAFile));
        assert_eq!(opened.image("a/b/1.png", 3).err(), Some(ImageError::TooLong));
        fs::write(root.join("page.png"), "<html>").unwrap();
        assert_eq!(opened.image("page.png", 100).err(), Some(ImageError::NotAnImage));
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe.png"), Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(opened.image("pipe.png", 100).err(), Some(ImageError::NotAFile));
    }
}
