//! Agreement of BERT's kin with transformers, whose results `tests/reference/architectures.py` wrote down.

use super::super::*;
use super::reference::{BOTH, THREE, batch_of, cpu, difference, floats, follow_the_masks, values, widen};
use crate::data::Batch;
use serde_json::Value;
use std::path::PathBuf;

pub const NAMES: [&str; 5] = ["roberta", "xlm-roberta", "distilbert", "electra", "electra-projected"];

/// One architecture's files.
pub struct Case {
    pub config: TransformerConfig,
    pub weights: Weights,
    pub expected: Value,
    gradients: Weights,
}

pub fn case(name: &str) -> Case {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "reference", "architectures", name].iter().collect();
    let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
    Case {
        config: TransformerConfig::from_json(&String::from_utf8(read("config.json")).unwrap()).unwrap(),
        weights: Weights::from_safetensors(&read("model.safetensors")).unwrap(),
        expected: serde_json::from_slice(&read("expected.json")).unwrap(),
        gradients: Weights::from_safetensors(&read("gradients.safetensors")).unwrap(),
    }
}

impl Case {
    pub fn model(&self, kernels: Kernels) -> Transformer {
        Transformer::new(&self.config, THREE, &self.weights, &cpu()).unwrap().with_kernels(kernels)
    }

    pub fn batch(&self) -> Batch {
        batch_of(&self.expected)
    }

    /// Holes in the mask, and a padding token inside a text.
    fn odd_batch(&self) -> Batch {
        let numbers = |name: &str| floats(&self.expected["odd"][name]);
        Batch {
            input_ids: numbers("input_ids").iter().map(|x| *x as i32).collect(),
            attention_mask: numbers("attention_mask").iter().map(|x| *x as f32).collect(),
            ..self.batch()
        }
    }
}

