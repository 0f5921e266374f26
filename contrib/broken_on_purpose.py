#!/usr/bin/env python3
"""Does each promise have a test that breaks when the promise does? Each is broken in the source, one after another, and its test is run: it
must fail, and must have passed before.

    python3 contrib/broken_on_purpose.py              all of them, on a copy of the working tree; some 30 minutes on two cores
    python3 contrib/broken_on_purpose.py --list
    python3 contrib/broken_on_purpose.py fsync codes  those whose name has one of these words

A break is one replacement in one file, whose text must stand there exactly once: when the source moves on, the script says so.
"""
import argparse, os, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST = lambda *words: ["cargo", "test", "--quiet", "--locked", *words]
LOST = ["python3", "contrib/nothing_lost.py", "--quick", "power"]

# name, the promise, file, what stands there, what is put there, the test
BREAKS = [
    ("file fsync", "a file is on the disk before its folder is renamed into place", "src/publish.rs",
     "fs::File::open(&path).and_then(|f| f.sync_all()).map_err(io_at(&path))?;", "fs::File::open(&path).map_err(io_at(&path))?;", LOST),
    ("folder fsync", "a folder that was renamed into place stays there after a loss of power", "src/publish.rs",
     "    sync_folder(parent)?;\n    sync_made(made)", "    sync_made(made)", LOST),
    ("no replacement unasked", "what a user had is not replaced without --force", "src/publish.rs",
     "Ok(_) if !replace => return Err(Error::Exists(target.into())),", "Ok(_) if false => return Err(Error::Exists(target.into())),", TEST("--lib", "publish")),
    ("section checksum", "every flipped bit is noticed", "src/wire/read.rs",
     "if Checksum::of(&self.map[entry.range.clone()]) != entry.checksum {", "if false {", TEST("--test", "corrupt_files", "flipped")),
    ("section bounds", "no section reaches beyond its file", "src/wire/read.rs",
     "            if !fits {", "            if false {", TEST("--test", "corrupt_files", "forged_tables")),
    ("other index's file", "files of two indexes are never mixed", "src/index.rs",
     "if (record.bytes, record.checksum) == (bytes, checksum.0) {", "if record.bytes == bytes {", TEST("--test", "corrupt_files", "files_of_another")),
    ("mixed parts", "parts of two runs are never merged", "src/cli/parts.rs",
     "let difference = part.terms.difference(&other.terms);", "let difference: Option<String> = None;", TEST("--test", "parts")),
    ("days", "thirty days are thirty days, to the microsecond", "src/words/time.rs",
     ">= u128::from(days) * DAY as u128", "> u128::from(days) * DAY as u128", TEST("--test", "constraints_oracle")),
    ("signatures", "a name in common is found whatever the signature says", "src/constraints/admit.rs",
     "subject.signature & catalog.signature(candidate) == 0", "subject.signature & catalog.signature(candidate) != subject.signature", TEST("--test", "constraints_oracle")),
    ("bounds of codes", "a scan with codes gives the bits of a scan without", "src/codes/codebook.rs",
     "let bound = fixed + unit * product as f32 + error * length;", "let bound = fixed + unit * product as f32 + 0.5 * error * length;", TEST("--lib", "codes")),
    ("ties", "equal scores are in the order of rows, whatever the threads", "src/words/score.rs",
     "by_score.unwrap_or(Ordering::Equal).then(self.row.cmp(&other.row))", "by_score.unwrap_or(Ordering::Equal)", TEST("--lib", "words::score")),
    ("memory", "a build takes the memory that it said", "src/import/estimate.rs",
     "const PER_SAMPLE: u64 = 600;", "const PER_SAMPLE: u64 = 6000;", TEST("--test", "memory", "said")),
    ("pickle names", "a pickle calls nothing", "src/formats/pickle/objects.rs",
     '(b"numpy", b"ndarray") => Global::Ndarray,', '(_, b"ndarray" | b"system") => Global::Ndarray,', TEST("--test", "formats_pickle")),
    ("images beneath", "no path leads out of the images' folder", "src/daemon/images.rs",
     "let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;", "let resolve = ResolveFlags::empty();", TEST("--test", "http_api", "images")),
    ("tokens", "a token is compared whole", "src/daemon/auth.rs",
     "self.0.as_bytes().ct_eq(given).into()", "given.starts_with(&self.0.as_bytes()[..1])", TEST("--test", "http_api", "tokens")),
    ("drain", "a daemon that is told to stop answers what it has begun", "src/daemon/serve.rs",
     "            served.as_mut().graceful_shutdown();\n            served.await", "            served.as_mut().graceful_shutdown();\n            Ok(())", TEST("--test", "http_serve")),
    ("embed's log", "a killed embed goes on to the same bytes", "src/encode/partial.rs",
     "numbers.set_len(bytes).and_then(|()| numbers.seek(SeekFrom::Start(bytes)))", "numbers.seek(SeekFrom::End(0))", TEST("--test", "embed")),
]


def run(words, tree, env):
    done = subprocess.run(words, cwd=tree, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    wanted = [b for b in BREAKS if not args.names or any(word in b[0] for word in args.names)]
    if args.list:
        for name, promise, file, *_, test in wanted:
            print(f"{name:<24} {promise:<70} {file:<32} {' '.join(test)}")
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("MISPAIR_SCRATCH")) as dir:
        tree = Path(dir) / "mispair"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("target", ".git", "demo", "node_modules"), symlinks=True)
        # Debug builds of its own, reused from break to break; a scratch folder given beforehand is reused from run to run.
        target = Path(os.environ.get("CARGO_TARGET_DIR", Path(dir) / "target"))
        env = dict(os.environ, CARGO_TARGET_DIR=str(target), CARGO_INCREMENTAL="0", MISPAIR_BIN=str(target / "debug/mispair"))
        missed = []

        def tested(test):
            if test is LOST:
                code, said = run(["cargo", "build", "--quiet", "--locked"], tree, env)
                if code:
                    sys.exit(f"it does not compile:\n{said[-2000:]}")
            code, said = run(test, tree, env)
            if "error: could not compile" in said:
                sys.exit(f"it does not compile:\n{said[-2000:]}")
            return code, said

        for test in {tuple(b[5]): b[5] for b in wanted}.values():
            code, said = tested(test)
            if code:
                sys.exit(f"{' '.join(test)} fails with nothing broken:\n{said[-2000:]}")
        print(f"{len({tuple(b[5]) for b in wanted})} tests pass with nothing broken\n\n| broken | promise | its test | |\n|---|---|---|---|", flush=True)
        for name, promise, file, there, put, test in wanted:
            path = tree / file
            whole = path.read_text()
            if whole.count(there) != 1:
                sys.exit(f"{name}: {file} holds {there!r} {whole.count(there)} times; the break is to be written anew")
            path.write_text(whole.replace(there, put))
            start = time.monotonic()
            code, said = tested(test)
            path.write_text(whole)
            if not code:
                missed.append(name)
            print(f"| {name} | {promise} | `{' '.join(test)}` | {'fails, as it should' if code else 'PASSES'} ({time.monotonic() - start:.0f} s) |", flush=True)
        if missed:
            sys.exit(f"not noticed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
