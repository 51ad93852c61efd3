//! Which of the files in a folder, a repository or a zip file are the model, from their names alone.

const CONFIGURATIONS: [&str; 2] = ["config.json", "bert_config.json"];
const WEIGHTS: [&str; 3] = ["model.safetensors", "pytorch_model.bin", "flax_model.msgpack"];
const TOKENIZERS: [&[&str]; 3] = [&["tokenizer.json"], &["vocab.txt"], &["vocab.json", "merges.txt"]];
/// What decides ids beside a tokenizer in any form.
const BESIDE_TOKENIZERS: [&str; 3] = ["tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"];

/// Names of the files that are read; what else is there does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    pub config: String,
    /// The first file, and for a TensorFlow checkpoint its data files, in order.
    pub weights: Vec<String>,
    /// `tokenizer.json`, or else a vocabulary; then what lies beside it and decides ids, too.
    pub tokenizer: Vec<String>,
}

/// A file that a model needs and that is not there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no {file}{hint}")]
pub struct Lacking {
    pub file: String,
    /// Nothing, or what follows the name: `: …` or `, only …`.
    pub hint: String,
}

/// How a model's files are chosen among all names.
pub type ChooseModel = fn(&[String]) -> Result<ModelFiles, Lacking>;

impl ModelFiles {
    /// Chooses among all names: safetensors before PyTorch's, Flax's and TensorFlow's weights.
    ///
    /// # Errors
    /// A part that is not there, or not in a form that is read.
    pub fn choose(names: &[String]) -> Result<Self, Lacking> {
        let bare = Self::choose_bare(names)?;
        let tokenizer = tokenizer_files(names).map_err(|lacking| of_trainer(lacking, names))?;
        Ok(Self { tokenizer, ..bare })
    }

    /// The same without a tokenizer, which then comes from elsewhere.
    ///
    /// # Errors
    /// As [`Self::choose`].
    pub fn choose_bare(names: &[String]) -> Result<Self, Lacking> {
        let has = |name: &&str| names.iter().any(|there| there == name);
        let lacking = |file: &str, hint: &str| Lacking { file: file.to_owned(), hint: hint.to_owned() };
        let config = CONFIGURATIONS.iter().find(|name| has(name)).ok_or_else(|| {
            let hint = newest_checkpoint(names);
            let hint = hint.unwrap_or_else(|| ": it may not be a model for the transformers library".to_owned());
            lacking("config.json or bert_config.json", &hint)
        })?;
        let weights = match WEIGHTS.iter().find(|name| has(name)) {
            Some(name) => vec![(*name).to_owned()],
            None => match sharded(names)? {
                Some(parts) => parts,
                None => tensorflow(names)?.ok_or_else(|| no_weights(names))?,
            },
        };
        Ok(Self { config: (*config).to_owned(), weights, tokenizer: Vec::new() })
    }

    /// Every name.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.config).chain(&self.weights).chain(&self.tokenizer)
    }
}

/// The tokenizer among all names, and what lies beside it and decides ids, too.
///
/// # Errors
/// None in a form that is read.
pub fn tokenizer_files(names: &[String]) -> Result<Vec<String>, Lacking> {
    let has = |name: &&&str| names.iter().any(|there| there == **name);
    let found = TOKENIZERS.iter().find(|files| files.iter().all(|name| has(&name)));
    let found = found.ok_or_else(|| Lacking {
        file: "tokenizer.json, vocab.txt, or vocab.json with merges.txt".to_owned(),
        hint: String::new(),
    })?;
    Ok(found.iter().chain(BESIDE_TOKENIZERS.iter().filter(has)).map(|name| (*name).to_owned()).collect())
}

/// What to do where a Trainer saved a model without its tokenizer.
fn of_trainer(lacking: Lacking, names: &[String]) -> Lacking {
    let traces = ["trainer_state.json", "training_args.bin", "optimizer.pt"];
    let hint = match names.iter().any(|name| traces.contains(&name.as_str())) {
        true => ": a Trainer that was given none saves none; write",
        false => ": if that of another model is meant, write",
    };
    let hint = format!("{hint} tokenizer = \"hf:REPO\" or \"path:FOLDER\" beside `model`");
    Lacking { hint, ..lacking }
}

