#!/usr/bin/env python3
"""Tests scripts/arrows with small made-up crates."""

import importlib.machinery
import importlib.util
import pathlib
import tempfile
import unittest

path = pathlib.Path(__file__).with_name("arrows")
loader = importlib.machinery.SourceFileLoader("arrows", str(path))
arrows = importlib.util.module_from_spec(importlib.util.spec_from_loader("arrows", loader))
loader.exec_module(arrows)


def faults(files, tolerated=()):
    """The faults of a crate of these files, given by their paths in `src` without `.rs`."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "src"
        for name, text in files.items():
            file = source / f"{name}.rs"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return arrows.module_faults("made-up", source, tolerated)


class Circles(unittest.TestCase):
    def circle(self, files, *path):
        found = faults(files)
        self.assertEqual(len(found), 1, found)
        for file in path:
            self.assertIn(file, found[0])

    def no_circle(self, files):
        self.assertEqual(faults(files), [])

    def test_parent_that_uses_its_child_and_is_used_by_it(self):
        child = "use super::LIMIT;\npub(super) fn run() -> u8 { LIMIT }"
        for parent in ["use child::run;\nfn f() { run(); }", "fn f() { child::run(); }", "fn f() { self::child::run() }"]:
            self.circle({"lib": f"mod child;\nconst LIMIT: u8 = 1;\n{parent}", "child": child}, "lib.rs", "child.rs (")

    def test_parent_that_declares_and_reexports_its_child(self):
        child = "use super::LIMIT;\npub fn run() -> u8 { LIMIT }"
        self.no_circle({"lib": "mod child;\npub use child::run;\npub(crate) const LIMIT: u8 = 1;", "child": child})

    def test_parent_that_also_uses_what_it_reexports(self):
        child = "use crate::LIMIT;\npub fn run() -> u8 { LIMIT }"
        lib = "mod child;\npub use child::run;\nconst LIMIT: u8 = 1;\nfn f() { run(); }"
        self.circle({"lib": lib, "child": child}, "run", "LIMIT")

    def test_siblings_in_every_spelling(self):
        for use in ["use crate::b::B;", "use super::b::{self, B};", "use crate::{b::B, c};", "use super::{b::{B as X}};"]:
            files = {"lib": "mod a;\nmod b;\nmod c;", "a": f"{use}\npub struct A;", "c": ""}
            self.circle({**files, "b": "pub struct B(crate::a::A);"}, "a.rs", "b.rs")
        files = {"lib": "mod a;\nmod b;", "a": "use super::b;\npub struct A(b::B);", "b": "pub struct B(super::a::A);"}
        self.circle(files, "a.rs", "b.rs")

    def test_circle_of_three_through_reexports(self):
        files = {
            "lib": "mod a;\nmod b;\nmod c;\npub use b::B;\npub use c::C;",
            "a": "use crate::B;\npub struct A(B);",
            "b": "use crate::C;\npub struct B(C);",
            "c": "use crate::a::A;\npub struct C(Box<A>);",
        }
        self.circle(files, "a.rs", "b.rs (B)", "c.rs (C)", "a.rs (A)")

    def test_reexport_leads_to_the_defining_file(self):
        files = {
            "lib": "mod error;\nmod rows;\npub use error::Error;\npub fn f() -> Result<(), Error> { rows::check() }",
            "rows": "use crate::Error;\npub(crate) fn check() -> Result<(), Error> { Ok(()) }",
            "error": "pub struct Error;",
        }
        self.no_circle(files)

    def test_globs_lead_to_the_items_that_are_used(self):
        child = "use super::*;\npub fn run() -> u8 { LIMIT }"
        lib = "mod child;\nconst LIMIT: u8 = 1;\nfn f() { child::run(); }"
        self.circle({"lib": lib, "child": child}, "LIMIT")
        self.no_circle({"lib": lib, "child": child.replace("LIMIT", "2")})

    def test_tests_comments_and_strings_do_not_count(self):
        lib = "mod child;\nconst LIMIT: u8 = 1;\nfn f() { child::run(); }"
        for text in [
            "#[cfg(test)]\nmod tests {\n    use crate::LIMIT;\n}",
            "#[cfg(test)]\nuse crate::LIMIT;",
            "#[cfg(test)]\n#[inline]\nfn f<A, B>() -> u8 { crate::LIMIT }",
            "#[cfg(all(test, unix))]\nfn f() -> u8 { crate::LIMIT }",
            "// crate::LIMIT\n/* crate::LIMIT /* crate::LIMIT */ */\n/// crate::LIMIT\nstruct S;",
            'fn f() { g("crate::LIMIT \\" crate::LIMIT", r#"crate::LIMIT " "#, \'"\'); }\nfn g<\'a>(_: &\'a str) {}',
        ]:
            self.no_circle({"lib": lib, "child": f"pub fn run() {{}}\n{text}"})
        self.circle({"lib": lib, "child": "pub fn run() { use crate::{LIMIT}; }"}, "LIMIT")
        self.circle({"lib": lib, "child": "#[cfg(test)]\nmod tests;\npub fn run() { crate::LIMIT; }"}, "LIMIT")

    def test_blocks_and_macros(self):
        lib = "mod child;\npub mod inner {\n    pub const LIMIT: u8 = 1;\n}\nfn f() { child::run(); }"
        self.circle({"lib": lib, "child": "use crate::inner;\npub fn run() { inner::LIMIT; }"}, "LIMIT")
        macro = "macro_rules! run { () => { $crate::inner::LIMIT }; }\npub fn run() {}"
        self.circle({"lib": lib, "child": macro}, "LIMIT")

    def test_names_of_other_crates_do_not_count(self):
        files = {
            "lib": "mod a;\nmod b;\nfn f() { a::run(); }",
            "a": "use http::Uri;\nuse serde::{self, Serialize};\npub fn run() { serde::x(); http::y(); }",
            "b": "pub mod http;\nuse crate::a;\nfn f() { a::run(); }",
            "b/http": "",
        }
        self.no_circle(files)

    def test_tolerated_crate_leaves_the_list_without_faults(self):
        self.assertIn("remove this crate", faults({"lib": ""}, {"made-up"})[0])
        files = {"lib": "mod a;\nconst X: u8 = a::X;", "a": "pub const X: u8 = super::X;"}
        self.assertEqual(faults(files, {"made-up"}), [])


class Layers(unittest.TestCase):
    SERVICE = {
        "lib": "mod handler;\nmod controller;\nmod repository;\nmod error;\nfn run() { repository::memory::open(); handler::serve(); }",
        "handler": "use crate::controller::get;\nuse crate::repository::Store;\npub fn serve() { get(); }",
        "controller": "use crate::repository::Store;\npub fn get() { crate::error::ERROR; }",
        "repository": "pub mod memory;\npub mod cached;\npub struct Store;",
        "repository/memory": "use super::Store;\npub fn open() {}",
        "repository/cached": "use super::memory;\npub fn open() { memory::open(); }",
        "error": "pub const ERROR: u8 = 1;",
    }

    def test_layers_that_use_lower_ones(self):
        self.assertEqual(faults(self.SERVICE), [])

    def test_uses_of_higher_layers_and_of_stores(self):
        for file, text, fault in [
            ("repository/memory", "use crate::controller::get;", "above"),
            ("repository", "use crate::run;", "above"),
            ("controller", "use crate::handler::serve;", "above"),
            ("controller", "fn f() { crate::repository::memory::open(); }", "behind a trait"),
            ("handler", "use crate::repository::memory::open;", "behind a trait"),
        ]:
            found = faults({**self.SERVICE, file: f"{self.SERVICE[file]}\n{text}"})
            self.assertTrue(any(f"{file}.rs" in line and fault in line for line in found), (text, found))


if __name__ == "__main__":
    unittest.main()
