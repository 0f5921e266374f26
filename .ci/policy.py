#!/usr/bin/env python3
"""What the crate may depend on: licences from a list, one version of each crate unless it is excused, one registry.

    python3 .ci/policy.py            reads `cargo metadata --locked --all-features`; exits 1 with what is wrong
"""
import collections, json, re, subprocess, sys

# What may be linked into a program that is MIT or Apache-2.0. Of alternatives (OR) one must be here, of sums (AND) all.
LICENCES = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "0BSD", "Unicode-3.0", "Unlicense", "Zlib"}
# Crates of which two versions are compiled, and why that stands. One that is no longer needed must be removed.
TWICE = {
    "getrandom": "that of parquet (through ahash), and that of smartcore (through rand)",
    "miniz_oxide": "that of png, and that of parquet (through flate2)",
    "num-bigint": "parquet's, and smartcore's through num",
    "r-efi": "getrandom's on UEFI: compiled nowhere here",
    "syn": "macros that are run while compiling; nothing of it is in the binary",
    "thiserror": "of a development dependency",
    "thiserror-impl": "of a development dependency",
}


def allowed(expression):
    text = expression.replace("/", " OR ").strip()
    while text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1]
    parts = re.split(r" AND (?![^(]*\))", text)
    if len(parts) > 1:
        return all(map(allowed, parts))
    return any(part.strip() in LICENCES for part in re.split(r" OR (?![^(]*\))", text))


def main():
    assert allowed("GPL-3.0 OR MIT") and not allowed("GPL-3.0") and not allowed("MIT AND GPL-3.0") and allowed("(MIT OR GPL-3.0) AND Zlib")
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]))
    wrong, versions = [], collections.defaultdict(set)
    others = [p for p in metadata["packages"] if p["source"] is not None]
    for package in others:
        name = f"{package['name']} {package['version']}"
        versions[package["name"]].add(package["version"])
        if not allowed(package["license"] or ""):
            wrong.append(f"{name}: licence {package['license']!r} is not on the list")
        if not package["source"].startswith("registry+"):
            wrong.append(f"{name}: comes from {package['source']}, not from the registry")
    twice = {name for name, of in versions.items() if len(of) > 1}
    wrong += [f"{name}: versions {', '.join(sorted(versions[name]))}; agree on one, or excuse it in {__file__}" for name in sorted(twice - TWICE.keys())]
    wrong += [f"{name}: is excused in {__file__}, but there is one version only" for name in sorted(TWICE.keys() - twice)]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(others)} crates: licences as listed, {len(twice)} of them twice, each with its reason")


if __name__ == "__main__":
    main()