/// `model.safetensors.index.json` and its `model-00001-of-00002.safetensors`, …; the same of PyTorch's.
fn sharded(names: &[String]) -> Result<Option<Vec<String>>, Lacking> {
    for (index, stem, extension) in [
        ("model.safetensors.index.json", "model", "safetensors"),
        ("pytorch_model.bin.index.json", "pytorch_model", "bin"),
    ] {
        if !names.iter().any(|name| name == index) {
            continue;
        }
        let part = |number: usize, of: usize| format!("{stem}-{number:05}-of-{of:05}.{extension}");
        let count = names.iter().filter_map(|name| {
            let numbers = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(extension)?.strip_suffix('.')?;
            numbers.split_once("-of-")?.1.parse::<usize>().ok()
        });
        // A name can say any number, and each part is a file.
        let count = count.max().filter(|count| *count <= names.len());
        let mut files = vec![index.to_owned()];
        for number in 1..=count.unwrap_or(1) {
            let file = part(number, count.unwrap_or(1));
            if !names.contains(&file) {
                return Err(Lacking { file, hint: format!(", one of the parts that {index} speaks of") });
            }
            files.push(file);
        }
        return Ok(Some(files));
    }
    Ok(None)
}

/// `STEM.ckpt….index` and its `….data-00000-of-00002`, ….
fn tensorflow(names: &[String]) -> Result<Option<Vec<String>>, Lacking> {
    let is_index = |name: &&String| name.ends_with(".index") && name.contains(".ckpt") && !name.contains('/');
    let mut indices: Vec<&String> = names.iter().filter(is_index).collect();
    indices.sort();
    let index = match indices.as_slice() {
        [] => return Ok(None),
        [one] => *one,
        several => {
            let several = several.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            let hint = format!(": there are {several}, and only one of them can be meant: move the others away");
            return Err(Lacking { file: "single checkpoint".into(), hint });
        }
    };
    let start = format!("{}.data-", index.trim_end_matches(".index"));
    let shards = names.iter().filter_map(|name| name.strip_prefix(&start)?.split_once("-of-"));
    let Some(count) = shards.filter_map(|(_, count)| count.parse::<usize>().ok()).max() else {
        return Err(Lacking { file: format!("{start}00000-of-00001"), hint: String::new() });
    };
    let mut files = vec![index.clone()];
    for shard in 0..count {
        let file = format!("{start}{shard:05}-of-{count:05}");
        if !names.contains(&file) {
            return Err(Lacking { file, hint: String::new() });
        }
        files.push(file);
    }
    Ok(Some(files))
}

/// What to say of a folder in which a Trainer kept its checkpoints.
fn newest_checkpoint(names: &[String]) -> Option<String> {
    let numbers =
        names.iter().filter_map(|name| name.split_once('/')?.0.strip_prefix("checkpoint-")?.parse::<u64>().ok());
    let newest = numbers.max()?;
    Some(format!(", only a Trainer's checkpoints: name one of them, the newest is `checkpoint-{newest}`"))
}

fn no_weights(names: &[String]) -> Lacking {
    let flax = "flax_model.msgpack.index.json";
    let hint = if names.iter().any(|name| name == flax) {
        format!(
            ", only weights in several parts ({flax}), which are not read: save it again as one file, with \
             max_shard_size=\"100GB\""
        )
    } else if let Some(hint) = newest_checkpoint(names) {
        hint
    } else {
        let last = |name: &&String| name.rsplit('.').next().is_some_and(is_weights);
        let others: Vec<&str> = names.iter().filter(last).map(String::as_str).collect();
        match others.is_empty() {
            true => String::new(),
            false => format!(", only {}: name a revision that has one, or convert them", others.join(", ")),
        }
    };
    Lacking { file: format!("{} or *.ckpt.index", WEIGHTS.join(", ")), hint }
}

