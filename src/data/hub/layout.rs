//! Which files of a model's repository are wanted, from their names alone.

use super::super::{ChooseModel, DataError, Lacking, tokenizer_files as of_tokenizer};

/// Not read where there is a tokenizer.json, but Python's tokenizers want them, and the cache is theirs too.
const COMPANIONS: [&str; 5] =
    ["tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt"];

/// The files that are read, and what belongs beside them; of several forms of the weights only one.
pub fn model_files(repo: &str, files: &[String], choose: ChooseModel) -> Result<Vec<String>, DataError> {
    let chosen = choose(files).map_err(|lacking| no_file(repo, lacking))?;
    let mut wanted: Vec<String> = chosen.all().cloned().collect();
    for name in COMPANIONS.map(String::from) {
        if files.contains(&name) && !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    Ok(wanted)
}

/// Those of a tokenizer, and the model's configuration, which may name its class.
pub fn tokenizer_files(repo: &str, files: &[String]) -> Result<Vec<String>, DataError> {
    let mut wanted = of_tokenizer(files).map_err(|lacking| no_file(repo, lacking))?;
    wanted.extend(files.iter().filter(|name| *name == "config.json").cloned());
    Ok(wanted)
}

fn no_file(repo: &str, Lacking { file, hint }: Lacking) -> DataError {
    DataError::NoFile { repo: repo.to_owned(), file, hint }
}

#[cfg(test)]
mod tests {
    use super::super::super::ModelFiles;
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
        assert_eq!(model_files("r", &files(&all), ModelFiles::choose).unwrap().join(" "), wanted);
        let message = |names: &[&str]| model_files("r", &files(names), ModelFiles::choose).unwrap_err().to_string();
        assert_eq!(
            message(&["config.json", "tf_model.h5", "vocab.txt"]),
            "r has no model.safetensors, pytorch_model.bin, flax_model.msgpack or *.ckpt.index, only tf_model.h5: name a \
             revision that has one, or convert them"
        );
        assert!(message(&all[..3]).contains("r has no tokenizer.json, vocab.txt, or vocab.json"));
    }
}
