//! What each module of the crate defines, imports and names, and which file a path leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::words::{Token, tokens};

/// Module names from the root of the crate.
pub type Route = Vec<String>;

/// One mention of another module's content: a `use`, or a path in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub path: Route,
    pub line: usize,
    /// What a `use` calls it here; `*` for everything.
    pub alias: Option<String>,
    /// A door: handed on to others.
    pub public: bool,
}

#[derive(Debug, Default)]
pub struct Module {
    pub file: PathBuf,
    /// Of tests alone.
    pub test: bool,
    /// Functions, types and constants.
    pub items: BTreeSet<String>,
    pub mentions: Vec<Mention>,
    /// Every word outside `use`, which tells whether a module needs for itself what it hands on.
    pub words: BTreeSet<String>,
}

pub struct House {
    pub modules: BTreeMap<Route, Module>,
}

/// Where a path leads: its file, and its room as it is written (a door may hand on what another file defines).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub room: String,
    pub file: PathBuf,
}

impl House {
    /// From sources with their paths below `src/`.
    pub fn new(sources: &[(PathBuf, String)]) -> Self {
        let mut house = Self { modules: BTreeMap::new() };
        let mut tests = Vec::new();
        for (file, source) in sources {
            let tokens = tokens(source);
            Reader { house: &mut house, tests: &mut tests, file }.module(&tokens, route(file));
        }
        for (route, module) in &mut house.modules {
            module.test |= tests.iter().any(|test| route.starts_with(test));
        }
        house
    }

    /// Of a path written in module `from`; `None` for other crates.
    pub fn target(&self, from: &Route, path: &Route) -> Option<Target> {
        let absolute = self.absolute(from, path)?;
        let room = absolute.first()?.clone();
        Some(Target { room, file: self.definer(&absolute, &mut BTreeSet::new())? })
    }

