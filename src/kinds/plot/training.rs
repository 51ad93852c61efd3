//! `kind = "training"`: the loss over the training of all models of a fine-tune or pre-training.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{groups, parts};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture};
use super::pick::Pick;
use super::raw::RawPlot;
use crate::data::read_parquet;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Look, Training, TrainingRun, Width};
use crate::kinds::expand::Expander;
use crate::kinds::models::{Made, Member, Model};
use crate::kinds::references::References;
use crate::kinds::training::{TRAINING_LOG, TrainingLog};
use crate::kinds::{finetune, pretrain};
use crate::study::Checker;
use crate::study::words::{Apart, Checkpoint};
use crate::train::MOST_STEPS;

pub const FIGURE: FigureKind = FigureKind {
    name: "training",
    about: "The loss of all seeds in training, above the learning rate.",
    example: "[plot.training]\nkind = \"training\"\nof = \"qqp\"\n",
    needs: &[],
    told_by: None,
    tag: "training",
    keys: &["smooth", "group_by", "limits", "log"],
    limits: &["x", "y"],
    log: &["x", "y"],
    colours_are_values: false,
    read,
    draw,
};

/// `log:I`: that of number I of the models.
const LOG: Role<TrainingLog> = Role::new("log");
/// Steps over which a training curve is averaged where the file gives no number: a fiftieth of the run, and not more
/// than what tables average over.
const PARTS: usize = 50;
const MOST: usize = 50;
/// Points of one training curve: more could not be told apart at print size.
const POINTS: usize = 300;

#[derive(Debug)]
struct TrainingSpec {
    of: Spanned<String>,
    smooth: Option<usize>,
    /// By all keys with lists of values where there is none.
    group_by: Option<Spanned<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "training")]
struct Parameters {
    /// Chosen from the length of the run where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    smooth: Option<usize>,
    models: Vec<String>,
    /// Of each model, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[finetune::KIND, pretrain::KIND], checker)?;
    raw.smooth.iter().for_each(|smooth| checker.positive(smooth, "smooth", MOST_STEPS));
    Some(Box::new(TrainingSpec {
        of,
        smooth: raw.smooth.as_ref().map(|one| *one.get_ref()),
        group_by: raw.group_by(checker)?,
    }))
}

impl Figure for TrainingSpec {
    fn references(&self, to: &mut References<'_>) {
        if !to.is_there(self.of.get_ref(), pretrain::KIND) {
            to.named(&self.of, finetune::KIND);
        }
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(maker) = from.maker(self.of.get_ref()) else { return Ok(None) };
        let all: Vec<&Made> = maker.made.iter().filter(|made| !from.leaves_out(made.step)).collect();
        let makers: Vec<Option<usize>> = all.iter().map(|made| Some(made.step)).collect();
        let shown: Vec<&Made> = pick.of_runs(&makers, from)?.iter().map(|place| all[*place]).collect();
        let numbered = shown.iter().enumerate();
        let inputs = numbered.map(|(number, made)| Input::new(&LOG.of(number), made.step, &TRAINING_LOG)).collect();
        let apart = Apart::of(shown.iter().map(|made| &made.coordinates));
        let name = |made: &Made| made.coordinates.label(&apart).unwrap_or_else(|| maker.name.clone());
        let models = shown.iter().map(|made| name(made)).collect();
        let groups = match &self.group_by {
            Some(axis) => {
                let model = |made: &&Made| {
                    Member::Here(Model { label: name(made), step: made.step, checkpoint: Checkpoint::Last })
                };
                groups(axis, &shown.iter().map(model).collect::<Vec<_>>(), from)?
            }
            None => {
                let all: Vec<String> = shown.iter().map(|made| made.coordinates.values(&apart).join("/")).collect();
                if all.iter().all(String::is_empty) { Vec::new() } else { all }
            }
        };
        let named: Vec<String> = groups.iter().flat_map(|group| group.split('/').map(str::to_owned)).collect();
        let mut drawing = Drawing::new(&Parameters { smooth: self.smooth, models, groups }, inputs).naming_all(named);
        drawing.names.extend(shown.iter().map(|made| (name(made), maker.model(&made.coordinates))));
        Ok(Some(drawing))
    }
}

fn draw(parameters: Value, _: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { smooth, models, groups } = serde_json::from_value(parameters)?;
    let (groups, group_of) = parts(&groups);
    let mut shortest = usize::MAX;
    // Only runs of different groups may be of different lengths, and all are averaged over equally many steps.
    for number in (0..models.len()).filter(|_| groups.len() > 1) {
        shortest = shortest.min(read_parquet(&context.bytes(&LOG.of(number))?)?.height());
    }
    let mut window = 1;
    let mut runs = Vec::with_capacity(models.len());
    for (number, name) in models.iter().enumerate() {
        let log = read_parquet(&context.bytes(&LOG.of(number))?)?;
        let losses: Vec<f64> = log.column("loss")?.f64()?.iter().map(|loss| loss.unwrap_or(f64::NAN)).collect();
        let steps: Vec<u64> = log.column("step")?.u64()?.iter().map(|step| step.unwrap_or(0)).collect();
        let rates: Vec<f64> = log.column("learning_rate")?.f64()?.iter().map(|rate| rate.unwrap_or(f64::NAN)).collect();
        window = windowed(smooth, losses.len().min(shortest));
        let (places, losses) = smoothed(&losses, window, POINTS);
        runs.push(TrainingRun {
            name: name.clone(),
            steps: places.iter().map(|at| steps[*at]).collect(),
            losses,
            rates: places.iter().map(|at| rates[*at]).collect(),
            group: group_of.get(number).copied().unwrap_or(0),
        });
        context.progress(number + 1, models.len());
    }
    if let Some(asked) = smooth.filter(|asked| *asked > window) {
        context
            .note(&format!("`smooth` is {window} instead of {asked}: a longer mean would flatten runs of this length"));
    }
    let y_label = match window {
        1 => "training loss (nats)".to_owned(),
        _ => format!("training loss (nats), mean of {window} steps"),
    };
    let x_label = "training step".to_owned();
    Ok(Box::new(Training { runs, groups, x_label, y_label, title: None, width: Width::Column, look: Look::default() }))
}

/// Over how many steps a run of this length is averaged. A window of more than a fifth of it would draw flat lines.
fn windowed(asked: Option<usize>, steps: usize) -> usize {
    asked.map_or((steps / PARTS).min(MOST), |asked| asked.min(steps / 5)).max(1)
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
    fn a_window_follows_the_length_of_the_run_and_leaves_its_shape() {
        for (asked, steps, window) in [
            (None, 34_110, 50),
            (None, 375, 7),
            (None, 8, 1),
            (None, 0, 1),
            (Some(50), 8, 1),
            (Some(50), 100, 20),
            (Some(50), 34_110, 50),
            (Some(1), 8, 1),
        ] {
            assert_eq!(windowed(asked, steps), window, "{asked:?} of {steps}");
        }
    }

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
