//! Which files of a repository, or of a folder laid out like one, are a split: by its README's own list where it has
//! one, else by their names.

use super::card::{self, Config};
use super::error::{There, nearest};
use super::walk::{self, Links};
use super::{DataError, Format};
use crate::plain;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// No README with a list of splits is longer.
const LONGEST_README: u64 = 4 << 20;
/// What a split may be called, so that a folder with such files is no split itself.
const SPLITS: [&str; 8] = ["train", "dev", "valid", "validation", "val", "test", "eval", "testing"];
/// Files beside a data set that end like one.
const NO_DATA: [&str; 8] = [
    "dataset_infos.json",
    "dataset_info.json",
    "dataset_dict.json",
    "state.json",
    "config.json",
    "LICENSE.txt",
    "requirements.txt",
    "README.txt",
];

/// Where splits are looked for.
pub struct Layout<'a> {
    /// A repository or a folder, as messages call it.
    pub name: &'a str,
    pub config: Option<&'a str>,
    pub files: &'a [String],
    pub readme: Option<&'a str>,
    /// Of a folder of the user's own: a split in two forms is an error. A repository's Parquet is its authors' best.
    pub is_local: bool,
}

/// One file of a split: `shard` of `shards`, where the name tells.
struct Part<'a> {
    file: &'a String,
    config: Option<&'a str>,
    split: &'a str,
    format: Format,
    shard: Option<usize>,
    shards: Option<usize>,
    /// It is there by its folder, whatever its name.
    is_loose: bool,
}