    /// The same path from the root of the crate.
    fn absolute(&self, from: &Route, path: &Route) -> Option<Route> {
        let mut base = from.clone();
        let mut rest = path.as_slice();
        match path.first()?.as_str() {
            // `main.rs` is another crate, which knows this one by its name.
            "crate" | "pipeline" => (base, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {}
            first => {
                let module = self.modules.get(from)?;
                let known = self.modules.contains_key(&child(from, first))
                    || module.items.contains(first)
                    || module.import(first).is_some();
                if !known {
                    return None;
                }
            }
        }
        while rest.first().is_some_and(|name| name == "super") {
            base.pop()?;
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The file that defines what an absolute path names, through the doors that hand it on.
    fn definer(&self, path: &Route, seen: &mut BTreeSet<Route>) -> Option<PathBuf> {
        if !seen.insert(path.clone()) {
            return None;
        }
        let length = (0..=path.len()).rev().find(|&length| self.modules.contains_key(&path[..length]))?;
        let (route, rest) = (path[..length].to_vec(), &path[length..]);
        let module = &self.modules[&route];
        let Some(name) = rest.first().filter(|name| !module.items.contains(*name)) else {
            return Some(module.file.clone());
        };
        let mut follow = |import: &Mention, more: &[String]| {
            let mut path = self.absolute(&route, &import.path)?;
            path.extend_from_slice(more);
            self.definer(&path, seen)
        };
        if let Some(import) = module.import(name) {
            return follow(import, &rest[1..]);
        }
        let mut everything = module.mentions.iter().filter(|mention| mention.alias.as_deref() == Some("*"));
        let behind = everything.find_map(|import| follow(import, rest).filter(|file| self.defines(file, name)));
        Some(behind.unwrap_or_else(|| module.file.clone()))
    }

    fn defines(&self, file: &Path, name: &str) -> bool {
        self.modules.values().any(|module| module.file == file && module.items.contains(name))
    }

    /// What a module takes from elsewhere, with the lines; not what it only hands on, nor what tests take.
    pub fn uses(&self, route: &Route) -> Vec<(Target, &Mention)> {
        let module = &self.modules[route];
        let needed = |mention: &&Mention| match &mention.alias {
            _ if module.test => false,
            Some(alias) => !mention.public || module.words.contains(alias),
            None => true,
        };
        let mentions = module.mentions.iter().filter(needed);
        mentions.filter_map(|mention| Some((self.target(route, &mention.path)?, mention))).collect()
    }

    /// Whether a path names a module itself. An import of one is no use of its file: the paths through it are.
    pub fn is_module(&self, from: &Route, mention: &Mention) -> bool {
        mention.alias.as_deref().is_some_and(|alias| alias != "*")
            && self.absolute(from, &mention.path).is_some_and(|path| self.modules.contains_key(&path))
    }
}

impl Module {
    fn import(&self, name: &str) -> Option<&Mention> {
        self.mentions.iter().find(|mention| mention.alias.as_deref() == Some(name))
    }
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn route(file: &Path) -> Route {
    let mut names: Route = file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if matches!(names.last().map(String::as_str), Some("mod" | "lib")) {
        names.pop();
    }
    names
}

fn child(route: &[String], name: &str) -> Route {
    [route, &[name.to_owned()]].concat()
}

struct Reader<'a> {
    house: &'a mut House,
    tests: &'a mut Vec<Route>,
    file: &'a Path,
}

impl Reader<'_> {
    fn module(&mut self, tokens: &[Token], route: Route) {
        let mut module = Module { file: self.file.to_owned(), ..Module::default() };
        let is = |i: usize, text: &str| tokens.get(i).is_some_and(|token| token.is(text));
        let (mut i, mut depth, mut test, mut public) = (0, 0_usize, false, false);
        // The depth of the brackets that the variants of an enum stand in.
        let mut variants = None;
        while let Some(token) = tokens.get(i) {
            match token.text.as_str() {
                "#" if is(i + 1, "[") => {
                    let end = group_end(tokens, i + 1);
                    test |= is_test(&tokens[i..end]);
                    i = end;
                    continue;
                }
                "pub" => {
                    public = true;
                    i = if is(i + 1, "(") { group_end(tokens, i + 1) } else { i + 1 };
                    continue;
                }
                "mod" if depth == 0 => {
                    let name = child(&route, &tokens[i + 1].text);
                    if test {
                        self.tests.push(name.clone());
                    }
                    if is(i + 2, "{") {
                        let end = group_end(tokens, i + 2);
                        self.module(&tokens[i + 3..end - 1], name);
                        i = end;
                    } else {
                        i += 3;
                    }
                }
                _ if test => i = item_end(tokens, i),
                // Neither `use ::png`, another crate, nor `impl Trait + use<'a>`.
                "use" if !is(i + 1, "::") && !is(i + 1, "<") => {
                    i = read_use(tokens, i + 1, Vec::new(), public, &mut module.mentions) + 1;
                }
                "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static" if depth == 0 => {
                    variants = token.is("enum").then_some(1);
                    module.items.extend(tokens.get(i + 1).filter(|name| name.is_word()).map(|name| name.text.clone()));
                    i += 1;
                }
                "{" | "(" | "[" => (depth, i) = (depth + 1, i + 1),
                "}" | ")" | "]" => (depth, i) = (depth.saturating_sub(1), i + 1),
                _ if token.is_word() => {
                    let start = i;
                    while is(i + 1, "::") && tokens.get(i + 2).is_some_and(Token::is_word) {
                        i += 2;
                    }
                    i += 1;
                    let path: Route = tokens[start..i].iter().step_by(2).map(|token| token.text.clone()).collect();
                    let after = |marks: &[&str]| start > 0 && marks.contains(&tokens[start - 1].text.as_str());
                    let variant = variants == Some(depth) && after(&["{", ",", "]"]);
                    if !variant && !after(&["."]) && !is(i, "!") {
                        module.words.insert(path[0].clone());
                    }
                    if path.len() > 1 && !after(&["::"]) {
                        module.mentions.push(Mention { path, line: token.line, alias: None, public: false });
                    }
                }
                _ => i += 1,
            }
            (test, public) = (false, false);
        }
        self.house.modules.insert(route, module);
    }
}

/// `cfg(test)` and `cfg(all(test, …))`.
fn is_test(attribute: &[Token]) -> bool {
    let text: String = attribute.iter().map(|token| token.text.as_str()).collect();
    text.starts_with("#[cfg(test)") || text.starts_with("#[cfg(all(test")
}

/// Behind the bracket that closes the one at `start`.
fn group_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// Behind an item: its `;`, its body, or the end of what it stands in.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut i = start;
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            ";" => return i + 1,
            "}" | ")" | "]" => return i.max(start + 1),
            "{" => {
                let end = group_end(tokens, i);
                return if tokens.get(end).is_some_and(|token| token.is(";")) { end + 1 } else { end };
            }
            "(" | "[" => i = group_end(tokens, i),
            _ => i += 1,
        }
    }
    i
}

