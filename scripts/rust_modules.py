"""Reads which file of a Rust crate uses items of which other file, from the source text alone.

An edge goes to the file that defines the item, whatever re-exports the path passes through. A module that only declares
a child, or re-exports its items, does not use it. Code under `#[cfg(test)]` is left out. Macros are not expanded.
"""

import dataclasses
import pathlib
import re

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|b?'(?:\\(?:u\{\w+\}|x\w\w|.)|[^\\'])'|'\w+)"""
    r"""|(?P<comment>/\*)|(?P<raw>b?c?r(?P<hashes>\#*)")|(?P<string>[bc]?"(?:\\.|[^"\\])*")"""
    r"""|(?P<token>(?:r\#)?[A-Za-z_]\w*|::|\d\w*|.)""",
    re.VERBOSE | re.DOTALL,
)
NAME = re.compile(r"[A-Za-z_]\w*$")
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
ITEMS = {"fn", "struct", "enum", "union", "trait", "type", "const", "static", "mod", "macro_rules"}
STARTS = ITEMS | {"pub", "use", "impl", "async", "unsafe", "extern", "let"}


@dataclasses.dataclass
class Import:
    """One name that a `use` brings into a module; `name` is `*` for a glob."""

    path: list
    name: str
    is_public: bool
    line: int


@dataclasses.dataclass
class Module:
    """A module: a file, or a block `mod name { … }` of one."""

    file: pathlib.Path
    parent: "Module | None" = None
    children: dict = dataclasses.field(default_factory=dict)
    imports: list = dataclasses.field(default_factory=list)
    local_imports: list = dataclasses.field(default_factory=list)
    items: set = dataclasses.field(default_factory=set)
    names: dict = dataclasses.field(default_factory=dict)
    paths: list = dataclasses.field(default_factory=list)

    def all(self):
        """This module and those below it."""
        yield self
        for child in self.children.values():
            yield from child.all()


def tokens(text):
    """The tokens of `text` with their lines, without comments, characters and lifetimes."""
    found, position, line = [], 0, 1
    while position < len(text):
        match = TOKEN.match(text, position)
        end = match.end()
        if match["comment"]:
            depth = 1
            while depth and end < len(text):
                step = 2 if text[end : end + 2] in ("/*", "*/") else 1
                depth += {"/*": 1, "*/": -1}.get(text[end : end + 2], 0)
                end += step
        elif match["raw"]:
            closing = '"' + match["hashes"]
            end = text.index(closing, end) + len(closing)
            found.append(('""', line))
        elif match["string"]:
            found.append((match["string"], line))
        elif match["token"]:
            found.append((match["token"].removeprefix("r#"), line))
        line += text.count("\n", position, end)
        position = end
    return found


def closing(found, start):
    """The place after the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(found)):
        depth += (found[place][0] in OPEN) - (found[place][0] in CLOSE)
        if depth == 0:
            return place + 1
    return len(found)


def end_of(found, start, ends=(";",)):
    """The place after the item at `start`: after one of `ends`, or after its block."""
    place = start
    while place < len(found):
        text = found[place][0]
        if text in OPEN:
            place = closing(found, place)
            if text == "{":
                return place
        elif text in CLOSE:
            return place
        else:
            place += 1
            if text in ends:
                return place
    return place


def is_test(attribute):
    """Whether an attribute, without its brackets, limits an item to tests."""
    return attribute[:3] == ["cfg", "(", "test"] or attribute[:5] == ["cfg", "(", "all", "(", "test"]


def without_tests(found):
    """The tokens without the items under `#[cfg(test)]`."""
    kept, place = [], 0
    while place < len(found):
        opens = place + 1 + (found[place + 1 : place + 2] == [("!", found[place][1])])
        if found[place][0] == "#" and opens < len(found) and found[opens][0] == "[":
            end = closing(found, opens)
            if is_test([text for text, _ in found[opens + 1 : end - 1]]):
                if opens > place + 1:
                    return []
                while found[end : end + 1] and found[end][0] == "#":
                    end = closing(found, end + 1)
                is_item = end < len(found) and found[end][0] in STARTS
                place = end_of(found, end, (";",) if is_item else (";", ","))
                continue
            kept.extend(found[place:end])
            place = end
            continue
        kept.append(found[place])
        place += 1
    return kept


def use_tree(found, place, prefix=()):
    """The paths of the `use` tree at `place`, each with its name, and the place after the tree."""
    path, imports = list(prefix), []
    while place < len(found):
        text = found[place][0]
        if text == "{":
            end = closing(found, place)
            place += 1
            while place < end - 1:
                more, place = use_tree(found, place, path)
                imports.extend(more)
                place += found[place][0] == ","
            return imports, end
        if text == "*":
            return [(path, "*")], place + 1
        if text in (";", ",", "}"):
            break
        if text == "as":
            return [(path, found[place + 1][0])], place + 2
        if text != "::":
            path = path if text == "self" and path else [*path, text]
        place += 1
    return [(path, path[-1])] if path else [], place


def read_block(module, found, folder):
    """Reads the items of a module's block or file into `module`; files of child modules are in `folder`."""
    place, is_public, path_attribute = 0, False, None
    while place < len(found):
        text, line = found[place]
        following = found[place + 1][0] if place + 1 < len(found) else ""
        if text == "#":
            opens = place + 1 + (following == "!")
            end = closing(found, opens)
            attribute = [token for token, _ in found[opens + 1 : end - 1]]
            if attribute[:2] == ["path", "="]:
                path_attribute = attribute[2].strip('"')
            place = end
            continue
        if text == "pub":
            is_public = True
            place = closing(found, place + 1) if following == "(" else place + 1
            continue
        if text == "use":
            imports, place = use_tree(found, place + 1)
            module.imports.extend(Import(path, name, is_public, line) for path, name in imports)
            place += 1
        elif text == "mod":
            after = found[place + 2][0]
            if after == "{":
                end = closing(found, place + 2)
                child = Module(module.file, module)
                read_block(child, found[place + 3 : end - 1], folder / following)
                module.children[following] = child
                place = end
            else:
                candidates = [folder / f"{following}.rs", folder / following / "mod.rs"]
                if path_attribute:
                    candidates = [module.file.parent / path_attribute]
                file = next((file for file in candidates if file.exists()), None)
                module.children[following] = (
                    read_file(file, folder / following, module) if file else Module(module.file, module)
                )
                place += 3
        else:
            end = max(end_of(found, place), place + 1)
            read_item(module, found[place:end])
            place = end
        is_public, path_attribute = False, None


def read_item(module, found):
    """Reads which name an item defines and which names and paths it uses."""
    head = 0
    while head + 1 < len(found) and found[head][0] in {"async", "unsafe", "const", "extern", "default", '"C"'}:
        if found[head][0] == "const" and found[head + 1][0] not in {"fn", "async", "unsafe", "extern"}:
            break
        head += 1
    if head + 1 < len(found) and found[head][0] in ITEMS:
        name = 2 if found[head + 1][0] in {"!", "mut"} else 1
        module.items.add(found[head + name][0])
    place = 0
    while place < len(found):
        text, line = found[place]
        if text == "use" and found[place - 1][0] in {"{", "}", ";"}:
            imports, place = use_tree(found, place + 1)
            module.local_imports.extend(Import(path, name, False, line) for path, name in imports)
            continue
        if NAME.match(text) and (place == 0 or found[place - 1][0] not in {"::", "."}):
            path = [text]
            while place + 2 < len(found) and found[place + 1][0] == "::" and NAME.match(found[place + 2][0]):
                path.append(found[place + 2][0])
                place += 2
            module.names.setdefault(path[0], line)
            if len(path) > 1:
                module.paths.append((path, line))
        place += 1


def read_file(file, folder, parent=None):
    """The module of a file, whose child modules are in `folder`."""
    module = Module(file, parent)
    read_block(module, without_tests(tokens(file.read_text())), folder)
    return module


def read_crate(root):
    """The root module of the crate whose root file is `root`."""
    return read_file(root, root.parent)


class Resolver:
    """Finds the modules that define the items of paths."""

    def __init__(self, root):
        self.root = root

    def resolve(self, path, module, followed=frozenset()):
        """The module that `path` leads to as seen from `module`, and whether the path names that module itself rather
        than an item of it. `None` if it leads to another crate. No import in `followed` is followed again."""
        first, rest = path[0], path[1:]
        if first == "crate":
            return self.walk(self.root, rest, followed)
        if first in {"self", "super"} or first in module.children or self.imported(module, first, followed):
            return self.walk(module, path, followed)
        return None

    def imported(self, module, name, followed):
        """The import that brings `name` into `module`."""
        imports = (found for found in module.imports if id(found) not in followed)
        return next((found for found in imports if found.name == name), None)

    def walk(self, module, path, followed):
        """Like `resolve`, for a path that begins in `module`."""
        if not path:
            return module, True
        first, rest = path[0], path[1:]
        if first == "super":
            return self.walk(module.parent, rest, followed) if module.parent else None
        if first == "self":
            return self.walk(module, rest, followed)
        if first in module.children:
            return self.walk(module.children[first], rest, followed)
        if found := self.imported(module, first, followed):
            return self.resolve([*found.path, *rest], module, followed | {id(found)})
        if first not in module.items:
            for found in module.imports:
                if found.name == "*" and id(found) not in followed:
                    reached = self.resolve([*found.path, first], module, followed | {id(found)})
                    if reached and (reached[1] or first in reached[0].items):
                        return reached
        return module, False


def uses(root):
    """What each file of a crate uses: `{(file, other file): (name, line)}`, and the same for modules."""
    resolver, found = Resolver(root), {}

    def add(module, path, name, line):
        target = resolver.resolve(path, module)
        if target and not target[1] and target[0].file != module.file:
            found.setdefault((module.file, target[0].file), (name, line))

    for module in root.all():
        for use in module.imports:
            if use.name == "*":
                for name, line in module.names.items():
                    target = resolver.resolve([*use.path, name], module)
                    if target and name in target[0].items and name not in module.items:
                        add(module, [*use.path, name], name, line)
            elif not use.is_public or use.name in module.names:
                add(module, use.path, use.name, use.line)
        for use in module.local_imports:
            add(module, use.path, use.name, use.line)
        for path, line in module.paths:
            add(module, path, "::".join(path), line)
    return found


def circles(edges):
    """The shortest circle through each edge that is on one; each circle once, as a list of files."""
    after = {}
    for file, other in edges:
        after.setdefault(file, []).append(other)
    found = {}
    for file, other in sorted(edges):
        paths, seen = [[file, other]], {other}
        while paths and paths[0][-1] != file:
            path = paths.pop(0)
            for step in sorted(after.get(path[-1], [])):
                if step not in seen:
                    seen.add(step)
                    paths.append([*path, step])
        if paths:
            found.setdefault(frozenset(paths[0]), paths[0])
    return list(found.values())