impl Layout<'_> {
    /// The files of one split in the order of their rows. Without a list in the README, by config and without one:
    ///
    /// - `CONFIG/SPLIT-00000-of-00002.parquet`, `data/SPLIT-….parquet` (what `push_to_hub` writes)
    /// - `CONFIG/SPLIT/0000.parquet` (what the hub's own conversion writes, with the config `default` where there is
    ///   none), `SPLIT/part1.csv`
    /// - `CONFIG/SPLIT.EXT`, `data/SPLIT.EXT`, `SPLIT.EXT`
    ///
    /// with parquet preferred to csv, tsv and jsonl.
    pub fn split(&self, split: &str) -> Result<Vec<String>, DataError> {
        let listed = self
            .readme
            .map_or(Ok(Vec::new()), card::configs)
            .map_err(|what| DataError::Readme { repo: self.name.to_string(), what })?;
        match listed.is_empty() {
            true => self.by_names(split),
            false => self.listed(&listed, split),
        }
    }

    fn listed(&self, configs: &[Config], split: &str) -> Result<Vec<String>, DataError> {
        let names = || configs.iter().map(|config| config.name.clone()).collect::<Vec<_>>();
        let repo = self.name.to_string();
        let config = match self.config {
            Some(wanted) => configs.iter().find(|config| config.name == wanted).ok_or_else(|| DataError::NoConfig {
                repo: repo.clone(),
                config: wanted.to_string(),
                near: nearest(wanted, &names()),
                there: names(),
            })?,
            None => match (configs, configs.iter().find(|config| config.is_default)) {
                ([one], _) | (_, Some(one)) => one,
                _ => return Err(DataError::ConfigNeeded { repo, there: names() }),
            },
        };
        if config.splits.is_none() {
            let below = config.folder.as_ref().map_or(String::new(), |folder| format!("{folder}/"));
            let files: Vec<String> =
                self.files.iter().filter_map(|file| file.strip_prefix(below.as_str()).map(String::from)).collect();
            let inside = Layout { files: &files, config: None, readme: None, ..*self };
            return Ok(inside.by_names(split)?.into_iter().map(|file| format!("{below}{file}")).collect());
        }
        let found = config.files(split, self.files).map_err(|pattern| DataError::NoFile {
            repo: repo.clone(),
            file: format!("file `{pattern}`"),
            hint: format!(", which its README names for split `{split}`"),
        })?;
        let Some(found) = found else {
            let there: Vec<String> = config.splits.iter().flatten().map(|(name, _)| name.clone()).collect();
            return Err(self.no_split(split, there, true));
        };
        if let Some(file) = found.iter().find(|file| Format::of(Path::new(file)).is_err()) {
            return Err(DataError::UnknownFormat(PathBuf::from(file)));
        }
        // A pattern takes what is there.
        let parts: Vec<Part> = found.iter().filter_map(part).collect();
        for part in &parts {
            let same =
                |other: &&Part| (other.config, other.split, other.shards) == (part.config, part.split, part.shards);
            let there = parts.iter().filter(same).count();
            if config.has_patterns(split) && part.shards.is_some_and(|shards| shards != there) {
                return Err(self.not_whole(split, there, part.shards.unwrap_or_default(), &found));
            }
        }
        Ok(found)
    }

    /// Whether there may be files of the split that are not among those that are there: neither names nor the README say
    /// how many it has.
    pub fn may_be_more(&self, split: &str, found: &[String]) -> bool {
        let listed = self.readme.and_then(|readme| card::configs(readme).ok()).unwrap_or_default();
        match listed.is_empty() {
            true => {
                found.iter().any(|file| part_of_folder(file, self.config, split).is_some_and(|p| p.shard.is_none()))
            }
            false => {
                let patterns = listed.iter().any(|config| config.has_patterns(split));
                patterns && !found.iter().all(|file| part(file).is_some_and(|part| part.shards.is_some()))
            }
        }
    }

    fn by_names(&self, split: &str) -> Result<Vec<String>, DataError> {
        let all: Vec<Part> = self.files.iter().filter_map(part).collect();
        let fits = |part: &&Part| is_meant(part.config, self.config);
        let mut parts: Vec<&Part> = all.iter().filter(fits).filter(|part| part.split == split).collect();
        let folder = self.folder(split);
        if parts.is_empty() {
            parts = folder.iter().collect();
        } else if self.is_local && !folder.is_empty() {
            return Err(self.several(split, parts.into_iter().chain(&folder)));
        }
        let mut forms: BTreeMap<usize, Vec<&Part>> = BTreeMap::new();
        for part in &parts {
            forms.entry(preference(part.format)).or_default().push(part);
        }
        if self.is_local && forms.len() > 1 {
            return Err(self.several(split, parts.into_iter()));
        }
        let Some((_, mut found)) = forms.pop_first() else {
            self.check_config(&all)?;
            self.check_arrow()?;
            let there: BTreeSet<&str> = all.iter().filter(fits).map(|part| part.split).collect();
            return Err(self.no_split(split, there.into_iter().map(String::from).collect(), false));
        };
        found.sort_by_key(|part| (part.shard, part.file));
        let found: Vec<Part> = found.into_iter().map(|part| Part { ..*part }).collect();
        self.whole(split, &found)?;
        Ok(found.into_iter().map(|part| part.file.clone()).collect())
    }

    /// The files of a folder that is called like the split, if they are parts of one thing.
    fn folder<'b>(&'b self, split: &'b str) -> Vec<Part<'b>> {
        let mut parts: Vec<Part> =
            self.files.iter().filter_map(|file| part_of_folder(file, self.config, split)).collect();
        let base = |part: &Part| {
            let name = part.file.rsplit('/').next().unwrap_or(part.file);
            let stem = Format::of_name(name).map_or(name, |(stem, _)| stem);
            let stem = sharded(stem).map_or(stem, |(split, _, _)| split);
            stem.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_', '.']).to_string()
        };
        let bases: BTreeSet<String> = parts.iter().map(base).collect();
        // Files called like other splits make the folder a configuration.
        let is_split = bases.iter().all(|base| base == split || !SPLITS.contains(&base.as_str()));
        if !is_split || bases.len() > 1 && !SPLITS.contains(&split) {
            return Vec::new();
        }
        if bases.len() > 1 {
            parts.iter_mut().for_each(|part| (part.shard, part.shards, part.is_loose) = (None, None, true));
        }
        parts
    }

    /// Fails if one of several is missing.
    fn whole(&self, split: &str, found: &[Part]) -> Result<(), DataError> {
        let numbers: Vec<usize> = found.iter().filter_map(|part| part.shard).collect();
        let first = match numbers.iter().min() {
            // `0000` begins at 0; `part1` may begin at 1.
            Some(1) if found.iter().all(|part| part.shards.is_none() && part.config.is_none()) => 1,
            _ => 0,
        };
        let promised = match found.iter().find_map(|part| part.shards) {
            Some(shards) => shards,
            None if numbers.is_empty() => 1,
            None => numbers.iter().max().map_or(0, |last| last + 1 - first),
        };
        let in_order = numbers.iter().enumerate().all(|(at, &number)| number == at + first);
        let numbered = numbers.len() == found.len() || found.len() == 1;
        if found.iter().all(|part| part.is_loose) || found.len() == promised && in_order && numbered {
            return Ok(());
        }
        let names: Vec<String> = found.iter().map(|part| part.file.clone()).collect();
        Err(self.not_whole(split, found.len(), promised, &names))
    }

    fn not_whole(&self, split: &str, there: usize, promised: usize, names: &[String]) -> DataError {
        let names = names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
        let file = format!("whole set of files for split `{split}`");
        let hint = format!(": {there} of {promised} are there, or some are there twice: {names}");
        DataError::NoFile { repo: self.name.to_string(), file, hint }
    }

    fn several<'p>(&self, split: &str, parts: impl Iterator<Item = &'p Part<'p>>) -> DataError {
        let files = parts.map(|part| part.file.clone()).collect();
        DataError::SeveralForms { repo: self.name.to_string(), split: split.to_string(), files }
    }

    fn no_split(&self, split: &str, splits: Vec<String>, listed: bool) -> DataError {
        let (there, of) = match (splits.is_empty(), listed) {
            (_, true) => (splits, There::Listed),
            (true, _) => (self.files.to_vec(), There::Files),
            _ => (splits, There::Splits),
        };
        let (repo, config) = (self.name.to_string(), self.config.map(String::from));
        DataError::NoSplit { repo, config, split: split.to_string(), there, of }
    }

    /// Fails if there are tables, but none of this configuration.
    fn check_config(&self, parts: &[Part]) -> Result<(), DataError> {
        if parts.is_empty() || parts.iter().any(|part| is_meant(part.config, self.config)) {
            return Ok(());
        }
        let there: BTreeSet<&str> = parts.iter().filter_map(|part| part.config).collect();
        let there: Vec<String> = there.into_iter().map(String::from).collect();
        let repo = self.name.to_string();
        Err(match self.config {
            None => DataError::ConfigNeeded { repo, there },
            Some(config) => {
                let near = nearest(config, &there);
                DataError::NoConfig { repo, config: config.to_string(), near, there }
            }
        })
    }

    fn check_arrow(&self) -> Result<(), DataError> {
        match self.files.iter().any(|file| is_arrow(file)) {
            true => Err(DataError::Arrow { folder: self.name.to_string() }),
            false => Ok(()),
        }
    }
}

