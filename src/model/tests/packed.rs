//! Layers on packed rows are the layers in tensors, which PyTorch's numbers judge.

use super::reference::{cpu, difference, values};
use crate::data::{Batch, Encoded, collate};
use crate::model::{
    Dropout, DropoutRates, Head, HostTensor, Layout, MaskedTargets, Slot, Transformer, TransformerConfig, Weights,
};
use crate::rng::stream;
use rand::RngExt;

/// Rows of 3 to 40 tokens, the longest not the first.
fn batch() -> Batch {
    let row = |row: usize| {
        let length = [17, 40, 3, 33, 32, 9, 25][row];
        let input_ids = (0..length).map(|place| 1 + (row * 31 + place * 17) as i32 % 199).collect();
        Encoded { input_ids, token_type_ids: (0..length).map(|place| i32::from(place > 8)).collect() }
    };
    let rows: Vec<Encoded> = (0..7).map(row).collect();
    collate(&rows.iter().collect::<Vec<_>>(), &[0, 1, 2, 2, 1, 0, 1], &[0, 1, 2, 3, 4, 5, 6], 0)
}

/// Weights, biases and gains, none of them 0 or 1.
fn drawn(config: &TransformerConfig, head: Head) -> Weights {
    let mut random = stream("packed", 1, 0);
    let draw = |slot: Slot| {
        let start = if slot.name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        let count = slot.shape.iter().product();
        let data = (0..count).map(|_| start + 0.3 * (random.random::<f32>() - 0.5)).collect();
        (slot.name, HostTensor { shape: slot.shape, data })
    };
    Weights { tensors: Layout::new(config, head).slots.into_iter().map(draw).collect() }
}

/// To the bit, where a product has so few `terms` that the library adds them up in one part whatever the caches' sizes.
fn same(found: &[f32], wanted: &[f32], terms: usize, what: &str) {
    // Elsewhere the library may add in another order.
    if cfg!(target_arch = "x86_64") && terms <= 512 {
        let places = found.iter().zip(wanted).filter(|(found, wanted)| found != wanted).count();
        assert!(places == 0, "{what}: {places} of {} numbers differ, by {}", found.len(), difference(found, wanted));
    } else {
        assert!(difference(found, wanted) < 1e-5, "{what}");
    }
}

#[test]
fn packed_layers_say_what_tensors_say() {
    let dropout = DropoutRates { hidden: 0.1, attention: 0.2, classifier: 0.1 };
    // Heads of 16, 24, 32 and 64 numbers.
    for (hidden, heads, wide) in [(64, 4, 256), (96, 4, 100), (64, 2, 192), (128, 2, 640)] {
        let config = TransformerConfig::new(200, 3, hidden, heads, wide);
        for head in [Head::Classifier { labels: 3 }, Head::MaskedLanguageModel] {
            let packed = Transformer::new(&config, head, &drawn(&config, head), &cpu()).unwrap();
            let general = packed.clone().in_tensors();
            let batch = batch();
            let targets = MaskedTargets { places: vec![1, 41, 82], tokens: vec![3, 5, 7] };
            for rates in [DropoutRates::OFF, dropout] {
                let both = [&packed, &general].map(|model| {
                    let mut dropout = Dropout::new(rates, 3, 4, &cpu());
                    let (loss, gradients) = match head {
                        Head::Classifier { .. } => model.loss_and_gradients(&batch, &mut dropout),
                        Head::MaskedLanguageModel => model.masked_loss_and_gradients(&batch, &targets, &mut dropout),
                    }
                    .unwrap();
                    let gradients = gradients.iter().map(|gradient| gradient.as_ref().map(values));
                    (values(&loss), gradients.collect::<Vec<_>>())
                });
                let [(loss, gradients), (wanted_loss, wanted)] = both;
                same(&loss, &wanted_loss, wide, "loss");
                for ((found, wanted), slot) in gradients.iter().zip(&wanted).zip(&packed.layout().slots) {
                    assert_eq!(found.is_some(), wanted.is_some());
                    let (Some(found), Some(wanted)) = (found, wanted) else { continue };
                    same(found, wanted, wide, &format!("{hidden}/{heads} {head:?} {rates:?}: {}", slot.name));
                }
            }
            if let Head::Classifier { .. } = head {
                let logits = [&packed, &general].map(|model| values(&model.forward(&batch, None).unwrap()));
                same(&logits[0], &logits[1], wide, "logits");
                // What was made of the parameters does not outlive them.
                let moved = Transformer::lerp(&packed, &packed, 0.5).unwrap();
                same(&values(&moved.forward(&batch, None).unwrap()), &logits[1], wide, "the same model between itself");
                let parameters = general.parameters.iter().map(|p| p.clone() * 1.5).collect();
                let other = Transformer { parameters, ..packed.clone() };
                let wanted = values(&other.clone().in_tensors().forward(&batch, None).unwrap());
                same(&values(&other.forward(&batch, None).unwrap()), &wanted, wide, "other parameters");
            }
        }
    }
}
