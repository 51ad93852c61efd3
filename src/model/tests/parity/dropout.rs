//! Dropout: how much, how scaled, and where.

use super::statement::{Place, Statement};
use super::{BOTH, classifier, difference, values};
use crate::model::classifier::ClassifierKept;
use crate::model::dropout::{Dropout, DropoutRates};
use crate::model::kernels::Mask;
use crate::model::tests::reference::{batch, config, cpu, device_seeded, weights};
use crate::model::{Activation, Kernels};

/// What a mask multiplies its first `count` values with.
fn factors(mask: &Mask, count: usize) -> Vec<f32> {
    match mask {
        Mask::None => vec![1.0; count],
        Mask::Hash(mask) => (0..count).map(|index| mask.at(index)).collect(),
        Mask::Values(tensor) => values(tensor)[..count].to_vec(),
    }
}

fn mask_at(kept: &ClassifierKept, place: Place) -> &Mask {
    match place {
        Place::Embeddings => &kept.encoder.embedding.mask,
        Place::Probabilities(layer) => &kept.encoder.layers[layer].general().attention.mask,
        Place::AttentionOutput(layer) => &kept.encoder.layers[layer].general().attention_output.mask,
        Place::Output(layer) => &kept.encoder.layers[layer].general().output.mask,
        Place::Pooled => &kept.mask,
    }
}

const PLACES: [Place; 8] = [
    Place::Embeddings,
    Place::Probabilities(0),
    Place::AttentionOutput(0),
    Place::Output(0),
    Place::Probabilities(1),
    Place::AttentionOutput(1),
    Place::Output(1),
    Place::Pooled,
];

/// The number of values at a place of the fixture's batch, which has 36 real tokens.
fn count(place: Place) -> usize {
    let (batch, config) = (batch(), config());
    let tokens = batch.attention_mask.iter().filter(|mask| **mask > 0.5).count();
    let hidden = config.hidden_size;
    match place {
        Place::Embeddings | Place::AttentionOutput(0) | Place::Output(0) => tokens * hidden,
        Place::Probabilities(0) => batch.rows * config.num_attention_heads * batch.width * batch.width,
        // The last layer is computed for the first tokens alone.
        Place::Probabilities(_) => batch.rows * config.num_attention_heads * batch.width,
        Place::AttentionOutput(_) | Place::Output(_) | Place::Pooled => batch.rows * hidden,
    }
}

fn rates(hidden: f64, attention: f64, classifier: f64) -> DropoutRates {
    DropoutRates { hidden, attention, classifier }
}

/// With the masks of its own forward pass, the model computes what the plain statement computes with the same masks
/// at BERT's places: so dropout is at those places, scaled as the masks say, and nowhere else.
#[test]
fn dropout_is_where_bert_has_it() {
    let (config, weights, batch) = (config(), weights("model.safetensors"), batch());
    let statement = Statement { config: &config, weights: &weights };
    for kernels in BOTH {
        let model = classifier(kernels).with_activation(Activation::Tanh);
        let mut plain = None;
        for rates in [
            DropoutRates::OFF,
            rates(0.9, 0.0, 0.0),
            rates(0.0, 0.9, 0.0),
            rates(0.0, 0.0, 0.9),
            rates(0.1, 0.1, 0.1),
            rates(0.5, 0.6, 0.3),
        ] {
            let _alone = (kernels == Kernels::Device).then(|| device_seeded(8));
            let mut dropout = Dropout::new(rates, 8, 3, &cpu());
            let (logits, kept) = model.logits(&batch, &mut dropout, true).unwrap();
            let kept = kept.unwrap();
            let masks = PLACES.map(|place| factors(mask_at(&kept, place), count(place)));
            for (place, mask) in PLACES.iter().zip(&masks) {
                let rate = match place {
                    Place::Probabilities(_) => rates.attention,
                    Place::Pooled => rates.classifier,
                    _ => rates.hidden,
                };
                assert_eq!(mask.contains(&0.0), rate > 0.0, "{kernels:?} {rates:?} {place:?}");
            }
            let mask = |place, index: usize| {
                let number = PLACES.iter().position(|other| *other == place).unwrap();
                f64::from(masks[number][index])
            };
            let wanted = statement.logits(&batch, &mask);
            let worst = difference(&values(&logits), wanted.iter().copied());
            println!("{kernels:?} {rates:?}: logits differ from the plain statement by {worst:.1e}");
            assert!(worst < 1e-5, "{kernels:?} {rates:?}: {worst}");
            // Had the masks done nothing, the agreement would say nothing.
            let plain = plain.get_or_insert_with(|| wanted.clone());
            let moved = plain.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(rates == DropoutRates::OFF || moved > 1e-2, "{rates:?}: {moved}");
        }
    }
}

