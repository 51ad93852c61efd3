//! What stands along an axis of models: what they have in common once for all that have it, the rest once each.

use std::ops::Range;

use super::look::{Look, spelled, value_of};

/// Models along an axis.
#[derive(Debug, PartialEq)]
pub(super) struct Names {
    /// What the labels are.
    pub axis: String,
    /// One for each model.
    pub labels: Vec<String>,
    /// Neighbours of one stage and checkpoint, where there are several such groups.
    pub groups: Vec<(Range<usize>, String)>,
}

impl Names {
    /// Of models in the order in which they stand: `7`, `low/7`, `7@125`, `low/7@125`, `learning_rate=2e-4/7`.
    pub fn of(models: &[String], look: &Look) -> Names {
        let parts: Vec<Parts<'_>> = models.iter().map(|model| Parts::of(model)).collect();
        let plain = |axis: &str, labels: Vec<String>| Names { axis: axis.to_owned(), labels, groups: Vec::new() };
        // Beside groups of checkpoints, the last one has a name too.
        let checkpoints = parts.iter().any(|part| part.checkpoint.is_some());
        let Some(first) = parts.first() else { return plain("model", Vec::new()) };
        // One run at several checkpoints.
        if models.len() > 1 && parts.iter().all(|part| (part.stage, part.own) == (first.stage, first.own)) {
            let label = |part: &Parts<'_>| part.checkpoint.unwrap_or("last").to_owned();
            return plain("checkpoint (training step)", parts.iter().map(label).collect());
        }
        let mut groups: Vec<(Range<usize>, String)> = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            match groups.last_mut() {
                Some((range, _)) if parts[range.start].shared() == part.shared() => range.end = number + 1,
                _ => groups.push((number..number + 1, part.title(look, checkpoints))),
            }
        }
        let mut distinct: Vec<_> = parts.iter().map(Parts::shared).collect();
        distinct.sort_unstable();
        distinct.dedup();
        // Groups that are torn apart by the order, or of one each, would say nothing that the names do not.
        if distinct.len() != groups.len() || (groups.len() > 1 && groups.len() == models.len()) {
            let values = values(models, look);
            return values.unwrap_or_else(|| plain("model", models.iter().map(|model| look.named(model)).collect()));
        }
        let seeds = parts.iter().all(|part| part.own.parse::<u64>().is_ok());
        if let (None, Some(values)) = (first.stage, values(models, look)) {
            return values;
        }
        let own = if seeds { "seed" } else { "model" };
        let axis = match (groups.len(), first.title(look, checkpoints)) {
            (1, title) if title.is_empty() => own.to_owned(),
            (1, title) => format!("{own} ({title})"),
            _ => own.to_owned(),
        };
        let labels = parts
            .iter()
            .zip(models)
            .map(|(part, model)| if seeds { part.own.to_owned() } else { part.own(model, look) });
        Names { axis, labels: labels.collect(), groups: if groups.len() > 1 { groups } else { Vec::new() } }
    }
}

/// What single models are called where no axis says what the names are: the names, and for a legend what they are, where
/// the models are told apart by values.
pub(super) fn short(models: &[String], look: &Look) -> (Vec<String>, Option<String>) {
    match values(models, look) {
        Some(names) => (names.labels, Some(format!("models by {}", names.axis))),
        None => (models.iter().map(|model| look.named(model)).collect(), None),
    }
}

/// Where all models differ on the same axes, which are then named once: `2e−4/7` beside `learning rate/seed`.
fn values(models: &[String], look: &Look) -> Option<Names> {
    let keys = |model: &String| {
        let key = |part: &str| part.split_once('=').map(|(key, _)| key.to_owned());
        model.split('/').map(key).collect::<Vec<Option<String>>>()
    };
    let first = keys(models.first()?);
    let alike = first.iter().any(Option::is_some) && models.iter().all(|model| keys(model) == first);
    let last_is_seed = |model: &String| model.rsplit('/').next().is_some_and(|last| last.parse::<u64>().is_ok());
    // Only a seed may stand last without a key.
    let named = first.iter().rev().skip(1).all(Option::is_some);
    if !alike || !named || (first.last()?.is_none() && !models.iter().all(last_is_seed)) {
        return None;
    }
    let words = |part: &str| {
        let known = look.labels.get(part).cloned();
        known.unwrap_or_else(|| part.split_once('=').map_or(part.to_owned(), |(_, value)| value_of(value)))
    };
    let label = |model: &String| {
        let own = look.labels.get(model).cloned();
        own.unwrap_or_else(|| model.split('/').map(words).collect::<Vec<_>>().join("/"))
    };
    let axis = first.into_iter().map(|key| key.map_or("seed".to_owned(), |key| spelled(&key).replace('_', " ")));
    let axis = axis.collect::<Vec<_>>().join("/");
    Some(Names { axis, labels: models.iter().map(label).collect(), groups: Vec::new() })
}

