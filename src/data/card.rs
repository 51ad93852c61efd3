//! What a data set's README says of its configurations and splits: the list `configs:` of its YAML header, which the
//! `datasets` library goes by. It is read as far as such lists are written; what is written otherwise is an error and
//! never left aside.

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
    let lines: Vec<Line> = block.filter_map(|(at, line)| Line::of(at + 1, line)).collect();
    let mut at = 0;
    let read = node(&lines, &mut at)?;
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
    fn fits(pattern: &[char], file: &[char]) -> bool {
        match pattern {
            [] => file.is_empty(),
            ['*', '*', '/', rest @ ..] => {
                fits(rest, file) || (0..file.len()).any(|at| file[at] == '/' && fits(rest, &file[at + 1..]))
            }
            ['*', '*', rest @ ..] => (0..=file.len()).any(|at| fits(rest, &file[at..])),
            ['*', rest @ ..] => {
                let end = file.iter().position(|&c| c == '/').unwrap_or(file.len());
                (0..=end).any(|at| fits(rest, &file[at..]))
            }
            ['?', rest @ ..] => file.first().is_some_and(|&c| c != '/') && fits(rest, &file[1..]),
            ['[', rest @ ..] if rest.contains(&']') => {
                let end = rest.iter().position(|&c| c == ']').unwrap_or_default();
                let (set, rest) = (&rest[..end], &rest[end + 1..]);
                let (set, wanted) = match set {
                    ['!' | '^', set @ ..] => (set, false),
                    set => (set, true),
                };
                let within = |c: char| {
                    let ranges = set.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&c));
                    ranges || set.contains(&c)
                };
                file.first().is_some_and(|&c| c != '/' && within(c) == wanted) && fits(rest, &file[1..])
            }
            [c, rest @ ..] => file.first() == Some(c) && fits(rest, &file[1..]),
        }
    }
    const MOST_STARS: usize = 6;
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    if pattern.matches('*').count() > MOST_STARS {
        return false;
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    fits(&chars(pattern), &chars(file))
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
    /// Without its comment; nothing where nothing is left.
    fn of(number: usize, line: &str) -> Option<Line> {
        let text = without_comment(line).trim_end();
        let indent = text.len() - text.trim_start_matches(' ').len();
        (indent < text.len()).then(|| Line { number, indent, text: text[indent..].to_string() })
    }
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
fn node(lines: &[Line], at: &mut usize) -> Result<Node, String> {
    let Some(first) = lines.get(*at) else { return Ok(Node::Text(String::new())) };
    let indent = first.indent;
    if is_entry(&first.text) {
        let mut all = Vec::new();
        while let Some(line) = lines.get(*at).filter(|line| line.indent == indent && is_entry(&line.text)) {
            let inside = line.text[1..].trim_start();
            if inside.is_empty() {
                *at += 1;
                let deeper = lines.get(*at).is_some_and(|next| next.indent > indent);
                all.push(if deeper { node(lines, at)? } else { Node::Text(String::new()) });
            } else if entry(inside).is_some() {
                // What follows the dash is a table, further in by as much.
                let mut rest = lines[*at..].to_vec();
                rest[0].indent += line.text.len() - inside.len();
                rest[0].text = inside.to_string();
                let mut used = 0;
                all.push(node(&rest, &mut used)?);
                *at += used;
            } else {
                all.push(value(inside, line.number)?);
                *at += 1;
            }
        }
        return Ok(Node::List(all));
    }
    let mut all = Table::default();
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent && !is_entry(&line.text)) {
        let bad = || format!("line {}: `{}`", line.number, line.text);
        let (key, text) = entry(&line.text).ok_or_else(bad)?;
        *at += 1;
        let below = |next: &Line| next.indent > indent || next.indent == indent && is_entry(&next.text);
        let read = match text {
            "" if lines.get(*at).is_some_and(below) => node(lines, at)?,
            text => value(text, line.number)?,
        };
        if all.0.iter().any(|(name, _)| *name == key) {
            return Err(bad());
        }
        all.0.push((key, read));
    }
    match lines.get(*at) {
        Some(next) if next.indent > indent => Err(format!("line {}: `{}`", next.number, next.text)),
        _ => Ok(Node::Map(all)),
    }
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
fn value(text: &str, line: usize) -> Result<Node, String> {
    let bad = || format!("line {line}: `{text}`");
    if let Some(inside) = text.strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or_else(bad)?;
        return Ok(Node::List(parts(inside).map(|part| value(part, line)).collect::<Result<_, _>>()?));
    }
    if let Some(inside) = text.strip_prefix('{') {
        let inside = inside.strip_suffix('}').ok_or_else(bad)?;
        let entry = |part: &str| entry(part).ok_or_else(bad).and_then(|(key, text)| Ok((key, value(text, line)?)));
        return Ok(Node::Map(Table(parts(inside).map(entry).collect::<Result<_, _>>()?)));
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
    fn splits_of(configs: &str) -> Vec<(String, Vec<(String, Vec<String>)>)> {
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
            ("./a.csv", "a.csv", true),
            ("a?.csv", "ab.csv", true),
            ("a[0-9].csv", "a7.csv", true),
            ("a[!0-9].csv", "a7.csv", false),
            ("*.csv", "a.tsv", false),
        ] {
            assert_eq!(super::matching(pattern, file), fits, "{pattern} {file}");
        }
    }
}
