//! `kind = "training"`: the loss over the training of all models of a fine-tune or pre-training.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::raw::RawPlot;
use crate::data::read_parquet;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Training, TrainingRun, Width};
use crate::kinds::expand::Expander;
use crate::kinds::references::References;
use crate::kinds::training::{TRAINING_LOG, TrainingLog};
use crate::kinds::{finetune, pretrain};
use crate::study::Checker;
use crate::study::words::Coordinates;
use crate::train::MOST_STEPS;

pub const FIGURE: FigureKind =
    FigureKind { name: "training", told_by: None, tag: "training", keys: &["smooth"], read, draw };

/// `log:I`: that of number I of the models.
const LOG: Role<TrainingLog> = Role::new("log");
/// Steps over which a training curve is averaged.
const SMOOTH: usize = 50;
/// Points of one training curve: more could not be told apart at print size.
const POINTS: usize = 300;

#[derive(Debug)]
struct TrainingSpec {
    of: Spanned<String>,
    smooth: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "training")]
struct Parameters {
    smooth: usize,
    models: Vec<String>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[finetune::KIND, pretrain::KIND], checker)?;
    raw.smooth.iter().for_each(|smooth| checker.positive(smooth, "smooth", MOST_STEPS));
    Some(Box::new(TrainingSpec { of, smooth: raw.smooth.as_ref().map_or(SMOOTH, |one| *one.get_ref()) }))
}

impl Figure for TrainingSpec {
    fn references(&self, to: &mut References<'_>) {
        if !to.is_there(self.of.get_ref(), pretrain::KIND) {
            to.named(&self.of, finetune::KIND);
        }
    }

    fn expand(&self, from: &Expander<'_>) -> Expanded {
        let Some(maker) = from.maker(self.of.get_ref()) else { return Ok(None) };
        let steps = maker.steps.iter().filter(|(_, step)| !from.leaves_out(*step));
        let numbered = steps.clone().enumerate();
        let inputs = numbered.map(|(number, (_, step))| Input::new(&LOG.of(number), *step, &TRAINING_LOG)).collect();
        let name = |(member, _): &(Coordinates, usize)| member.label().unwrap_or_else(|| maker.name.clone());
        let models = steps.map(name).collect();
        Ok(Some(Drawing::new(&Parameters { smooth: self.smooth, models }, inputs)))
    }
}

fn draw(parameters: Value, title: Option<String>, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { smooth, models } = serde_json::from_value(parameters)?;
    let mut runs = Vec::with_capacity(models.len());
    for (number, name) in models.iter().enumerate() {
        let log = read_parquet(&context.bytes(&LOG.of(number))?)?;
        let losses: Vec<f64> = log.column("loss")?.f64()?.iter().map(|loss| loss.unwrap_or(f64::NAN)).collect();
        let steps: Vec<u64> = log.column("step")?.u64()?.iter().map(|step| step.unwrap_or(0)).collect();
        let rates: Vec<f64> = log.column("learning_rate")?.f64()?.iter().map(|rate| rate.unwrap_or(f64::NAN)).collect();
        let (places, losses) = smoothed(&losses, smooth, POINTS);
        runs.push(TrainingRun {
            name: name.clone(),
            steps: places.iter().map(|at| steps[*at]).collect(),
            losses,
            rates: places.iter().map(|at| rates[*at]).collect(),
        });
        context.progress(number + 1, models.len());
    }
    let y_label = match smooth {
        1 => "training loss (nats)".to_owned(),
        _ => format!("training loss (nats), mean of {smooth} steps"),
    };
    let x_label = "training step".to_owned();
    Ok(Box::new(Training { runs, x_label, y_label, title, width: Width::Column }))
}

/// At most `points` evenly spaced places of `values`, both ends included, and the mean of the `window` values around
/// each; at the ends the window is cut to what is there.
fn smoothed(values: &[f64], window: usize, points: usize) -> (Vec<usize>, Vec<f64>) {
    let n = values.len();
    let count = n.min(points);
    let place = |point: usize| if count < 2 { 0 } else { (point * (n - 1) + (count - 1) / 2) / (count - 1) };
    let places: Vec<usize> = (0..count).map(place).collect();
    let (before, after) = ((window - 1) / 2, window / 2);
    let mean = |at: &usize| {
        let around = &values[at.saturating_sub(before)..(at + after + 1).min(n)];
        around.iter().sum::<f64>() / around.len() as f64
    };
    let means = places.iter().map(mean).collect();
    (places, means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_smoothed_around_their_places_and_thinned() {
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        assert_eq!(smoothed(&values, 1, 100), ((0..10).collect(), values.clone()));
        let (places, means) = smoothed(&values, 3, 4);
        assert_eq!(places, [0, 3, 6, 9]);
        assert_eq!(means, [0.5, 3.0, 6.0, 8.5]);
        let (places, means) = smoothed(&vec![0.25; 36_813], 50, 300);
        assert_eq!((places.len(), places[0], places[299]), (300, 0, 36_812));
        assert!(places.windows(2).all(|two| two[0] < two[1]) && means.iter().all(|mean| *mean == 0.25));
        assert_eq!(smoothed(&[2.0], 50, 300), (vec![0], vec![2.0]));
        assert_eq!(smoothed(&[], 50, 300), (vec![], vec![]));
    }
}