struct Parts<'a> {
    stage: Option<&'a str>,
    own: &'a str,
    checkpoint: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(model: &'a str) -> Parts<'a> {
        let (stage, rest) = model.rsplit_once('/').map_or((None, model), |(stage, rest)| (Some(stage), rest));
        let (own, checkpoint) = rest.split_once('@').map_or((rest, None), |(own, step)| (own, Some(step)));
        Parts { stage, own, checkpoint }
    }

    fn shared(&self) -> (Option<&'a str>, Option<&'a str>) {
        (self.stage, self.checkpoint)
    }

    /// `low`, `@125`, `low@125`
    fn title(&self, look: &Look, checkpoints: bool) -> String {
        let stage = self.stage.map_or(String::new(), |stage| look.shared(stage));
        match self.checkpoint.or(checkpoints.then_some("last")) {
            Some(step) => format!("{stage}@{step}"),
            None => stage,
        }
    }

    /// A model without a number may have words of its own.
    fn own(&self, model: &str, look: &Look) -> String {
        look.labels.get(model).cloned().unwrap_or_else(|| look.named(self.own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(models: &[&str]) -> Names {
        Names::of(&models.iter().map(|model| (*model).to_owned()).collect::<Vec<_>>(), &Look::default())
    }

    #[test]
    fn an_axis_is_called_after_what_it_shows() {
        for (models, axis, labels) in [
            (&["0", "1", "2"][..], "seed", &["0", "1", "2"][..]),
            (&["7@125", "8@125"], "seed (@125)", &["7", "8"]),
            (&["7@125", "7@250", "7"], "checkpoint (training step)", &["125", "250", "last"]),
            (&["h0o0", "h0o1"], "model", &["h0o0", "h0o1"]),
            (&["low/0", "low/1", "high/0", "high/1"], "seed", &["0", "1", "0", "1"]),
            // Ordered by something else: whose seed it is has to stand at each.
            (&["low/0", "high/0", "low/1", "high/1"], "model", &["low/0", "high/0", "low/1", "high/1"]),
            (&["bert", "roberta"], "model", &["bert", "roberta"]),
            (&["learning_rate=2e-4/0", "learning_rate=2e-4/1"], "seed (learning rate 2e−4)", &["0", "1"]),
            (
                &["epochs=3/learning_rate=2e-4/0", "epochs=6/learning_rate=2e-4/0", "epochs=3/learning_rate=5e-5/1"],
                "epochs/learning rate/seed",
                &["3/2e−4/0", "6/2e−4/0", "3/5e−5/1"],
            ),
            (&["learning_rate=2e-4/0", "learning_rate=2e-4/1", "learning_rate=5e-5/0"], "seed", &["0", "1", "0"]),
            (&["hidden=64", "hidden=128"], "hidden", &["64", "128"]),
            (&["model=a-b/h0o1", "model=c/h0o1"], "model", &["model a-b/h0o1", "model c/h0o1"]),
        ] {
            let found = names(models);
            assert_eq!(
                (found.axis.as_str(), found.labels.iter().map(String::as_str).collect::<Vec<_>>()),
                (axis, labels.to_vec())
            );
        }
    }

    #[test]
    fn neighbours_of_one_stage_and_checkpoint_are_a_group() {
        let groups = names(&["0@125", "1@125", "0", "1"]).groups;
        assert_eq!(groups, [(0..2, "@125".to_owned()), (2..4, "@last".to_owned())]);
        let groups = names(&["low/0", "low/1", "high/0"]).groups;
        assert_eq!(groups, [(0..2, "low".to_owned()), (2..3, "high".to_owned())]);
        assert!(names(&["0", "1"]).groups.is_empty());
        let models = ["epochs=3/0", "epochs=6/0"].map(str::to_owned);
        let by = Some("models by epochs/seed".to_owned());
        assert_eq!(short(&models, &Look::default()), (vec!["3/0".to_owned(), "6/0".to_owned()], by));
        let groups = names(&["q/learning_rate=2e-4/0", "q/learning_rate=2e-4/1", "q/learning_rate=5e-5/0"]).groups;
        assert_eq!(groups, [(0..2, "q, learning rate 2e−4".to_owned()), (2..3, "q, learning rate 5e−5".to_owned())]);
    }
}
