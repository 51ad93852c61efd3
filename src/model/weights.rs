//! Weights on the host: tensors by Hugging Face name, in and out of safetensors.

use super::canonical::{EMBEDDINGS, canonical, has_embeddings, is_tied, is_wanted};
use super::floats::Float;
use super::{Architecture, HostTensor, ModelError};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};

/// Every tensor of a model under its canonical name, which is Hugging Face's: for BERT `bert.…`, `classifier.…`, `cls.…`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights {
    pub tensors: BTreeMap<String, HostTensor>,
}

impl Weights {
    /// Reads a safetensors file. Names are made canonical: the old `gamma` and `beta` become `weight` and `bias`, and
    /// `position_ids` and the copy of the word embeddings that some pretraining heads carry as their decoder are left
    /// out. A bare encoder's names are what they were: see [`Self::with_prefix`].
    ///
    /// # Errors
    /// A truncated or corrupt file, a tensor that is not of floating point numbers, or a name that is there twice.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, ModelError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| ModelError::Safetensors(error.to_string()))?;
        Self::from_named(named(&file)?)
    }

    /// The tensors of such a file under the names that it gives them.
    ///
    /// # Errors
    /// A truncated or corrupt file, or a tensor that is not of floating point numbers.
    pub(super) fn named_of_safetensors(bytes: &[u8]) -> Result<Vec<(String, HostTensor)>, ModelError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| ModelError::Safetensors(error.to_string()))?;
        named(&file)
    }

    /// From tensors under the names that some file gave them, made canonical as [`Self::from_safetensors`] says. Where
    /// the word embeddings are there under the name of a tied decoder alone, they are taken from there.
    ///
    /// # Errors
    /// A name that is there twice.
    pub fn from_named(named: impl IntoIterator<Item = (String, HostTensor)>) -> Result<Self, ModelError> {
        let (mut tensors, mut tied) = (BTreeMap::new(), None);
        for (name, tensor) in named {
            if is_tied(&name) {
                tied = Some(tensor);
                continue;
            }
            let Some(name) = canonical(&name) else { continue };
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(ModelError::Duplicate(name));
            }
        }
        if let Some(tied) = tied.filter(|_| !has_embeddings(tensors.keys().map(String::as_str))) {
            tensors.insert(EMBEDDINGS.to_owned(), tied);
        }
        Ok(Self { tensors })
    }

    /// The same with a bare encoder's names (`embeddings.…`) under their architecture's prefix (`bert.embeddings.…`).
    ///
    /// # Errors
    /// A name that is there with the prefix and without.
    pub fn with_prefix(self, architecture: Architecture) -> Result<Self, ModelError> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in self.tensors {
            let name = architecture.prefixed(name);
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(ModelError::Duplicate(name));
            }
        }
        Ok(Self { tensors })
    }

    /// The bytes of a safetensors file that `transformers` loads. Equal weights give equal bytes.
    ///
    /// # Errors
    /// A tensor whose data does not fill its shape.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, ModelError> {
        let bytes: Vec<(&String, &HostTensor, Vec<u8>)> =
            self.tensors.iter().map(|(name, tensor)| (name, tensor, little_endian(&tensor.data))).collect();
        let failed = |error: safetensors::SafeTensorError| ModelError::Safetensors(error.to_string());
        let views = bytes
            .iter()
            .map(|(name, tensor, bytes)| Ok((name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        // transformers refuses files without this entry. One entry only: the order of several would be random.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(views, Some(metadata)).map_err(failed)
    }

    /// The number of parameters.
    pub fn count(&self) -> usize {
        self.tensors.values().map(|tensor| tensor.data.len()).sum()
    }

    /// The Euclidean distance over all parameters, in f64.
    ///
    /// # Errors
    /// The two do not hold the same tensors.
    pub fn distance(&self, other: &Self) -> Result<f64, ModelError> {
        let mut sum = 0.0;
        for (_, a, b) in self.pairs(other)? {
            let squares = a.data.iter().zip(&b.data).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
            sum += squares.sum::<f64>();
        }
        Ok(sum.sqrt())
    }

    /// `(1−t)·self + t·other` for every parameter: the reference for [`super::Transformer::lerp`].
    ///
    /// # Errors
    /// The two do not hold the same tensors.
    pub fn lerp(&self, other: &Self, t: f64) -> Result<Self, ModelError> {
        let mut tensors = BTreeMap::new();
        for (name, a, b) in self.pairs(other)? {
            let mix = |(a, b): (&f32, &f32)| ((1.0 - t) * f64::from(*a) + t * f64::from(*b)) as f32;
            let data = a.data.iter().zip(&b.data).map(mix).collect();
            tensors.insert(name.clone(), HostTensor { shape: a.shape.clone(), data });
        }
        Ok(Self { tensors })
    }

    pub(super) fn pairs<'a>(
        &'a self,
        other: &'a Self,
    ) -> Result<Vec<(&'a String, &'a HostTensor, &'a HostTensor)>, ModelError> {
        let odd = |name: &String| ModelError::Mismatch(format!("only one of them has tensor `{name}`"));
        if let Some(name) = other.tensors.keys().find(|name| !self.tensors.contains_key(*name)) {
            return Err(odd(name));
        }
        let pair = |(name, a): (&'a String, &'a HostTensor)| {
            let b = other.tensors.get(name).ok_or_else(|| odd(name))?;
            if a.shape != b.shape {
                let text = format!("tensor `{name}` is {:?} in one and {:?} in the other", a.shape, b.shape);
                return Err(ModelError::Mismatch(text));
            }
            Ok((name, a, b))
        };
        self.tensors.iter().map(pair).collect()
    }
}

