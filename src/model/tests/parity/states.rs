//! The embeddings, every layer's output and the pooler, against transformers.

use super::{BOTH, classifier, difference, masked, values};
use crate::model::tests::reference::{batch, weights};
use crate::model::{Activation, Dropout, MaskedTargets};

#[test]
fn every_hidden_state_agrees_with_transformers() {
    let (expected, batch) = (weights("states.safetensors"), batch());
    let real: Vec<usize> = (0..batch.rows * batch.width).filter(|place| batch.attention_mask[*place] > 0.5).collect();
    let first: Vec<usize> = (0..batch.rows).map(|row| row * batch.width).collect();
    for kernels in BOTH {
        for (name, form) in [("gelu", Activation::Erf), ("gelu_new", Activation::Tanh)] {
            let state = |number: usize, places: &[usize]| {
                let tensor = &expected.tensors[&format!("{name}.state.{number}")];
                let hidden = tensor.shape[2];
                let row = |place: &usize| tensor.data[place * hidden..][..hidden].iter().map(|x| f64::from(*x));
                places.iter().flat_map(row).collect::<Vec<_>>()
            };
            let mut worst = Vec::new();
            // Guessing every token makes the masked language model keep the whole of the last state.
            let model = masked(kernels).with_activation(form);
            let targets = MaskedTargets { places: real.clone(), tokens: vec![7; real.len()] };
            let (_, kept) = model.masked_logits(&batch, &targets, &mut Dropout::off()).unwrap();
            let kept = kept.unwrap();
            let layers = kept.encoder.layers;
            for (number, layer) in layers.iter().enumerate() {
                worst.push(difference(&values(&layer.general().input), state(number, &real)));
            }
            worst.push(difference(&values(&kept.rows), state(layers.len(), &real)));

            // A classifier's last layer is computed for the first tokens alone.
            let model = classifier(kernels).with_activation(form);
            let (_, kept) = model.logits(&batch, &mut Dropout::off(), true).unwrap();
            let kept = kept.unwrap();
            worst.push(difference(&values(&kept.input), state(layers.len(), &first)));
            let pooler = expected.tensors[&format!("{name}.pooler")].data.iter().map(|x| f64::from(*x));
            worst.push(difference(&values(&kept.dropped), pooler));
            println!("{kernels:?} {name}: embeddings, layers, first tokens, pooler differ by {worst:?}");
            assert!(worst.len() == 5 && worst.iter().all(|worst| *worst < 1e-5), "{kernels:?} {name}: {worst:?}");
        }
    }
}