/// The host's masks at one place do not depend on the rates of the others, be they 0.
#[test]
fn a_rate_decides_its_own_places_alone() {
    let (model, batch) = (classifier(Kernels::Host), batch());
    let masks = |rates: DropoutRates| {
        let (_, kept) = model.logits(&batch, &mut Dropout::new(rates, 8, 3, &cpu()), true).unwrap();
        let kept = kept.unwrap();
        PLACES.map(|place| factors(mask_at(&kept, place), count(place)))
    };
    let all = masks(rates(0.3, 0.4, 0.5));
    for (alone, of) in [(rates(0.3, 0.0, 0.0), 0), (rates(0.0, 0.4, 0.0), 1), (rates(0.0, 0.0, 0.5), 2)] {
        let alone = masks(alone);
        for (number, place) in PLACES.iter().enumerate() {
            let kind = match place {
                Place::Probabilities(_) => 1,
                Place::Pooled => 2,
                _ => 0,
            };
            assert_eq!(alone[number] == all[number], kind == of, "{place:?}");
        }
    }
}

/// Cross-entropy, the mean over rows.
fn loss(logits: &[f64], labels: &[u32]) -> f64 {
    let row = |(row, label): (&[f64], &u32)| row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[*label as usize];
    logits.chunks_exact(3).zip(labels).map(row).sum::<f64>() / labels.len() as f64
}

/// With dropout on, the gradient of every parameter is the slope of the plain statement with the same masks.
#[test]
fn every_gradient_follows_the_masks() {
    const STEP: f64 = 2e-4;
    let (config, before, batch) = (config(), weights("model.safetensors"), batch());
    for kernels in BOTH {
        let model = classifier(kernels).with_activation(Activation::Tanh);
        let _alone = (kernels == Kernels::Device).then(|| device_seeded(42));
        let mut dropout = Dropout::new(rates(0.2, 0.3, 0.25), 4, 2, &cpu());
        let (logits, kept) = model.logits(&batch, &mut dropout, true).unwrap();
        let kept = kept.unwrap();
        let masks = PLACES.map(|place| factors(mask_at(&kept, place), count(place)));
        let mask = |place, index: usize| {
            let number = PLACES.iter().position(|other| *other == place).unwrap();
            f64::from(masks[number][index])
        };
        let (_, dlogits) = kernels.cross_entropy(logits, &batch.labels);
        let mut gradients = vec![None; model.parameters().len()];
        model.classifier_backward(dlogits, kept, &mut gradients);
        let mut worst = 0f64;
        for (slot, gradient) in model.layout().slots.iter().zip(&gradients) {
            let gradient = values(gradient.as_ref().unwrap());
            let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            // A step along the gradient, and how much the statement's loss changes by it.
            let moved = |step: f64| {
                let mut weights = before.clone();
                let data = &mut weights.tensors.get_mut(&slot.name).unwrap().data;
                data.iter_mut().zip(&gradient).for_each(|(p, g)| *p += (step * f64::from(*g) / norm.max(1e-3)) as f32);
                weights
            };
            let ends = [STEP, -STEP].map(moved);
            let value = |weights| loss(&Statement { config: &config, weights }.logits(&batch, &mask), &batch.labels);
            let found = value(&ends[0]) - value(&ends[1]);
            let [plus, minus] = [0, 1].map(|end: usize| &ends[end].tensors[&slot.name].data);
            let terms = plus.iter().zip(minus).zip(&gradient);
            let expected: f64 = terms.map(|((a, b), g)| (f64::from(*a) - f64::from(*b)) * f64::from(*g)).sum();
            let error = (found - expected).abs() / expected.abs().max(2e-3 * STEP);
            worst = worst.max(error);
            assert!(error < 1e-4, "{kernels:?} {}: {found:e} against {expected:e}", slot.name);
        }
        println!("{kernels:?}: slopes with dropout on differ by {worst:.1e}");
    }
}

