//! Which files of a repository are wanted, from their names alone.

use super::super::error::nearest;
use super::super::{DataError, Format, Lacking, ModelFiles};
use std::collections::{BTreeMap, BTreeSet};

/// Not read where there is a tokenizer.json, but Python's tokenizers want them, and the cache is theirs too.
const COMPANIONS: [&str; 5] =
    ["tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt"];

/// The files that are read, and what belongs beside them; of several forms of the weights only one.
pub fn model_files(repo: &str, files: &[String]) -> Result<Vec<String>, DataError> {
    let lacking = |Lacking { file, hint }| DataError::NoFile { repo: repo.to_string(), file, hint };
    let chosen = ModelFiles::choose(files).map_err(lacking)?;
    let mut wanted: Vec<String> = chosen.all().cloned().collect();
    for name in COMPANIONS.map(String::from) {
        if files.contains(&name) && !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    Ok(wanted)
}

/// One file of a split: `shard` of `shards`, where the name tells.
struct Part<'a> {
    file: &'a String,
    config: Option<&'a str>,
    split: &'a str,
    format: Format,
    shard: usize,
    shards: Option<usize>,
}

/// The files of one split in the order of their rows. Layouts, by config and without one:
///
/// - `CONFIG/SPLIT-00000-of-00002.parquet`, `data/SPLIT-….parquet` (what `push_to_hub` writes)
/// - `CONFIG/SPLIT/0000.parquet` (what the hub's own conversion writes, with the config `default` where there is none)
/// - `CONFIG/SPLIT.EXT`, `data/SPLIT.EXT`, `SPLIT.EXT`
///
/// with parquet preferred to csv, tsv and jsonl.
pub fn split_files(repo: &str, config: Option<&str>, split: &str, files: &[String]) -> Result<Vec<String>, DataError> {
    let parts: Vec<Part> = files.iter().filter_map(part).filter(|part| matches(part.config, config)).collect();
    let mut found: BTreeMap<usize, Vec<&Part>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.split == split) {
        found.entry(preference(part.format)).or_default().push(part);
    }
    let Some((_, mut found)) = found.pop_first() else {
        let there: BTreeSet<&str> = parts.iter().map(|part| part.split).collect();
        let there: Vec<String> = there.into_iter().map(String::from).collect();
        let config = config.map(String::from);
        let near = nearest(split, &there);
        return Err(DataError::NoSplit { repo: repo.to_string(), config, split: split.to_string(), there, near });
    };
    found.sort_by_key(|part| (part.shard, part.file));
    let promised = found[0].shards.unwrap_or(found.last().map_or(0, |last| last.shard + 1));
    if found.len() != promised || found.iter().enumerate().any(|(at, part)| part.shard != at) {
        let file = format!("whole set of files for split `{split}`");
        let hint = format!(": {} of {promised} are there, or some are there twice", found.len());
        return Err(DataError::NoFile { repo: repo.to_string(), file, hint });
    }
    Ok(found.into_iter().map(|part| part.file.clone()).collect())
}

/// Fails if there are tables, but none of this configuration.
pub fn check_config(repo: &str, config: Option<&str>, files: &[String]) -> Result<(), DataError> {
    let parts: Vec<Part> = files.iter().filter_map(part).collect();
    if parts.is_empty() || parts.iter().any(|part| matches(part.config, config)) {
        return Ok(());
    }
    let there: BTreeSet<&str> = parts.iter().filter_map(|part| part.config).collect();
    let there: Vec<String> = there.into_iter().map(String::from).collect();
    let repo = repo.to_string();
    Err(match config {
        None => DataError::ConfigNeeded { repo, there },
        Some(config) => DataError::NoConfig { repo, config: config.to_string(), near: nearest(config, &there), there },
    })
}

fn matches(there: Option<&str>, wanted: Option<&str>) -> bool {
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

fn part(file: &String) -> Option<Part<'_>> {
    let (path, extension) = file.rsplit_once('.')?;
    let format = extension.parse().ok()?;
    let folders: Vec<&str> = path.split('/').collect();
    let (&stem, folders) = folders.split_last()?;
    let folders = match folders {
        ["data", rest @ ..] => rest,
        all => all,
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let [config, split] = folders {
        // A folder of numbered files is one split.
        let shard = stem.parse().ok().filter(|_| digits(stem))?;
        return Some(Part { file, config: Some(config), split, format, shard, shards: None });
    }
    let config = match folders {
        [] => None,
        [config] => Some(*config),
        _ => return None,
    };
    let (split, shard, shards) = match sharded(stem) {
        Some((split, shard, shards)) => (split, shard, Some(shards)),
        None => (stem, 0, None),
    };
    Some(Part { file, config, split, format, shard, shards })
}

/// `SPLIT-00000-of-00002`, which older uploads follow with a dash and a digest.
fn sharded(stem: &str) -> Option<(&str, usize, usize)> {
    let (front, back) = stem.rsplit_once("-of-")?;
    let (split, shard) = front.rsplit_once('-')?;
    let shards = back.split('-').next()?;
    Some((split, shard.parse().ok()?, shards.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
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
        assert!(check_config("r", Some("qqp"), &glue).is_ok() && check_config("r", None, &convert).is_ok());
        let error = check_config("r", Some("qpp"), &glue).unwrap_err().to_string();
        assert_eq!(error, "r has no configuration `qpp` (did you mean `qqp`?); it has [mnli, qqp]");
        let error = check_config("r", None, &glue).unwrap_err().to_string();
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
        assert!(message(None, "train").contains("it has []"));
        let gap = files(&["default/train/0001.parquet"]);
        assert!(split_files("r", None, "train", &gap).is_err());
    }

    #[test]
    fn a_models_files_come_in_one_form_with_what_python_wants_beside_them() {
        let all = "config.json flax_model.msgpack model.safetensors pytorch_model.bin README.md special_tokens_map.json \
                   tokenizer.json tokenizer_config.json vocab.txt";
        let all: Vec<&str> = all.split(' ').collect();
        let wanted =
            "config.json model.safetensors tokenizer.json tokenizer_config.json special_tokens_map.json vocab.txt";
        assert_eq!(model_files("r", &files(&all)).unwrap().join(" "), wanted);
        let message = |names: &[&str]| model_files("r", &files(names)).unwrap_err().to_string();
        assert_eq!(
            message(&["config.json", "tf_model.h5", "vocab.txt"]),
            "r has no model.safetensors, pytorch_model.bin, flax_model.msgpack or *.ckpt.index, only tf_model.h5: name a \
             revision that has one, or convert them"
        );
        assert!(message(&all[..3]).contains("r has no tokenizer.json, vocab.txt, or vocab.json"));
    }
}