/// What `datasets` writes with save_to_disk.
fn is_arrow(file: &str) -> bool {
    file.ends_with(".arrow") || matches!(file.rsplit('/').next(), Some("dataset_dict.json" | "state.json"))
}

fn is_meant(there: Option<&str>, wanted: Option<&str>) -> bool {
    there == wanted || (there == Some("default") && wanted.is_none())
}

fn preference(format: Format) -> usize {
    match format {
        Format::Parquet => 0,
        Format::Csv => 1,
        Format::Tsv => 2,
        Format::Jsonl => 3,
    }
}

/// The folders that a file lies in, below `data` if that is the outermost, its name without the ending, and its format.
fn place(file: &str) -> Option<(Vec<&str>, &str, Format)> {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    if NO_DATA.contains(&name) || name.starts_with('.') {
        return None;
    }
    let (stem, format) = Format::of_name(name)?;
    let mut folders: Vec<&str> = folders.split('/').filter(|folder| !folder.is_empty()).collect();
    if folders.first() == Some(&"data") {
        folders.remove(0);
    }
    Some((folders, stem, format))
}

fn part(file: &String) -> Option<Part<'_>> {
    let (folders, stem, format) = place(file)?;
    if let [config, split] = folders.as_slice() {
        // A folder of numbered files is one split.
        let digits = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
        let shard = stem.parse().ok().filter(|_| digits)?;
        return Some(Part {
            file,
            config: Some(config),
            split,
            format,
            shard: Some(shard),
            shards: None,
            is_loose: false,
        });
    }
    let config = match folders.as_slice() {
        [] => None,
        [config] => Some(*config),
        _ => return None,
    };
    let (split, shard, shards) = match sharded(stem) {
        Some((split, shard, shards)) => (split, Some(shard), Some(shards)),
        None => (stem, None, None),
    };
    Some(Part { file, config, split, format, shard, shards, is_loose: false })
}

fn part_of_folder<'a>(file: &'a String, config: Option<&'a str>, split: &'a str) -> Option<Part<'a>> {
    let (folders, stem, format) = place(file)?;
    let is_there = match folders.as_slice() {
        [folder] => config.is_none() && *folder == split,
        [there, folder] => is_meant(Some(there), config) && *folder == split,
        _ => false,
    };
    let (shard, shards) = match sharded(stem) {
        Some((_, shard, shards)) => (Some(shard), Some(shards)),
        None => {
            let number = stem.trim_start_matches(|c: char| !c.is_ascii_digit());
            (number.parse().ok(), None)
        }
    };
    is_there.then_some(Part { file, config: None, split, format, shard, shards, is_loose: false })
}

