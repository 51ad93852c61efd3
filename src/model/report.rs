//! What a set of weights has and lacks, compared with what a model needs.

use super::{Architecture, Head, Layout, ModelError, TransformerConfig, Weights};

/// Why weights are loaded, which decides what may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The model is used as it is: every parameter must be there. A pretraining head may be there too.
    Use,
    /// A new head is about to be drawn: an old one may be there, in any shape, or not.
    StartFineTuning,
}

/// The outcome of comparing weights with a configuration, by tensor name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    pub architecture: Architecture,
    pub loaded: Vec<String>,
    pub missing: Vec<String>,
    pub unexpected: Vec<String>,
    /// Name, shape found, shape expected.
    pub misshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl LoadReport {
    pub fn new(weights: &Weights, config: &TransformerConfig, head: Head) -> Self {
        let slots = Layout::new(config, head).slots;
        let mut report = Self { architecture: config.model_type, ..Self::default() };
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

    /// Whether nothing is there of the pooler that there should be.
    pub fn lacks_pooler(&self) -> bool {
        let of_pooler = |names: &[String]| names.iter().filter(|name| self.is_of_pooler(name)).count();
        of_pooler(&self.missing) == 2
    }

    pub fn is_of_pooler(&self, name: &str) -> bool {
        let stem = self.architecture.pooler();
        stem.is_some_and(|stem| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Fails on any difference that the purpose does not allow.
    ///
    /// # Errors
    /// A tensor of the wrong shape, a missing one, or one the model has no place for.
    pub fn check(&self, purpose: Purpose) -> Result<(), ModelError> {
        let kind = self.architecture.description();
        let drawn = |name: &str| {
            let whole_pooler = self.lacks_pooler() && self.is_of_pooler(name);
            purpose == Purpose::StartFineTuning && (self.architecture.new_head().holds(name) || whole_pooler)
        };
        let unused = |name: &str| kind.unused.iter().any(|start| name.starts_with(start));
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
        let unexpected = refuse(&self.unexpected, &|name| unused(name) || drawn(name));
        if unexpected.is_empty() { Ok(()) } else { Err(ModelError::Unexpected(unexpected)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HostTensor;

    fn complete(config: &TransformerConfig, head: Head) -> Weights {
        let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        let slots = Layout::new(config, head).slots;
        Weights { tensors: slots.into_iter().map(|slot| (slot.name, tensor(&slot.shape))).collect() }
    }

    #[test]
    fn each_purpose_allows_its_own_differences() {
        let config = TransformerConfig::new(20, 1, 8, 2, 16);
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

    #[test]
    fn every_architecture_may_lack_its_own_head_and_bring_its_pretraining_head() {
        let two = Head::Classifier { labels: 2 };
        for (model_type, head, unused) in [
            (Architecture::Bert, ["classifier.weight", "classifier.bias"], "cls.predictions.bias"),
            (Architecture::Roberta, ["classifier.dense.weight", "classifier.out_proj.weight"], "lm_head.bias"),
            (Architecture::XlmRoberta, ["classifier.dense.bias", "classifier.out_proj.bias"], "lm_head.bias"),
            (Architecture::DistilBert, ["pre_classifier.weight", "classifier.weight"], "vocab_layer_norm.weight"),
            (
                Architecture::Electra,
                ["classifier.dense.weight", "classifier.out_proj.weight"],
                "discriminator_predictions.dense.weight",
            ),
        ] {
            let config = TransformerConfig { model_type, ..TransformerConfig::new(20, 1, 8, 2, 16) };
            let check = |weights: &Weights, purpose| LoadReport::new(weights, &config, two).check(purpose);
            let mut weights = complete(&config, two);
            let extra = HostTensor { shape: vec![1], data: vec![0.0] };
            weights.tensors.insert(unused.into(), extra.clone());
            check(&weights, Purpose::Use).unwrap();
            check(&weights, Purpose::StartFineTuning).unwrap();
            for name in head {
                let mut lacking = weights.clone();
                lacking.tensors.remove(name).unwrap();
                check(&lacking, Purpose::StartFineTuning).unwrap();
                assert!(check(&lacking, Purpose::Use).unwrap_err().to_string().contains(name));
            }
            let body = Layout::new(&config, two).slots[0].name.clone();
            weights.tensors.remove(&body).unwrap();
            assert!(check(&weights, Purpose::StartFineTuning).unwrap_err().to_string().contains(&body));
            weights.tensors.insert("transformer.extra".into(), extra);
            weights.tensors.insert(body.clone(), complete(&config, two).tensors[&body].clone());
            assert!(check(&weights, Purpose::StartFineTuning).is_err());
        }
    }
}