fn is_weights(extension: &str) -> bool {
    matches!(extension, "bin" | "h5" | "msgpack" | "ckpt" | "safetensors" | "onnx" | "ot" | "pt" | "pth")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &str) -> Result<String, String> {
        let names: Vec<String> = names.split(' ').map(String::from).collect();
        let files = ModelFiles::choose(&names).map_err(|lacking| lacking.to_string())?;
        let all: Vec<String> = files.all().cloned().collect();
        // Choosing again among what was chosen changes nothing.
        assert_eq!(ModelFiles::choose(&all).as_ref(), Ok(&files));
        Ok(all.join(" "))
    }

    #[test]
    fn each_format_is_found_and_the_best_is_taken() {
        let cases = [
            ("config.json vocab.txt model.safetensors README.md", "config.json model.safetensors vocab.txt"),
            (
                "flax_model.msgpack pytorch_model.bin model.safetensors vocab.txt tokenizer.json config.json",
                "config.json model.safetensors tokenizer.json",
            ),
            (
                "flax_model.msgpack pytorch_model.bin pytorch_model.bin.index.json vocab.txt config.json \
                 tokenizer_config.json",
                "config.json pytorch_model.bin vocab.txt tokenizer_config.json",
            ),
            (
                "config.json flax_model.msgpack special_tokens_map.json tokenizer.json tokenizer_config.json vocab.txt",
                "config.json flax_model.msgpack tokenizer.json tokenizer_config.json special_tokens_map.json",
            ),
            (
                "bert_config.json m.ckpt.data-00001-of-00002 m.ckpt.data-00000-of-00002 m.ckpt.index m.ckpt.meta vocab.txt",
                "bert_config.json m.ckpt.index m.ckpt.data-00000-of-00002 m.ckpt.data-00001-of-00002 vocab.txt",
            ),
            (
                "config.json model.ckpt-36813.data-00000-of-00001 model.ckpt-36813.index vocab.txt",
                "config.json model.ckpt-36813.index model.ckpt-36813.data-00000-of-00001 vocab.txt",
            ),
            (
                "config.json vocab.txt model.safetensors.index.json model-00002-of-00002.safetensors \
                 model-00001-of-00002.safetensors pytorch_model.bin.index.json",
                "config.json model.safetensors.index.json model-00001-of-00002.safetensors \
                 model-00002-of-00002.safetensors vocab.txt",
            ),
            (
                "config.json model.safetensors merges.txt vocab.json",
                "config.json model.safetensors vocab.json merges.txt",
            ),
        ];
        for (names, expected) in cases {
            assert_eq!(chosen(names).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_lacking_is_named_with_what_to_do() {
        let cases = [
            ("vocab.txt model.safetensors", "no config.json or bert_config.json: it may not be a model"),
            ("config.json model.safetensors merges.txt", "no tokenizer.json, vocab.txt, or vocab.json with merges.txt"),
            (
                "config.json model.safetensors trainer_state.json",
                "with merges.txt: a Trainer that was given none saves none; write tokenizer = \"hf:REPO\" or \
                 \"path:FOLDER\" beside `model`",
            ),
            (
                "checkpoint-500/config.json checkpoint-1500/config.json checkpoint-1500/model.safetensors runs/x",
                "no config.json or bert_config.json, only a Trainer's checkpoints: name one of them, the newest is \
                 `checkpoint-1500`",
            ),
            ("config.json vocab.txt README.md", "flax_model.msgpack or *.ckpt.index"),
            ("config.json vocab.txt tf_model.h5", ", only tf_model.h5: name a revision that has one, or convert"),
            (
                "config.json vocab.txt model-00001-of-00002.safetensors model.safetensors.index.json",
                "no model-00002-of-00002.safetensors, one of the parts that model.safetensors.index.json speaks of",
            ),
            ("config.json vocab.txt pytorch_model.bin.index.json", "no pytorch_model-00001-of-00001.bin, one of"),
            ("config.json vocab.txt flax_model.msgpack.index.json", "several parts (flax_model.msgpack.index.json)"),
            ("config.json vocab.txt a.ckpt.index", "no a.ckpt.data-00000-of-00001"),
            ("config.json vocab.txt a.ckpt.index a.ckpt.data-00000-of-00002", "no a.ckpt.data-00001-of-00002"),
            ("config.json vocab.txt b.ckpt-2.index a.ckpt-1.index", "there are a.ckpt-1.index, b.ckpt-2.index"),
            ("config.json vocab.txt old/a.ckpt.index", "*.ckpt.index"),
        ];
        for (names, part) in cases {
            let message = chosen(names).unwrap_err();
            assert!(message.contains(part), "{names}: {message}");
        }
    }
}
