//! The strict look at a checkpoint when it arrives: everything that it has too much, too little or in another shape.

use super::report::LoadReport;
use super::{Head, ModelError, TransformerConfig, Weights};

/// A checkpoint that fits its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    loaded: usize,
    /// Tensors of the heads of pretraining, which fine-tuning does not use.
    unused: usize,
    /// Names of the new head's tensors, if the checkpoint has none.
    headless: Vec<String>,
    /// The pooler's stem, if the checkpoint has none.
    poolerless: Option<&'static str>,
}

impl Arrival {
    /// Compares the weights with a classifier of this configuration. Where the configuration names no labels, an old
    /// head may have any number of them: `transformers` does not write the names of two unnamed ones.
    ///
    /// # Errors
    /// Names all tensors that are missing, unexpected or of another shape, or the first few of them. Only the whole
    /// classification head may be missing.
    pub fn check(weights: &Weights, config: &TransformerConfig) -> Result<Self, ModelError> {
        let new_head = config.model_type.new_head();
        let of_head = |name: &str| new_head.holds(name);
        let unused = config.model_type.description().unused;
        let of_pretraining = |name: &String| unused.iter().any(|start| name.starts_with(start));
        let rows = |name: &str| weights.tensors.get(name).and_then(|tensor| tensor.shape.first()).copied();
        let labels = match config.labels().len() {
            0 => rows(&format!("{}.weight", new_head.output)).unwrap_or(2),
            named => named,
        };
        let report = LoadReport::new(weights, config, Head::Classifier { labels });
        let (unused, unexpected): (Vec<_>, Vec<_>) = report.unexpected.iter().cloned().partition(of_pretraining);
        // A part of a head is no head.
        let mut there = report.loaded.iter().chain(report.misshaped.iter().map(|(name, ..)| name));
        let has_head = there.any(|name| of_head(name));
        // Masked language modelling trains none, and a head without it was trained over another one.
        let poolerless = config.model_type.pooler().filter(|_| !has_head && report.lacks_pooler());
        let missing: Vec<String> =
            report.missing.iter().filter(|name| poolerless.is_none() || !report.is_of_pooler(name)).cloned().collect();
        let (headless, missing): (Vec<_>, Vec<_>) = missing.into_iter().partition(|name| !has_head && of_head(name));
        let shape = |(name, found, expected): &(String, Vec<usize>, Vec<usize>)| {
            format!("`{name}` (it is {found:?}, not {expected:?})")
        };
        let quoted = |names: &[String]| -> Vec<String> { names.iter().map(|name| format!("`{name}`")).collect() };
        let parts = [
            ("missing", quoted(&missing)),
            ("unexpected", quoted(&unexpected)),
            ("of another shape", report.misshaped.iter().map(shape).collect()),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| first(what, names)).collect();
        if parts.is_empty() {
            return Ok(Self { loaded: report.loaded.len(), unused: unused.len(), headless, poolerless });
        }
        Err(ModelError::Misfit(parts.join("; ")))
    }

    /// For the manifest: how many tensors were read, and what for.
    pub fn counts(&self) -> String {
        format!("{} loaded, {} missing, {} of pretraining left aside", self.loaded, self.headless.len(), self.unused)
    }

    /// What the user should know, if anything.
    pub fn note(&self) -> Option<String> {
        let (last, others) = self.headless.split_last()?;
        let others = others.iter().map(|name| format!("{name}, ")).collect::<String>();
        let names = format!("{} and {last}", others.trim_end_matches(", "));
        let head = format!("{names} are not in the file: a new head is drawn");
        Some(match self.poolerless {
            Some(pooler) => format!("{head}, and with it {pooler}, which is not there either"),
            None => head,
        })
    }
}

fn first(what: &str, names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 { format!("{what}: {shown} and {more} more") } else { format!("{what}: {shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HostTensor, Layout};

    fn complete(config: &TransformerConfig, labels: usize) -> Weights {
        let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        let slots = Layout::new(config, Head::Classifier { labels }).slots;
        Weights { tensors: slots.into_iter().map(|slot| (slot.name, tensor(&slot.shape))).collect() }
    }

    #[test]
    fn only_the_whole_head_may_be_missing() {
        let config = TransformerConfig::new(20, 1, 8, 2, 16);
        let named = TransformerConfig::from_json(&config.to_json(Some(&["no".into(), "yes".into()]))).unwrap();
        let whole = Arrival::check(&complete(&config, 2), &named).unwrap();
        assert_eq!((whole.note(), whole.counts()), (None, "25 loaded, 0 missing, 0 of pretraining left aside".into()));
        assert!(Arrival::check(&complete(&config, 3), &config).is_ok());

        let mut body = complete(&config, 2);
        body.tensors.retain(|name, _| !name.starts_with("classifier."));
        body.tensors.insert("cls.predictions.bias".into(), HostTensor { shape: vec![1], data: vec![0.0] });
        let arrival = Arrival::check(&body, &named).unwrap();
        let note = "classifier.weight and classifier.bias are not in the file: a new head is drawn";
        assert_eq!(arrival.note().as_deref(), Some(note));
        assert_eq!(arrival.counts(), "23 loaded, 2 missing, 1 of pretraining left aside");

        let mut masked = body.clone();
        masked.tensors.retain(|name, _| !name.starts_with("bert.pooler."));
        let note = "classifier.weight and classifier.bias are not in the file: a new head is drawn, and with it \
                    bert.pooler.dense, which is not there either";
        assert_eq!(Arrival::check(&masked, &named).unwrap().note().as_deref(), Some(note));
        let bias = body.tensors["bert.pooler.dense.bias"].clone();
        masked.tensors.insert("bert.pooler.dense.bias".into(), bias);
        let error = Arrival::check(&masked, &named).unwrap_err().to_string();
        assert_eq!(error, "the weights do not fit the configuration: missing: `bert.pooler.dense.weight`");
        let mut without = complete(&config, 2);
        without.tensors.retain(|name, _| !name.starts_with("bert.pooler."));
        assert!(
            Arrival::check(&without, &named).unwrap_err().to_string().contains("missing: `bert.pooler.dense.weight`")
        );
        let mut answers = body.clone();
        answers.tensors.insert("qa_outputs.bias".into(), HostTensor { shape: vec![2], data: vec![0.0; 2] });
        assert!(Arrival::check(&answers, &named).is_ok());

        let mut partly = complete(&config, 2);
        partly.tensors.remove("classifier.bias");
        let error = Arrival::check(&partly, &named).unwrap_err().to_string();
        assert_eq!(error, "the weights do not fit the configuration: missing: `classifier.bias`");
    }

    #[test]
    fn every_difference_is_named() {
        let config = TransformerConfig::new(20, 1, 8, 2, 16);
        let named = TransformerConfig::from_json(&config.to_json(Some(&["no".into(), "yes".into()]))).unwrap();
        let mut odd = complete(&config, 3);
        odd.tensors.retain(|name, _| !name.contains("attention.self"));
        odd.tensors.insert("bert.adapter.bias".into(), HostTensor { shape: vec![1], data: vec![0.0] });
        assert_eq!(
            Arrival::check(&odd, &named).unwrap_err().to_string(),
            "the weights do not fit the configuration: missing: `bert.encoder.layer.0.attention.self.query.weight`, \
             `bert.encoder.layer.0.attention.self.query.bias`, `bert.encoder.layer.0.attention.self.key.weight` and 3 \
             more; unexpected: `bert.adapter.bias`; of another shape: `classifier.weight` (it is [3, 8], not [2, 8]), \
             `classifier.bias` (it is [3], not [2])"
        );
    }
}
