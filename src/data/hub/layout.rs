//! Which files of a model's repository are wanted, from their names alone.

use super::super::{DataError, Lacking, ModelFiles};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
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
