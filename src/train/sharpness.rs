//! ε-sharpness: how far one pass of gradient ascent can raise a model's loss inside a small box around its weights.

use super::TrainError;
use super::head::below;
use super::snapshot::{RunShape, SavedState, TrainingState};
use crate::data::{Encoded, collate};
use crate::model::{Dropout, DropoutRates, Matrix, Transformer};
use crate::words::words;
use burn::tensor::{Tensor, TensorData};
use std::ops::ControlFlow;

words! {
    /// How far each parameter may move from its value w.
    pub enum BoxShape {
        /// ε·|w + 1|, as in the code of the published study.
        Published = "published",
        /// ε·(|w| + 1), as Keskar et al. (2017) define it.
        Keskar = "keskar",
    }
}

impl BoxShape {
    fn reach(self, value: &Matrix, epsilon: f64) -> Matrix {
        match self {
            Self::Published => (value.clone() + 1.0).abs() * epsilon,
            Self::Keskar => (value.clone().abs() + 1.0) * epsilon,
        }
    }
}

/// One ascent.
pub struct SharpnessJob<'a> {
    /// With the form of GELU that the ascent is to use; it is left as it is.
    pub model: &'a Transformer,
    /// Taken in their order, in batches of `batch_size`; the last batch may be smaller.
    pub examples: &'a [Encoded],
    /// The model's output that is right for each example.
    pub targets: &'a [u32],
    pub epsilon: f64,
    pub shape: BoxShape,
    /// Only so many parameters move, drawn without replacement; all of them where it is `None`.
    pub directions: Option<usize>,
    pub learning_rate: f64,
    pub batch_size: usize,
    pub dropout: DropoutRates,
    /// Of the dropout (a stream a step) and of the directions, which are the same for all models of one size.
    pub seed: u64,
}

impl SharpnessJob<'_> {
    pub fn steps(&self) -> usize {
        self.examples.len().div_ceil(self.batch_size)
    }

    /// What a state to go on from must fit.
    pub fn shape(&self) -> RunShape {
        let parameters = self.model.parameters().iter().map(|p| p.dims()).collect();
        RunShape { steps: self.steps(), parameters, moments: false }
    }
}

/// `100·(after − before)/(1 + before)`, which is negative where the loss fell.
pub fn sharpness(before: f64, after: f64) -> f64 {
    100.0 * (after - before) / (1.0 + before)
}

/// The model after one pass of plain gradient ascent on the mean cross-entropy of each batch, every parameter clipped
/// to its box after every step. `on_step` gets the number of steps done and the loss of the step's batch.
///
/// # Errors
/// No examples, as many targets as examples not given, more directions than parameters, tokens or targets that the
/// model cannot take, or a loss that is not finite.
pub fn ascend(job: &SharpnessJob<'_>, on_step: &mut dyn FnMut(usize, f64)) -> Result<Transformer, TrainError> {
    ascend_from(job, None, &mut |ascent| {
        on_step(ascent.state.step, ascent.loss);
        ControlFlow::Continue(())
    })
}

/// An ascent after a step.
#[derive(Debug)]
pub struct Ascent<'a> {
    pub loss: f64,
    pub state: TrainingState<'a>,
}

impl<'a> Ascent<'a> {
    /// The state of a whole ascent, to be kept while its end is evaluated.
    pub fn finished(job: &SharpnessJob<'_>, model: &'a Transformer) -> TrainingState<'a> {
        TrainingState { step: job.steps(), steps: job.steps(), log: &[], model, optimizer: None }
    }
}