fn worst(found: &[f32], wanted: &Value) -> f64 {
    let wanted = floats(wanted);
    assert_eq!(found.len(), wanted.len());
    found.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

#[test]
fn logits_and_loss_agree_with_transformers() {
    for name in NAMES {
        let case = case(name);
        for kernels in BOTH {
            let model = case.model(kernels);
            let plain = worst(&values(&model.forward(&case.batch(), None).unwrap()), &case.expected["logits"]);
            let odd = values(&model.forward(&case.odd_batch(), None).unwrap());
            let odd = worst(&odd, &case.expected["odd"]["logits"]);
            println!("{name} {kernels:?}: logits {plain:.1e}, with holes {odd:.1e}");
            assert!(plain < 1e-5 && odd < 1e-5, "{name} {kernels:?}: {plain} {odd}");
            let (loss, _) = model.loss_and_gradients(&case.batch(), &mut Dropout::off()).unwrap();
            assert!((f64::from(values(&loss)[0]) - case.expected["loss"].as_f64().unwrap()).abs() < 1e-5);
        }
    }
}

#[test]
fn every_gradient_agrees_with_pytorch() {
    for name in NAMES {
        let case = case(name);
        for kernels in BOTH {
            let model = case.model(kernels);
            let (_, gradients) = model.loss_and_gradients(&case.batch(), &mut Dropout::off()).unwrap();
            assert_eq!(gradients.len(), case.gradients.tensors.len(), "{name}");
            let mut largest = 0.0f64;
            for (slot, gradient) in model.layout().slots.iter().zip(&gradients) {
                let wanted = &case.gradients.tensors[&slot.name].data;
                let worst = difference(&values(gradient.as_ref().unwrap()), wanted);
                assert!(worst < 1e-4, "{name} {kernels:?} {}: {worst}", slot.name);
                largest = largest.max(worst);
            }
            println!("{name} {kernels:?}: gradients {largest:.1e}");
        }
    }
}

#[test]
fn dropout_is_where_transformers_has_it() {
    for name in NAMES {
        let case = case(name);
        // The first row has no padding.
        let row = &case.batch();
        let width = row.width;
        let row = Batch {
            rows: 1,
            input_ids: row.input_ids[..width].to_vec(),
            token_type_ids: row.token_type_ids[..width].to_vec(),
            attention_mask: row.attention_mask[..width].to_vec(),
            labels: vec![0],
            ..row.clone()
        };
        let mut dropout = Dropout::new(DropoutRates::of(&case.config), 1, 1, &cpu());
        case.model(Kernels::Host).forward(&row, Some(&mut dropout)).unwrap();
        let wanted = case.expected["dropout"].as_array().unwrap();
        assert_eq!(dropout.drawn.len(), wanted.len(), "{name}: {:?}", dropout.drawn);
        let per_layer = 2 + usize::from(case.config.model_type.description().attention_output_dropout);
        let encoder = 1 + case.config.num_hidden_layers * per_layer;
        for (place, ((rate, shape), wanted)) in dropout.drawn.iter().zip(wanted).enumerate() {
            assert_eq!(*rate, wanted[0].as_f64().unwrap(), "{name} {place}");
            let theirs: Vec<usize> = floats(&wanted[1]).iter().map(|x| *x as usize).collect();
            assert_eq!(shape[1], *theirs.last().unwrap(), "{name} {place}");
            // The last layer is computed for the first token only: nobody reads the others' results.
            let skipped = if (encoder - per_layer..encoder).contains(&place) { width } else { 1 };
            assert_eq!(shape[0], theirs[..theirs.len() - 1].iter().product::<usize>() / skipped, "{name} {place}");
        }
    }
}

/// With dropout on the gradient is that of the very masks of its forward pass: compared with finite differences.
#[test]
fn gradients_follow_the_dropout_masks() {
    for name in NAMES {
        let case = case(name);
        let model = case.model(Kernels::Host);
        let layer = model.layout().layer(0);
        let (pooler, norm) = (model.layout().pooler(), model.layout().embeddings.norm);
        let places = [layer.value, layer.attention_output, layer.output + 1, pooler, norm];
        let places = places.into_iter().chain(model.layout().embeddings.projection);
        follow_the_masks(name, &model, &case.batch(), places);
    }
}

#[test]
fn padding_and_unread_token_types_change_nothing() {
    for name in NAMES {
        let case = case(name);
        let (model, batch) = (case.model(Kernels::Host), case.batch());
        let plain = values(&model.forward(&batch, None).unwrap());
        let padded = values(&model.forward(&widen(&batch, 3, case.config.pad_token_id), None).unwrap());
        assert!(difference(&padded, &plain) < 1e-5, "{name}");
        let mut typed = batch.clone();
        typed.token_type_ids.fill(1);
        let typed = values(&model.forward(&typed, None).unwrap());
        assert_eq!(typed == plain, !case.config.model_type.reads_token_types(), "{name}");
        let error = model.forward(&widen(&batch, 4, case.config.pad_token_id), None).unwrap_err().to_string();
        assert!(error.contains("room for 12"), "{error}");
    }
}

#[test]
fn saving_is_exact_and_bare_encoders_are_read() {
    for name in NAMES {
        let case = case(name);
        let own = &case.weights;
        assert_eq!(case.model(Kernels::Host).to_weights(), *own);
        let prefix = format!("{}.", case.config.model_type.description().prefix);
        let bare = own.tensors.iter().map(|(n, t)| (n.trim_start_matches(&prefix).to_owned(), t.clone())).collect();
        let bytes = Weights { tensors: bare }.to_safetensors().unwrap();
        let read = Weights::from_safetensors(&bytes).unwrap().with_prefix(case.config.model_type).unwrap();
        assert_eq!(read, *own);
        let again = TransformerConfig::from_json(&case.config.to_json(Some(&case.config.labels()))).unwrap();
        assert_eq!(again, case.config);
    }
}

#[test]
fn masked_language_models_are_berts_only() {
    for name in NAMES {
        let case = case(name);
        let error =
            Transformer::new(&case.config, Head::MaskedLanguageModel, &case.weights, &cpu()).unwrap_err().to_string();
        assert!(error.contains("\"bert\" only") && error.contains(case.config.model_type.name()), "{error}");
    }
}
