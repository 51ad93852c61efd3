//! Names of Flax and of Google's TensorFlow code → names of Hugging Face's PyTorch models.
//!
//! Both call a dense layer's matrix `kernel` and keep it `[in, out]`; PyTorch's is `weight`, `[out, in]`.

use crate::model::HostTensor;

/// Tensors by the name that Hugging Face's PyTorch models give them.
pub(super) type Named = Vec<(String, HostTensor)>;

/// The name, and whether the matrix is to be transposed.
pub(super) fn from_flax(path: &[&str]) -> (String, bool) {
    let Some((leaf, stem)) = path.split_last() else { return (String::new(), false) };
    let (leaf, transposed) = match *leaf {
        "kernel" => ("weight", true),
        "embedding" | "scale" => ("weight", false),
        other => (other, false),
    };
    (joined(stem, leaf), transposed)
}

/// The same for a variable of TensorFlow; `None` for what only its optimizer needs.
pub(super) fn from_google(name: &str) -> Option<(String, bool)> {
    // Google's own Adam, and those of TensorFlow 1 and of LAMB.
    const SLOTS: [&str; 6] = ["adam_m", "adam_v", "Adam", "Adam_1", "lamb_m", "lamb_v"];
    if matches!(name, "global_step" | "beta1_power" | "beta2_power") {
        return None;
    }
    let path: Vec<&str> = name.split('/').collect();
    let (leaf, stem) = path.split_last()?;
    if SLOTS.contains(leaf) {
        return None;
    }
    let joined = |leaf| Some((joined(stem, leaf), false));
    match (stem, *leaf) {
        ([], "output_weights") => Some(("classifier.weight".to_owned(), false)),
        ([], "output_bias") => Some(("classifier.bias".to_owned(), false)),
        // Already [labels, hidden].
        (_, "output_weights") => joined("weight"),
        (_, "output_bias") => joined("bias"),
        (_, "gamma") => joined("weight"),
        (_, "beta") => joined("bias"),
        (_, "kernel") => joined("weight").map(|(name, _)| (name, true)),
        (_, table) if table.ends_with("_embeddings") => joined(&format!("{table}.weight")),
        (_, other) => joined(other),
    }
}

fn joined(stem: &[&str], leaf: &str) -> String {
    let mut name = String::new();
    for part in stem {
        match part.strip_prefix("layer_").filter(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(number) => name.push_str(&format!("layer.{number}.")),
            None => name.push_str(&format!("{part}.")),
        }
    }
    name + leaf
}

/// `[rows, columns]` → `[columns, rows]`; anything but a matrix stays as it is, and its shape will be found wrong.
pub(super) fn transpose(tensor: HostTensor) -> HostTensor {
    let [rows, columns] = tensor.shape[..] else { return tensor };
    if tensor.data.is_empty() {
        return HostTensor { shape: vec![columns, rows], data: tensor.data };
    }
    let column = |column: usize| tensor.data[column..].iter().step_by(columns).copied();
    HostTensor { shape: vec![columns, rows], data: (0..columns).flat_map(column).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_pytorchs() {
        let flax = [
            ("bert/embeddings/word_embeddings/embedding", "bert.embeddings.word_embeddings.weight", false),
            ("bert/encoder/layer/11/output/LayerNorm/scale", "bert.encoder.layer.11.output.LayerNorm.weight", false),
            ("bert/encoder/layer/0/attention/self/key/bias", "bert.encoder.layer.0.attention.self.key.bias", false),
            ("classifier/kernel", "classifier.weight", true),
            ("cls/predictions/bias", "cls.predictions.bias", false),
        ];
        for (path, name, transposed) in flax {
            let path: Vec<&str> = path.split('/').collect();
            assert_eq!(from_flax(&path), (name.to_owned(), transposed));
        }
        let google = [
            ("bert/embeddings/token_type_embeddings", "bert.embeddings.token_type_embeddings.weight", false),
            ("bert/embeddings/LayerNorm/beta", "bert.embeddings.LayerNorm.bias", false),
            ("bert/encoder/layer_10/output/LayerNorm/gamma", "bert.encoder.layer.10.output.LayerNorm.weight", false),
            ("bert/encoder/layer_1/output/dense/kernel", "bert.encoder.layer.1.output.dense.weight", true),
            ("output_weights", "classifier.weight", false),
            ("output_bias", "classifier.bias", false),
            ("cls/predictions/output_bias", "cls.predictions.bias", false),
            ("cls/seq_relationship/output_weights", "cls.seq_relationship.weight", false),
        ];
        for (variable, name, transposed) in google {
            assert_eq!(from_google(variable), Some((name.to_owned(), transposed)));
        }
        for slot in ["bert/pooler/dense/kernel/adam_m", "output_bias/adam_v", "global_step", "x/Adam_1"] {
            assert_eq!(from_google(slot), None);
        }
    }

    #[test]
    fn matrices_are_transposed() {
        let tensor = |shape: &[usize], data: &[f32]| HostTensor { shape: shape.to_vec(), data: data.to_vec() };
        let wide = tensor(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(transpose(wide.clone()), tensor(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        assert_eq!(transpose(transpose(wide.clone())), wide);
        assert_eq!(transpose(tensor(&[0, 3], &[])), tensor(&[3, 0], &[]));
        assert_eq!(transpose(tensor(&[3], &[1.0, 2.0, 3.0])), tensor(&[3], &[1.0, 2.0, 3.0]));
    }
}
