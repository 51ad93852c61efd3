//! What a data set's README says of its configurations and splits: the list `configs:` of its YAML header, which the
//! `datasets` library goes by. It is read as far as such lists are written; what is written otherwise is an error and
//! never left aside.

/// Lines of a list, and lists in lists: no README has as many.
const MOST_LINES: usize = 20_000;
const DEEPEST: usize = 12;

/// One entry of `configs:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    pub name: String,
    pub is_default: bool,
    /// Where files named by their splits lie, if they are not listed.
    pub folder: Option<String>,
    /// Split → patterns of file names, in order.
    pub splits: Option<Vec<(String, Vec<String>)>>,
}

/// The configurations that the README lists; none where it lists none.
///
/// # Errors
/// The line that is not understood.
pub(super) fn configs(readme: &str) -> Result<Vec<Config>, String> {
    let mut lines = readme.trim_start_matches('\u{feff}').lines().enumerate();
    if lines.next().is_none_or(|(_, line)| line.trim_end() != "---") {
        return Ok(Vec::new());
    }
    let header: Vec<(usize, &str)> = lines.take_while(|(_, line)| line.trim_end() != "---").collect();
    let Some(start) =
        header.iter().position(|(_, line)| line.split(" #").next().unwrap_or(line).trim_end() == "configs:")
    else {
        return match header.iter().find(|(_, line)| line.starts_with("configs:")) {
            Some((at, _)) => Err(format!("line {}: `configs` is no list below its name", at + 1)),
            None => Ok(Vec::new()),
        };
    };
    let inside =
        |line: &str| line.starts_with(' ') || line.starts_with('-') || line.starts_with('#') || line.trim().is_empty();
    let block = header[start + 1..].iter().take_while(|(_, line)| inside(line));
    let mut lines = Vec::new();
    for (at, line) in block {
        Line::push(at + 1, line, &mut lines)?;
    }
    if lines.len() > MOST_LINES {
        return Err(format!("it takes more than {MOST_LINES} lines"));
    }
    let mut at = 0;
    let read = node(&lines, &mut at, 0)?;
    let Node::List(entries) = read else { return Err(format!("line {}: `configs` is no list", header[start].0 + 1)) };
    entries.into_iter().map(Config::of).collect()
}