/// One tree of a `use`, from behind `use`, `::{` or `,`; the answer is where it ends.
fn read_use(tokens: &[Token], start: usize, before: Route, public: bool, found: &mut Vec<Mention>) -> usize {
    let (mut i, mut path, mut alias) = (start, before, None);
    let line = tokens.get(start).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            "," | ";" | "}" => break,
            "{" => {
                i += 1;
                while !tokens.get(i).is_none_or(|token| token.is("}")) {
                    i = read_use(tokens, i, path.clone(), public, found);
                    i += usize::from(tokens.get(i).is_some_and(|token| token.is(",")));
                }
                return i + 1;
            }
            "*" => alias = Some("*".to_owned()),
            "as" => {
                alias = tokens.get(i + 1).map(|token| token.text.clone());
                i += 1;
            }
            "self" if !path.is_empty() => {}
            _ if token.is_word() => path.push(token.text.clone()),
            _ => {}
        }
        i += 1;
    }
    if let Some(last) = path.last().cloned() {
        found.push(Mention { path, line, alias: Some(alias.unwrap_or(last)), public });
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(files: &[(&str, &str)]) -> House {
        House::new(&files.iter().map(|(file, text)| (file.into(), text.to_string())).collect::<Vec<_>>())
    }

    fn names(paths: &[&str]) -> Vec<Route> {
        paths.iter().map(|path| path.split("::").map(str::to_owned).collect()).collect()
    }

    /// `FILE:LINE` of everything that a module uses.
    fn uses(house: &House, route: &str) -> Vec<String> {
        let uses = house.uses(&names(&[route])[0]);
        uses.iter().map(|(target, mention)| format!("{}:{}", target.file.display(), mention.line)).collect()
    }

    #[test]
    fn a_use_is_every_path_in_its_braces() {
        let source = "pub(crate) use a::{b, c::{self, d as e}, f::*};\nuse super::g;";
        let house = house(&[("x.rs", source)]);
        let mentions = &house.modules[&names(&["x"])[0]].mentions;
        let paths: Vec<Route> = mentions.iter().map(|mention| mention.path.clone()).collect();
        assert_eq!(paths, names(&["a::b", "a::c", "a::c::d", "a::f", "super::g"]));
        let aliases: Vec<&str> = mentions.iter().filter_map(|mention| mention.alias.as_deref()).collect();
        assert_eq!(aliases, ["b", "c", "e", "*", "g"]);
        assert_eq!(mentions.iter().map(|mention| mention.public).collect::<Vec<_>>(), [true, true, true, true, false]);
    }

    #[test]
    fn a_name_leads_through_doors_to_the_file_that_defines_it() {
        let house = house(&[
            ("lib.rs", "mod data; mod model;"),
            ("data/mod.rs", "mod read; mod table; pub use read::*; pub use table::Table as Sheet; pub struct Own;"),
            ("data/read.rs", "use super::table::{Format, Table};\npub fn read() -> super::Own { Own }"),
            ("data/table.rs", "pub struct Table; pub enum Format { A }"),
            (
                "model/mod.rs",
                "use crate::data::{self, Sheet};\nfn f() { data::read();\n crate::data::Own; std::mem::take; }",
            ),
        ]);
        assert_eq!(uses(&house, "data::read"), ["data/table.rs:1", "data/table.rs:1", "data/mod.rs:2"]);
        assert_eq!(uses(&house, "model"), ["data/mod.rs:1", "data/table.rs:1", "data/read.rs:2", "data/mod.rs:3"]);
        assert!(uses(&house, "data").is_empty(), "a door only hands on");
    }

    #[test]
    fn a_door_that_needs_what_it_hands_on_uses_it() {
        let house = house(&[
            ("a/mod.rs", "mod b; pub use b::{C, D};\nfn f(c: C) {}\nenum E { A(C), D(u8) }"),
            ("a/b.rs", "struct C; struct D;"),
        ]);
        assert_eq!(uses(&house, "a"), ["a/b.rs:1"]);
    }

    #[test]
    fn other_crates_and_local_names_are_no_use() {
        let house = house(&[
            ("a/mod.rs", "mod png; mod b;"),
            (
                "a/png.rs",
                "use ::png::Encoder;\nfn f() { ::png::g(); serde::h(); Local::new(); x.b::<u8>(); }\nstruct Local;",
            ),
            (
                "a/b.rs",
                "use super::png;\nuse self::c::d;\nfn f() -> impl Fn() + use<> { png::f() }\nmod c { fn d() { super::super::png::f() } }",
            ),
        ]);
        assert_eq!(uses(&house, "a::png"), ["a/png.rs:2"], "its own");
        assert_eq!(uses(&house, "a::b"), ["a/png.rs:1", "a/b.rs:2", "a/png.rs:3"]);
        assert_eq!(uses(&house, "a::b::c"), ["a/png.rs:4"]);
    }

    #[test]
    fn what_only_tests_need_does_not_count() {
        let house = house(&[
            (
                "a/mod.rs",
                "#[cfg(test)] pub(crate) mod parity; #[cfg(test)] use b::B;\n#[cfg(test)] fn f() { crate::b::B; }\nmod c;",
            ),
            ("a/parity.rs", "use crate::b::B;"),
            ("a/c.rs", "use crate::b::B;\n#[cfg(test)] mod tests { use crate::b::B; }"),
            ("b.rs", "pub struct B;"),
        ]);
        assert!(uses(&house, "a").is_empty());
        assert!(uses(&house, "a::parity").is_empty());
        assert_eq!(uses(&house, "a::c"), ["b.rs:1"]);
        assert!(uses(&house, "a::c::tests").is_empty());
    }
}