/// `SPLIT-00000-of-00002`, which older uploads follow with a dash and a digest.
fn sharded(stem: &str) -> Option<(&str, usize, usize)> {
    let (front, back) = stem.rsplit_once("-of-")?;
    let (split, shard) = front.rsplit_once('-')?;
    let shards = back.split('-').next()?;
    Some((split, shard.parse().ok()?, shards.parse().ok()?))
}

/// The files of a split in a folder of the user's own; one file is its only split.
pub fn local_split(path: &Path, config: Option<&str>, split: &str) -> Result<Vec<PathBuf>, DataError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |source| DataError::Io { action: "read", path: path.to_path_buf(), source };
    let there = walk::files(path, Links::Followed, false).map_err(failed)?;
    let files: Vec<String> = there.into_iter().map(|(name, _)| name).collect();
    let readme = match files.iter().any(|file| file == "README.md") {
        true => Some(readme(&path.join("README.md"))?),
        false => None,
    };
    let name = path.display().to_string();
    let layout = Layout { name: &name, config, files: &files, readme: readme.as_deref(), is_local: true };
    Ok(layout.split(split)?.into_iter().map(|file| path.join(file)).collect())
}

pub(super) fn readme(path: &Path) -> Result<String, DataError> {
    let failed = |source| DataError::Io { action: "read", path: path.to_path_buf(), source };
    Ok(String::from_utf8_lossy(&plain::read_up_to(path, LONGEST_README).map_err(failed)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    fn split_files(name: &str, config: Option<&str>, split: &str, files: &[String]) -> Result<Vec<String>, DataError> {
        Layout { name, config, files, readme: None, is_local: false }.split(split)
    }

    #[test]
    fn every_layout_gives_its_split() {
        let glue = files(&[
            "README.md",
            "mnli/train-00000-of-00001.parquet",
            "mnli/validation_matched-00000-of-00001.parquet",
            "mnli/validation_mismatched-00000-of-00001.parquet",
            "qqp/train-00001-of-00002-0a1b2c.parquet",
            "qqp/train-00000-of-00002-3d4e5f.parquet",
            "qqp/train.csv",
        ]);
        let convert = files(&["default/train/0001.parquet", "default/train/0000.parquet", "fi-en/test/0000.parquet"]);
        let plain = files(&["train.jsonl", "data/test-00000-of-00001.parquet", "dev.tsv", "scripts/x/y/z.csv"]);
        type Case<'a> = (&'a [String], Option<&'a str>, &'a str, &'a [&'a str]);
        let cases: [Case; 7] = [
            (&glue, Some("mnli"), "validation_matched", &["mnli/validation_matched-00000-of-00001.parquet"]),
            (
                &glue,
                Some("qqp"),
                "train",
                &["qqp/train-00000-of-00002-3d4e5f.parquet", "qqp/train-00001-of-00002-0a1b2c.parquet"],
            ),
            (&convert, None, "train", &["default/train/0000.parquet", "default/train/0001.parquet"]),
            (&convert, Some("fi-en"), "test", &["fi-en/test/0000.parquet"]),
            (&plain, None, "train", &["train.jsonl"]),
            (&plain, None, "test", &["data/test-00000-of-00001.parquet"]),
            (&plain, None, "dev", &["dev.tsv"]),
        ];
        for (files, config, split, expected) in cases {
            assert_eq!(split_files("r", config, split, files).unwrap(), expected, "{config:?} {split}");
        }
        let error = split_files("r", Some("qpp"), "train", &glue).unwrap_err().to_string();
        assert_eq!(error, "r has no configuration `qpp` (did you mean `qqp`?); it has [mnli, qqp]");
        let error = split_files("r", None, "train", &glue).unwrap_err().to_string();
        assert_eq!(error, "r has more than one configuration: name one of [mnli, qqp] as `config`");
    }

    #[test]
    fn missing_splits_and_shards_are_named() {
        let there = files(&["mnli/train-00000-of-00002.parquet", "mnli/validation_matched-00000-of-00001.parquet"]);
        let message = |config, split| split_files("nyu-mll/glue", config, split, &there).unwrap_err().to_string();
        assert_eq!(
            message(Some("mnli"), "validation"),
            "nyu-mll/glue has no split `validation` in configuration `mnli` (did you mean `validation_matched`?); it \
             has [train, validation_matched]"
        );
        assert!(message(Some("mnli"), "train").contains("1 of 2 are there"));
        assert!(message(None, "train").contains("name one of [mnli] as `config`"));
        let gap = files(&["default/train/0001.parquet"]);
        assert!(split_files("r", None, "train", &gap).is_err());
    }

    #[test]
    fn a_folder_may_be_a_split_and_never_a_configuration_by_mistake() {
        let there = files(&[
            "train/part-00001.csv",
            "train/part-00000.csv",
            "dev/x.csv",
            "data/test/b.jsonl.gz",
            "data/test/a.jsonl.gz",
            "mnli/train.csv",
            "mnli/dev.csv",
        ]);
        let split = |config, split| split_files("r", config, split, &there);
        assert_eq!(split(None, "train").unwrap(), ["train/part-00000.csv", "train/part-00001.csv"]);
        assert_eq!(split(None, "dev").unwrap(), ["dev/x.csv"]);
        assert_eq!(split(None, "test").unwrap(), ["data/test/a.jsonl.gz", "data/test/b.jsonl.gz"]);
        assert_eq!(split(Some("mnli"), "dev").unwrap(), ["mnli/dev.csv"]);
        assert!(split(None, "mnli").is_err());
        let gap = files(&["train/part-00000.csv", "train/part-00002.csv"]);
        assert!(split_files("r", None, "train", &gap).unwrap_err().to_string().contains("2 of 3 are there"));
        let from_one = files(&["train/part1.csv", "train/part2.csv"]);
        assert_eq!(split_files("r", None, "train", &from_one).unwrap(), from_one);
    }

    #[test]
    fn what_a_folder_of_ones_own_holds_in_two_forms_is_an_error() {
        for names in [
            &["train.csv", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet"][..],
            &["train.csv", "train.parquet"],
            &["train.csv", "train/part-0.csv"],
            &["train.csv", "train.csv.gz"],
        ] {
            let files = files(names);
            let layout = Layout { name: "d", config: None, files: &files, readme: None, is_local: true };
            let error = layout.split("train").unwrap_err().to_string();
            assert!(error.contains("d has") && error.contains(names[0]) && error.contains(names[1]), "{error}");
        }
        let arrow = files(&["dataset_dict.json", "train/data-00000-of-00001.arrow", "train/state.json"]);
        let layout = Layout { name: "d", config: None, files: &arrow, readme: None, is_local: true };
        assert!(layout.split("train").unwrap_err().to_string().contains("to_parquet"), "");
    }

    /// As `datasets` goes by it, also where files have the names of splits.
    #[test]
    fn the_readmes_own_list_decides() {
        let readme = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: [train.csv, extra.csv]\n  \
                      - split: dev\n    path: test.csv\n  - split: all\n    path: \"parts/*-of-*.csv\"\n- config_name: \
                      other\n  data_dir: other\n---\n";
        let mut there = files(&["README.md", "train.csv", "extra.csv", "test.csv", "dev.csv", "other/data/dev.csv"]);
        there.extend(files(&[
            "parts/p-00000-of-00002.csv",
            "parts/p-00001-of-00002.csv",
            "parts/deep/p-00000-of-00002.csv",
        ]));
        let split = |config, split, files: &[String]| {
            let layout = Layout { name: "r", config, files, readme: Some(readme), is_local: false };
            layout.split(split).map_err(|error| error.to_string())
        };
        assert_eq!(split(None, "train", &there).unwrap(), ["train.csv", "extra.csv"]);
        assert_eq!(split(None, "dev", &there).unwrap(), ["test.csv"]);
        assert_eq!(split(Some("other"), "dev", &there).unwrap(), ["other/data/dev.csv"]);
        assert_eq!(split(None, "all", &there).unwrap(), there[6..8]);
        assert!(split(None, "all", &there[..7]).unwrap_err().contains("1 of 2 are there"));
        assert_eq!(
            split(None, "test", &there).unwrap_err(),
            "r has no split `test`; its README lists [train, dev, all]"
        );
        let missing = split(None, "train", &files(&["train.csv"])).unwrap_err();
        assert_eq!(missing, "r has no file `extra.csv`, which its README names for split `train`");
        assert!(split(Some("othr"), "dev", &there).unwrap_err().contains("did you mean `other`"));
        let layout =
            Layout { name: "r", config: None, files: &there, readme: Some("---\nconfigs: 7\n---"), is_local: false };
        assert!(layout.split("train").unwrap_err().to_string().contains("README"));
    }
}
