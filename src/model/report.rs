//! What a set of weights has and lacks, compared with what a model needs.

use super::{BertConfig, Head, Layout, ModelError, Weights};

/// Why weights are loaded, which decides what may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The model is used as it is: every parameter must be there. A masked language model's head may be there too.
    Use,
    /// A new classifier is about to be drawn: an old one may be there, in any shape, or not.
    StartFineTuning,
}

/// The outcome of comparing weights with a configuration, by tensor name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    pub loaded: Vec<String>,
    pub missing: Vec<String>,
    pub unexpected: Vec<String>,
    /// Name, shape found, shape expected.
    pub misshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl LoadReport {
    pub fn new(weights: &Weights, config: &BertConfig, head: Head) -> Self {
        let slots = Layout::new(config, head).slots;
        let mut report = Self::default();
        for slot in &slots {
            match weights.tensors.get(&slot.name) {
                None => report.missing.push(slot.name.clone()),
                Some(tensor) if tensor.shape != slot.shape => {
                    report.misshaped.push((slot.name.clone(), tensor.shape.clone(), slot.shape.clone()));
                }
                Some(_) => report.loaded.push(slot.name.clone()),
            }
        }
        let known = |name: &String| slots.iter().any(|slot| slot.name == *name);
        report.unexpected = weights.tensors.keys().filter(|name| !known(name)).cloned().collect();
        report
    }

    /// Fails on any difference that the purpose does not allow.
    ///
    /// # Errors
    /// A tensor of the wrong shape, a missing one, or one the model has no place for.
    pub fn check(&self, purpose: Purpose) -> Result<(), ModelError> {
        let drawn = |name: &str| purpose == Purpose::StartFineTuning && name.starts_with("classifier.");
        if let Some((name, found, expected)) = self.misshaped.iter().find(|(name, ..)| !drawn(name)) {
            let (name, found, expected) = (name.clone(), found.clone(), expected.clone());
            return Err(ModelError::Shape { name, found, expected });
        }
        let refuse = |names: &[String], allowed: &dyn Fn(&str) -> bool| -> Vec<String> {
            names.iter().filter(|name| !allowed(name)).cloned().collect()
        };
        let missing = refuse(&self.missing, &drawn);
        if !missing.is_empty() {
            return Err(ModelError::Missing(missing));
        }
        let unexpected = refuse(&self.unexpected, &|name| name.starts_with("cls.") || drawn(name));
        if unexpected.is_empty() { Ok(()) } else { Err(ModelError::Unexpected(unexpected)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HostTensor;

    fn complete(config: &BertConfig, head: Head) -> Weights {
        let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        let slots = Layout::new(config, head).slots;
        Weights { tensors: slots.into_iter().map(|slot| (slot.name, tensor(&slot.shape))).collect() }
    }

    #[test]
    fn each_purpose_allows_its_own_differences() {
        let config = BertConfig::new(20, 1, 8, 2, 16);
        let (two, three) = (Head::Classifier { labels: 2 }, Head::Classifier { labels: 3 });
        let weights = complete(&config, two);
        let check = |weights: &Weights, head, purpose| LoadReport::new(weights, &config, head).check(purpose);
        assert!(check(&weights, two, Purpose::Use).is_ok());
        let error = check(&weights, three, Purpose::Use).unwrap_err().to_string();
        assert!(error.contains("classifier.") && error.contains("[2") && error.contains("[3"), "{error}");
        assert!(check(&weights, three, Purpose::StartFineTuning).is_ok());

        let pretrained = complete(&config, Head::MaskedLanguageModel);
        assert!(check(&pretrained, two, Purpose::StartFineTuning).is_ok());
        let error = check(&pretrained, two, Purpose::Use).unwrap_err().to_string();
        assert!(error.contains("classifier.weight"), "{error}");

        let mut no_pooler = weights.clone();
        no_pooler.tensors.remove("bert.pooler.dense.weight");
        let error = check(&no_pooler, two, Purpose::StartFineTuning).unwrap_err().to_string();
        assert!(error.contains("bert.pooler.dense.weight"), "{error}");

        let mut odd = weights;
        let tensor = odd.tensors["classifier.bias"].clone();
        odd.tensors.insert("bert.adapter.bias".into(), tensor);
        assert!(check(&odd, two, Purpose::Use).unwrap_err().to_string().contains("bert.adapter.bias"));
    }
}