impl Config {
    fn of(entry: Node) -> Result<Config, String> {
        let Node::Map(mut entry) = entry else { return Err("an entry of `configs` is no table".to_string()) };
        let mut text = |key: &str| match entry.remove(key) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{key}` of a configuration is no text")),
        };
        let name = text("config_name")?.unwrap_or_else(|| "default".to_string());
        let is_default = text("default")?.is_some_and(|text| text == "true") || name == "default";
        let folder = text("data_dir")?.map(|folder| folder.trim_matches('/').to_string());
        let splits = entry.remove("data_files").map(|files| splits(files, &name)).transpose()?;
        Ok(Config { name, is_default, folder, splits })
    }
}

/// Files without a split are what there is to train on.
fn splits(files: Node, config: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let bad = || {
        format!("`data_files` of configuration `{config}` is neither a list of splits with their paths nor of paths")
    };
    let paths = |node: Node| match node {
        Node::Text(path) => Ok(vec![path]),
        Node::List(paths) => paths
            .into_iter()
            .map(|path| if let Node::Text(path) = path { Ok(path) } else { Err(bad()) })
            .collect::<Result<Vec<_>, _>>(),
        Node::Map(_) => Err(bad()),
    };
    match files {
        Node::Map(splits) => splits.0.into_iter().map(|(split, files)| Ok((split, paths(files)?))).collect(),
        Node::List(all) if all.iter().any(|one| matches!(one, Node::Map(_))) => all
            .into_iter()
            .map(|one| {
                let Node::Map(mut one) = one else { return Err(bad()) };
                match (one.remove("split"), one.remove("path")) {
                    (Some(Node::Text(split)), Some(path)) => Ok((split, paths(path)?)),
                    _ => Err(bad()),
                }
            })
            .collect(),
        other => Ok(vec![("train".to_string(), paths(other)?)]),
    }
}

impl Config {
    /// Whether a split is given by patterns, which take what is there.
    pub fn has_patterns(&self, split: &str) -> bool {
        let patterns =
            self.splits.iter().flatten().filter(|(name, _)| name == split).flat_map(|(_, patterns)| patterns);
        patterns.into_iter().any(|pattern| pattern.contains(['*', '?', '[']))
    }

    /// The files of a split that it lists, in the order of its patterns; none where it has no such split.
    ///
    /// # Errors
    /// A pattern that no file fits.
    pub fn files(&self, split: &str, files: &[String]) -> Result<Option<Vec<String>>, String> {
        let Some(patterns) = self.splits.iter().flatten().find(|(name, _)| name == split).map(|(_, patterns)| patterns)
        else {
            return Ok(None);
        };
        let mut found: Vec<String> = Vec::new();
        for pattern in patterns {
            let mut fitting: Vec<&String> = files.iter().filter(|file| matching(pattern, file)).collect();
            if fitting.is_empty() {
                return Err(pattern.clone());
            }
            fitting.sort();
            let new: Vec<String> = fitting.into_iter().filter(|file| !found.contains(file)).cloned().collect();
            found.extend(new);
        }
        Ok(Some(found))
    }
}

/// Whether a file fits a pattern such as `data/train-*`, where `*` stays within a folder and `**` does not.
fn matching(pattern: &str, file: &str) -> bool {
    let pattern: Vec<char> = pattern.strip_prefix("./").unwrap_or(pattern).chars().collect();
    let file: Vec<char> = file.chars().collect();
    // For each place in the pattern, from its end: which ends of the name fit what is left of it.
    let mut fits = vec![vec![false; file.len() + 1]; pattern.len() + 1];
    fits[pattern.len()][file.len()] = true;
    for at in (0..pattern.len()).rev() {
        // From the back too: `*` fits a character more than what follows it fits.
        for place in (0..=file.len()).rev() {
            let next = file.get(place).copied();
            let fit = |skip: usize, place: usize| fits[at + skip][place];
            let one = |skip: usize, fitting: bool| fitting && fit(skip, place + 1);
            let inside = next.is_some_and(|c| c != '/');
            fits[at][place] = match &pattern[at..] {
                // No folder, or one and more: what follows begins where a name does.
                ['*', '*', '/', ..] => {
                    let begins = place == 0 || file[place - 1] == '/';
                    begins && fit(3, place) || one(0, next.is_some())
                }
                ['*', '*', ..] => fit(2, place) || one(0, next.is_some()),
                ['*', ..] => fit(1, place) || one(0, inside),
                ['?', ..] => one(1, inside),
                ['[', set @ ..] if set.contains(&']') => {
                    let end = set.iter().position(|&c| c == ']').unwrap_or_default();
                    one(end + 2, inside && is_among(&set[..end], next.unwrap_or('/')))
                }
                [c, ..] => one(1, next == Some(*c)),
                [] => false,
            };
        }
    }
    fits[0][0]
}

/// Of `a-z0`, or `!a-z0`.
fn is_among(set: &[char], c: char) -> bool {
    let (set, wanted) = match set {
        ['!' | '^', set @ ..] => (set, false),
        set => (set, true),
    };
    let in_range = set.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&c));
    (in_range || set.contains(&c)) == wanted
}

/// As much of YAML as such lists need.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Text(String),
    List(Vec<Node>),
    Map(Table),
}

/// In the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Table(Vec<(String, Node)>);

impl Table {
    fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }
}

#[derive(Clone)]
struct Line {
    number: usize,
    indent: usize,
    text: String,
}

impl Line {
    /// Without its comment; nothing where nothing is left. A table or a list that begins behind a dash is a line of its
    /// own, further in by as much.
    fn push(number: usize, line: &str, lines: &mut Vec<Line>) -> Result<(), String> {
        let text = without_comment(line).trim_end();
        let mut indent = text.len() - text.trim_start_matches(' ').len();
        let mut text = &text[indent..];
        for _ in 0..DEEPEST {
            let inside = text.strip_prefix("- ").map_or("", str::trim_start);
            if !is_entry(inside) && entry(inside).is_none() {
                if !text.is_empty() {
                    lines.push(Line { number, indent, text: text.to_string() });
                }
                return Ok(());
            }
            lines.push(Line { number, indent, text: "-".to_string() });
            indent += text.len() - inside.len();
            text = inside;
        }
        Err(too_deep(number))
    }
}

fn too_deep(line: usize) -> String {
    format!("line {line}: lists in lists in lists")
}

fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return &line[..at],
            (None, '"' | '\'') if matches!(before, ' ' | '[' | ',') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    line
}

/// The node that begins at a line, with everything that is further in.
fn node(lines: &[Line], at: &mut usize, depth: usize) -> Result<Node, String> {
    let Some(first) = lines.get(*at) else { return Ok(Node::Text(String::new())) };
    if depth > DEEPEST {
        return Err(too_deep(first.number));
    }
    let indent = first.indent;
    let read = match is_entry(&first.text) {
        true => Node::List(list(lines, at, depth)?),
        false => Node::Map(table(lines, at, depth)?),
    };
    match lines.get(*at) {
        Some(next) if next.indent > indent => Err(format!("line {}: `{}`", next.number, next.text)),
        _ => Ok(read),
    }
}

fn list(lines: &[Line], at: &mut usize, depth: usize) -> Result<Vec<Node>, String> {
    let indent = lines[*at].indent;
    let mut all = Vec::new();
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent && is_entry(&line.text)) {
        *at += 1;
        let inside = line.text[1..].trim_start();
        let deeper = lines.get(*at).is_some_and(|next| next.indent > indent);
        all.push(if inside.is_empty() && deeper {
            node(lines, at, depth + 1)?
        } else {
            value(inside, line.number, 0)?
        });
    }
    Ok(all)
}

fn table(lines: &[Line], at: &mut usize, depth: usize) -> Result<Table, String> {
    let indent = lines[*at].indent;
    let mut all = Table::default();
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent && !is_entry(&line.text)) {
        let bad = || format!("line {}: `{}`", line.number, line.text);
        let (key, text) = entry(&line.text).ok_or_else(bad)?;
        *at += 1;
        let below = |next: &Line| next.indent > indent || next.indent == indent && is_entry(&next.text);
        let read = match text {
            "" if lines.get(*at).is_some_and(below) => node(lines, at, depth + 1)?,
            text => value(text, line.number, 0)?,
        };
        if all.0.iter().any(|(name, _)| *name == key) {
            return Err(bad());
        }
        all.0.push((key, read));
    }
    Ok(all)
}

fn is_entry(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// `key: value` or `key:`.
fn entry(text: &str) -> Option<(String, &str)> {
    if text.starts_with(['[', '{']) {
        return None;
    }
    let (key, rest) = match text.split_once(": ") {
        Some(parts) => parts,
        None => (text.strip_suffix(':')?, ""),
    };
    Some((unquoted(key.trim()).to_string(), rest.trim()))
}

fn unquoted(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// A text, or a list or table in brackets.
fn value(text: &str, line: usize, depth: usize) -> Result<Node, String> {
    let bad = || format!("line {line}: `{text}`");
    if depth > DEEPEST {
        return Err(too_deep(line));
    }
    if let Some(inside) = text.strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or_else(bad)?;
        return Ok(Node::List(parts(inside).map(|part| value(part, line, depth + 1)).collect::<Result<_, _>>()?));
    }
    if let Some(inside) = text.strip_prefix('{') {
        let inside = inside.strip_suffix('}').ok_or_else(bad)?;
        let entry = |part| {
            let (key, text) = entry(part).ok_or_else(bad)?;
            Ok((key, value(text, line, depth + 1)?))
        };
        return Ok(Node::Map(Table(parts(inside).map(entry).collect::<Result<_, String>>()?)));
    }
    if text.starts_with(['|', '>', '&', '!', '%', '@']) {
        return Err(bad());
    }
    Ok(Node::Text(unquoted(text).to_string()))
}

/// Split at commas that are in no brackets.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0i32;
    text.split(move |c| {
        depth += i32::from(matches!(c, '[' | '{')) - i32::from(matches!(c, ']' | '}'));
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    type Splits = Vec<(String, Vec<String>)>;

    fn splits_of(configs: &str) -> Vec<(String, Splits)> {
        let readme =
            format!("---\nlicense: mit\nconfigs:\n{configs}dataset_info:\n  features:\n  - name: x\n---\n# x\n");
        let configs = super::configs(&readme).unwrap();
        configs.into_iter().map(|config| (config.name, config.splits.unwrap_or_default())).collect()
    }

    #[test]
    fn every_way_to_write_the_list_is_read() {
        let split =
            |name: &str, paths: &[&str]| (name.to_string(), paths.iter().map(|path| path.to_string()).collect());
        let expected = vec![(
            "default".to_string(),
            vec![split("train", &["data/abc.csv", "data/def.csv"]), split("dev", &["data/ghi.csv"])],
        )];
        let ways = [
            "- config_name: default\n  data_files:\n  - split: train\n    path:\n    - data/abc.csv\n    - data/def.csv\n  \
             - split: dev\n    path: data/ghi.csv\n",
            "  - config_name: \"default\"  # the only one\n    data_files:\n      - split: train\n        path: \
             ['data/abc.csv', \"data/def.csv\"]\n\n      - split: dev\n        path: [data/ghi.csv]\n",
            "- data_files:\n  - {split: train, path: [data/abc.csv, data/def.csv]}\n  - split: dev\n    path:\n      - \
             \"data/ghi.csv\"\n",
            "-\n  config_name: default\n  data_files:\n    -\n      split: train\n      path:\n        - data/abc.csv\n        \
             - data/def.csv\n    -\n      path: data/ghi.csv\n      split: dev\n",
        ];
        for way in ways {
            assert_eq!(splits_of(way), expected, "{way}");
        }
        let all = splits_of(
            "- config_name: a\n  data_files: \"a/*.csv\"\n- config_name: b\n  data_files:\n  - b.csv\n  - c.csv\n",
        );
        assert_eq!(all[0].1, [split("train", &["a/*.csv"])]);
        assert_eq!(all[1].1, [split("train", &["b.csv", "c.csv"])]);
        assert!(super::configs("# no header\nconfigs:\n- a\n").unwrap().is_empty());
        assert!(super::configs("---\nlicense: mit\n---\nconfigs:\n").unwrap().is_empty());
        let folder =
            super::configs("---\nconfigs:\n- config_name: a\n  data_dir: some/where/\n  default: true\n---\n").unwrap();
        assert_eq!((folder[0].folder.as_deref(), folder[0].is_default), (Some("some/where"), true));
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_never_left_aside() {
        for (configs, what) in [
            ("- config_name: &a default\n", "line 3: `&a default`"),
            ("- config_name: default\n  data_files:\n  - split: train\n     path: x.csv\n", "line 6: `path: x.csv`"),
            ("- config_name: default\n  data_files:\n  - split: train\n", "`data_files` of configuration `default`"),
            ("- config_name: default\n  data_files: |\n    x\n", "line 4: `|`"),
            ("- default\n", "an entry of `configs`"),
            (&format!("{}a: b\n", "- ".repeat(5000)), "lists in lists"),
            (&format!("- data_files: {}{}\n", "[".repeat(5000), "]".repeat(5000)), "lists in lists"),
        ] {
            let error = super::configs(&format!("---\nconfigs:\n{configs}---\n")).unwrap_err();
            assert!(error.contains(what), "{configs}: {error}");
        }
        assert!(super::configs("---\nconfigs: [a]\n---\n").unwrap_err().contains("line 2"));
    }

    #[test]
    fn patterns_of_files_are_those_of_python() {
        for (pattern, file, fits) in [
            ("data/train-*", "data/train-00000-of-00001.parquet", true),
            ("data/*", "data/a/b.csv", false),
            ("data/**", "data/a/b.csv", true),
            ("**/train*", "train.csv", true),
            ("**/train*", "a/b/train.csv", true),
            ("**/train*", "a/my_train.csv", false),
            ("./a.csv", "a.csv", true),
            ("a?.csv", "ab.csv", true),
            ("a[0-9].csv", "a7.csv", true),
            ("a[!0-9].csv", "a7.csv", false),
            ("*.csv", "a.tsv", false),
            ("a**b/*/c[a-]?", "ax/yb/z/c-x", true),
            (&"*a".repeat(50), &"a".repeat(49), false),
        ] {
            assert_eq!(super::matching(pattern, file), fits, "{pattern} {file}");
        }
    }
}