fn little_endian(data: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * data.len());
    for value in data {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

fn floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, ModelError> {
    let float = match view.dtype() {
        Dtype::F64 => Float::F64,
        Dtype::F32 => Float::F32,
        Dtype::BF16 => Float::BF16,
        Dtype::F16 => Float::F16,
        other => return Err(ModelError::Dtype { name: name.to_owned(), dtype: format!("{other:?}") }),
    };
    Ok(float.decode(view.data()))
}

fn named(file: &SafeTensors<'_>) -> Result<Vec<(String, HostTensor)>, ModelError> {
    let embedded = has_embeddings(file.names().into_iter());
    let mut named = Vec::new();
    for (name, view) in file.iter().filter(|(name, _)| is_wanted(name, embedded)) {
        let data = floats(name, &view)?;
        named.push((name.to_owned(), HostTensor { shape: view.shape().to_vec(), data }));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(entries: &[(&str, &[usize], &[f32])]) -> Weights {
        let entry = |(name, shape, data): &(&str, &[usize], &[f32])| {
            ((*name).to_owned(), HostTensor { shape: shape.to_vec(), data: data.to_vec() })
        };
        Weights { tensors: entries.iter().map(entry).collect() }
    }

    #[test]
    fn safetensors_round_trip_is_exact_and_deterministic() {
        let own = weights(&[("bert.a.weight", &[2, 2], &[1.0, -2.5, 3e-8, 4.0]), ("classifier.bias", &[1], &[0.5])]);
        let bytes = own.to_safetensors().unwrap();
        assert_eq!(bytes, own.to_safetensors().unwrap());
        assert_eq!(Weights::from_safetensors(&bytes).unwrap(), own);
    }

    #[test]
    fn names_are_made_canonical() {
        let own = weights(&[
            ("embeddings.LayerNorm.gamma", &[1], &[1.0]),
            ("bert.embeddings.LayerNorm.beta", &[1], &[2.0]),
            ("embeddings.word_embeddings.weight", &[1], &[3.0]),
            ("embeddings.position_ids", &[1], &[0.0]),
            ("cls.predictions.decoder.weight", &[1], &[0.0]),
            ("lm_head.decoder.weight", &[1], &[0.0]),
            ("vocab_projector.weight", &[1], &[0.0]),
            ("generator_lm_head.weight", &[1], &[0.0]),
            ("roberta.embeddings.token_type_ids", &[1], &[0.0]),
            ("distilbert.embeddings.position_ids", &[1], &[0.0]),
        ]);
        let read = Weights::from_safetensors(&own.to_safetensors().unwrap()).unwrap();
        let read = read.with_prefix(Architecture::Bert).unwrap();
        let names: Vec<_> = read.tensors.keys().collect();
        let embeddings = ["LayerNorm.bias", "LayerNorm.weight", "word_embeddings.weight"];
        assert_eq!(names, embeddings.map(|name| format!("bert.embeddings.{name}")).iter().collect::<Vec<_>>());
        assert_eq!(read.tensors[names[2]].data, [3.0]);

        let twice = weights(&[("pooler.dense.bias", &[1], &[1.0]), ("bert.pooler.dense.bias", &[1], &[1.0])]);
        let read = Weights::from_safetensors(&twice.to_safetensors().unwrap()).unwrap();
        let error = read.with_prefix(Architecture::Bert).unwrap_err();
        assert!(matches!(error, ModelError::Duplicate(name) if name == "bert.pooler.dense.bias"));
    }

    #[test]
    fn wrappers_are_taken_off_and_a_tied_decoder_is_the_embeddings() {
        let tied = weights(&[
            ("module.bert.pooler.dense.bias", &[1], &[1.0]),
            ("_orig_mod.module.model.cls.predictions.decoder.weight", &[1, 2], &[2.0, 3.0]),
            ("module.cls.predictions.decoder.bias", &[1], &[0.0]),
        ]);
        let read = Weights::from_safetensors(&tied.to_safetensors().unwrap()).unwrap();
        let read = read.with_prefix(Architecture::Bert).unwrap();
        let names: Vec<_> = read.tensors.keys().collect();
        assert_eq!(names, ["bert.embeddings.word_embeddings.weight", "bert.pooler.dense.bias"]);
        assert_eq!(read.tensors[names[0]].data, [2.0, 3.0]);

        let both = weights(&[
            ("bert.embeddings.word_embeddings.weight", &[1, 2], &[4.0, 5.0]),
            ("cls.predictions.decoder.weight", &[1, 2], &[2.0, 3.0]),
        ]);
        let read = Weights::from_safetensors(&both.to_safetensors().unwrap()).unwrap();
        assert_eq!(read.tensors.len(), 1);
        assert_eq!(read.tensors["bert.embeddings.word_embeddings.weight"].data, [4.0, 5.0]);
        let twice = weights(&[("module.a", &[1], &[1.0]), ("a", &[1], &[1.0])]);
        let error = Weights::from_safetensors(&twice.to_safetensors().unwrap()).unwrap_err();
        assert!(matches!(error, ModelError::Duplicate(name) if name == "a"));
    }

    #[test]
    fn bare_encoders_get_their_architectures_prefix() {
        for (architecture, bare, wanted) in [
            (Architecture::Bert, "encoder.layer.0.output.dense.bias", "bert.encoder.layer.0.output.dense.bias"),
            (Architecture::Roberta, "embeddings.LayerNorm.bias", "roberta.embeddings.LayerNorm.bias"),
            (Architecture::XlmRoberta, "pooler.dense.bias", "roberta.pooler.dense.bias"),
            (
                Architecture::DistilBert,
                "transformer.layer.0.ffn.lin1.bias",
                "distilbert.transformer.layer.0.ffn.lin1.bias",
            ),
            (Architecture::Electra, "embeddings_project.bias", "electra.embeddings_project.bias"),
            (Architecture::Electra, "classifier.dense.bias", "classifier.dense.bias"),
        ] {
            let read = weights(&[(bare, &[1], &[1.0])]).with_prefix(architecture).unwrap();
            assert_eq!(read.tensors.keys().collect::<Vec<_>>(), [wanted]);
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        let bytes = weights(&[("a", &[4], &[1.0, 2.0, 3.0, 4.0])]).to_safetensors().unwrap();
        for cut in [0, 4, 20, bytes.len() - 1] {
            let error = Weights::from_safetensors(&bytes[..cut]).unwrap_err().to_string();
            assert!(error.contains("truncated"), "{error}");
        }
    }

    #[test]
    fn distance_and_lerp() {
        let a = weights(&[("x", &[2], &[0.0, 1.0]), ("y", &[1], &[2.0])]);
        let b = weights(&[("x", &[2], &[2.0, 1.0]), ("y", &[1], &[1.0])]);
        assert!((a.distance(&b).unwrap() - 5f64.sqrt()).abs() < 1e-12);
        let middle = a.lerp(&b, 0.25).unwrap();
        assert_eq!(middle.tensors["x"].data, [0.5, 1.0]);
        assert_eq!(middle.tensors["y"].data, [1.75]);
        assert!(a.distance(&weights(&[("x", &[2], &[0.0, 1.0])])).is_err());
    }
}