/// [`ascend`] from the beginning, or from a state of the same job, which may be its end; `on_step` can stop it.
pub fn ascend_from(
    job: &SharpnessJob<'_>,
    start: Option<SavedState>,
    on_step: &mut dyn FnMut(Ascent<'_>) -> ControlFlow<()>,
) -> Result<Transformer, TrainError> {
    if job.examples.is_empty() || job.examples.len() != job.targets.len() {
        let text =
            format!("{} examples have {} labels, and an ascent needs both", job.examples.len(), job.targets.len());
        return Err(TrainError::Data(text));
    }
    let bounds = Bounds::new(job)?;
    let mut model = job.model.clone();
    let first = start.as_ref().map_or(0, |saved| saved.step);
    if let Some(saved) = start {
        saved.restore(job.steps(), &mut model, None)?;
    }
    for step in first..job.steps() {
        let rows = step * job.batch_size..((step + 1) * job.batch_size).min(job.examples.len());
        let index: Vec<usize> = rows.clone().collect();
        let examples: Vec<&Encoded> = job.examples[rows.clone()].iter().collect();
        let batch = collate(&examples, &job.targets[rows], &index, model.config().pad_token_id);
        let mut dropout = Dropout::new(job.dropout, job.seed, step as u64, model.device());
        let (loss, gradients) = model.loss_and_gradients(&batch, &mut dropout)?;
        for (place, gradient) in gradients.into_iter().enumerate() {
            if let Some(gradient) = gradient {
                let value = model.parameters()[place].clone() + gradient * job.learning_rate;
                model.parameters_mut()[place] = bounds.clip(value, place);
            }
        }
        let loss = f64::from(loss.into_scalar());
        if !loss.is_finite() {
            return Err(TrainError::Ascent { step: step + 1, loss, learning_rate: job.learning_rate });
        }
        let state = TrainingState { step: step + 1, steps: job.steps(), log: &[], model: &model, optimizer: None };
        if on_step(Ascent { loss, state }).is_break() {
            return Err(TrainError::Interrupted { step: step + 1 });
        }
    }
    Ok(model)
}

/// The box: the lowest and highest value of every parameter.
struct Bounds {
    low: Vec<Matrix>,
    high: Vec<Matrix>,
}

impl Bounds {
    fn new(job: &SharpnessJob<'_>) -> Result<Self, TrainError> {
        let mut bounds = Self { low: Vec::new(), high: Vec::new() };
        let mut directions = job.directions.map(|wanted| Directions::new(job, wanted)).transpose()?;
        for value in job.model.parameters() {
            let mut reach = job.shape.reach(value, job.epsilon);
            if let Some(directions) = &mut directions {
                // A parameter that is not drawn has a box of no extent, and stays where it is to the last bit.
                reach = reach * directions.next_mask(value);
            }
            bounds.low.push(value.clone() - reach.clone());
            bounds.high.push(value.clone() + reach);
        }
        Ok(bounds)
    }

    fn clip(&self, value: Matrix, place: usize) -> Matrix {
        value.max_pair(self.low[place].clone()).min_pair(self.high[place].clone())
    }
}

/// Draws parameters without replacement while it walks over all of them once (selection sampling, Knuth's
/// algorithm S), so that a hundred million of them need no list.
struct Directions {
    random: rand_chacha::ChaCha8Rng,
    wanted: usize,
    left: usize,
}

impl Directions {
    fn new(job: &SharpnessJob<'_>, wanted: usize) -> Result<Self, TrainError> {
        let left = job.model.parameters().iter().map(|value| value.dims().iter().product::<usize>()).sum();
        if wanted > left {
            return Err(TrainError::Data(format!("{wanted} directions of a model with {left} parameters")));
        }
        Ok(Self { random: crate::rng::stream("directions", job.seed, 0), wanted, left })
    }

    /// 1 where a parameter is drawn, else 0.
    fn next_mask(&mut self, value: &Matrix) -> Matrix {
        let [rows, columns] = value.dims();
        let mut mask = vec![0.0f32; rows * columns];
        for drawn in &mut mask {
            if below(&mut self.random, self.left) < self.wanted {
                *drawn = 1.0;
                self.wanted -= 1;
            }
            self.left -= 1;
        }
        Tensor::from_data(TensorData::new(mask, [rows, columns]), &value.device())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::logits;
    use super::*;
    use crate::analysis::metrics::Predictions;
    use crate::data::by_length;
    use crate::model::Kernels;
    use crate::model::tests::reference::model;

    #[derive(Deserialize)]
    struct Fixture {
        batch_size: usize,
        seed: u64,
        examples: Vec<Example>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Example {
        input_ids: Vec<i32>,
        token_type_ids: Vec<i32>,
        label: u32,
    }

    #[derive(Deserialize)]
    struct Case {
        shape: BoxShape,
        epsilon: f64,
        learning_rate: f64,
        directions: Option<usize>,
        before: f64,
        after: f64,
        sharpness: f64,
        /// Euclidean, over all parameters.
        moved: f64,
    }

    fn fixture() -> Fixture {
        serde_json::from_str(include_str!("../../tests/reference/sharpness.json")).unwrap()
    }

    fn examples(fixture: &Fixture) -> (Vec<Encoded>, Vec<u32>) {
        let row = |row: &Example| {
            let encoded = Encoded { input_ids: row.input_ids.clone(), token_type_ids: row.token_type_ids.clone() };
            (encoded, row.label)
        };
        fixture.examples.iter().map(row).unzip()
    }

    fn loss(model: &Transformer, examples: &[Encoded], targets: &[u32]) -> f64 {
        let logits = logits(model, &by_length(examples, targets, 64, 0)).unwrap();
        Predictions::new(&logits, 3, targets).unwrap().loss()
    }

    #[test]
    fn the_rise_is_pytorchs() {
        let fixture = fixture();
        let (examples, targets) = examples(&fixture);
        for (number, case) in fixture.cases.iter().enumerate() {
            for kernels in [Kernels::Host, Kernels::Device] {
                let model = model(kernels);
                let job = SharpnessJob {
                    model: &model,
                    examples: &examples,
                    targets: &targets,
                    epsilon: case.epsilon,
                    shape: case.shape,
                    directions: case.directions,
                    learning_rate: case.learning_rate,
                    batch_size: fixture.batch_size,
                    dropout: DropoutRates::OFF,
                    seed: fixture.seed,
                };
                let after = ascend(&job, &mut |_, _| {}).unwrap();
                let found = [loss(&model, &examples, &targets), loss(&after, &examples, &targets)];
                let rise = sharpness(found[0], found[1]);
                let relative = (rise / case.sharpness - 1.0).abs();
                let moved = after.to_weights().distance(&model.to_weights()).unwrap();
                println!(
                    "case {number} {kernels:?}: sharpness {rise:.6e}, off by {relative:.1e}; moved off by {:.1e}",
                    (moved / case.moved - 1.0).abs()
                );
                assert!((found[0] - case.before).abs() < 1e-6 && (found[1] - case.after).abs() < 1e-6);
                // At the published ε the rise is a few 1e-4 of the loss, whose logits are rounded at 1e-7 of them.
                let tolerance = if case.epsilon < 1e-4 { 1e-3 } else { 1e-5 };
                assert!(relative < tolerance, "case {number} {kernels:?}: {rise} against {}", case.sharpness);
                assert!((moved / case.moved - 1.0).abs() < 1e-3, "case {number}: {moved} against {}", case.moved);
            }
        }
    }

    /// A learning rate so high that every parameter with a gradient meets its wall.
    fn far(model: &Transformer, shape: BoxShape, directions: Option<usize>, seed: u64) -> Transformer {
        let fixture = fixture();
        let (examples, targets) = examples(&fixture);
        let job = SharpnessJob {
            model,
            examples: &examples,
            targets: &targets,
            epsilon: 1e-3,
            shape,
            directions,
            learning_rate: 1e4,
            batch_size: 8,
            dropout: DropoutRates { hidden: 0.1, attention: 0.1, classifier: 0.1 },
            seed,
        };
        ascend(&job, &mut |_, _| {}).unwrap()
    }

    fn flat(model: &Transformer) -> Vec<f64> {
        model.parameters().iter().flat_map(|value| value.to_data().to_vec::<f32>().unwrap()).map(f64::from).collect()
    }

    #[test]
    fn no_parameter_leaves_its_box_and_many_reach_its_wall() {
        let model = model(Kernels::Host);
        let start = flat(&model);
        let mut walls = Vec::new();
        for shape in [BoxShape::Published, BoxShape::Keskar] {
            let after = flat(&far(&model, shape, None, 1));
            let reach = |w: f64| match shape {
                BoxShape::Published => 1e-3 * (w + 1.0).abs(),
                BoxShape::Keskar => 1e-3 * (w.abs() + 1.0),
            };
            // The walls themselves are rounded to f32.
            let share = |(w, v): (&f64, &f64)| ((v - w).abs() - 2e-7 * w.abs()) / reach(*w);
            let shares: Vec<f64> = start.iter().zip(&after).map(share).collect();
            assert!(shares.iter().all(|share| *share <= 1.0 + 1e-4), "{shape:?}");
            let at_wall = shares.iter().filter(|share| **share > 0.99).count();
            assert!(at_wall * 4 > shares.len() * 3, "{shape:?}: {at_wall} of {}", shares.len());
            walls.push(after);
        }
        assert_ne!(walls[0], walls[1]);
    }

    #[test]
    fn directions_limit_what_moves() {
        let model = model(Kernels::Host);
        let start = flat(&model);
        let whole = flat(&far(&model, BoxShape::Keskar, None, 1));
        assert_eq!(flat(&far(&model, BoxShape::Keskar, Some(start.len()), 1)), whole);
        assert_eq!(flat(&far(&model, BoxShape::Keskar, Some(0), 1)), start);
        let moved = |seed| -> Vec<usize> {
            let after = flat(&far(&model, BoxShape::Keskar, Some(1000), seed));
            (0..start.len()).filter(|place| after[*place] != start[*place]).collect()
        };
        let first = moved(1);
        assert!((700..=1000).contains(&first.len()), "{}", first.len());
        assert_ne!(first, moved(2));
        // Even over the whole model: half of them in the first half.
        let early = first.iter().filter(|place| **place < start.len() / 2).count() as f64 / first.len() as f64;
        assert!((0.4..0.6).contains(&early), "{early}");
        let fixture = fixture();
        let (examples, targets) = examples(&fixture);
        let job = SharpnessJob {
            model: &model,
            examples: &examples,
            targets: &targets,
            epsilon: 1e-5,
            shape: BoxShape::Published,
            directions: Some(start.len() + 1),
            learning_rate: 1e-3,
            batch_size: 8,
            dropout: DropoutRates::OFF,
            seed: 0,
        };
        assert!(ascend(&job, &mut |_, _| {}).unwrap_err().to_string().contains("directions of a model with"));
        let none = SharpnessJob { examples: &[], targets: &[], directions: None, ..job };
        assert!(ascend(&none, &mut |_, _| {}).is_err());
    }

    #[test]
    fn dropout_depends_on_the_seed_alone() {
        let model = model(Kernels::Host);
        let run = |seed| flat(&far(&model, BoxShape::Published, None, seed));
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