/// Every place draws its own mask, in the order of the forward pass, from the stream of the seed and step.
#[test]
fn every_place_has_a_mask_of_its_own() {
    let model = classifier(Kernels::Host);
    let own = rates(0.5, 0.5, 0.5);
    let (_, kept) = model.logits(&batch(), &mut Dropout::new(own, 8, 3, &cpu()), true).unwrap();
    let kept = kept.unwrap();
    let masks = PLACES.map(|place| factors(mask_at(&kept, place), 256));
    let mut again = Dropout::new(own, 8, 3, &cpu());
    for (number, (place, mask)) in PLACES.iter().zip(&masks).enumerate() {
        let drawn = Kernels::Host.mask(0.5, [1, 256], &mut again, &cpu());
        assert_eq!(*mask, factors(&drawn, 256), "{place:?}");
        assert!(masks[number + 1..].iter().all(|other| other != mask), "{place:?}");
    }
    for (seed, step) in [(9, 3), (8, 4)] {
        let drawn = Kernels::Host.mask(0.5, [1, 256], &mut Dropout::new(own, seed, step, &cpu()), &cpu());
        assert_ne!(masks[0], factors(&drawn, 256));
    }
}

/// The share of dropped values, over all and by column, is the rate, and the rest is scaled so that the mean stays.
#[test]
fn rate_and_scale_are_right_over_many_draws() {
    const ROWS: usize = 4096;
    const COLUMNS: usize = 64;
    for kernels in BOTH {
        for rate in [0.01, 0.1, 0.3, 0.5, 0.9] {
            let _alone = (kernels == Kernels::Device).then(|| device_seeded(77));
            let mut dropout = Dropout::new(rates(rate, 0.0, 0.0), 5, 1, &cpu());
            let mut draw = || factors(&kernels.mask(rate, [ROWS, COLUMNS], &mut dropout, &cpu()), ROWS * COLUMNS);
            let (first, second) = (draw(), draw());
            let within = |what: &str, count: usize, of: usize, share: f64| {
                let (mean, deviation) = (of as f64 * share, (of as f64 * share * (1.0 - share)).sqrt());
                let far = (count as f64 - mean).abs() / deviation;
                // Some 700 counts are looked at: 6 deviations happen by chance once in a million runs of the test.
                assert!(far < 6.0, "{kernels:?} rate {rate} {what}: {count} of {of}, {far:.1} deviations off");
            };
            let dropped = |mask: &[f32]| mask.iter().filter(|factor| **factor == 0.0).count();
            within("all", dropped(&first), first.len(), rate);
            for column in 0..COLUMNS {
                let column: Vec<f32> = first.iter().skip(column).step_by(COLUMNS).copied().collect();
                within("a column", dropped(&column), ROWS, rate);
            }
            let both = first.iter().zip(&second).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
            within("two masks", both, first.len(), rate * rate);
            let neighbours = first.windows(2).filter(|pair| pair[0] == 0.0 && pair[1] == 0.0).count();
            assert!((neighbours as f64 / first.len() as f64 - rate * rate).abs() < 0.01);
            let scale = (1.0 / (1.0 - rate)) as f32;
            let kept = |factor: &&f32| **factor != 0.0;
            assert!(first.iter().filter(kept).all(|factor| (factor / scale - 1.0).abs() < 1e-6));
        }
    }
}
