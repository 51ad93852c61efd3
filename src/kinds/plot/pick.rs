//! Which models a figure shows.

use toml::Spanned;

use crate::kinds::expand::Expander;
use crate::kinds::models::{Member, Model};
use crate::kinds::references::References;
use crate::study::Diagnostic;
use crate::study::words::ModelRef;

/// All of them where nothing is said.
#[derive(Debug, Default)]
pub struct Pick(pub Option<Vec<Spanned<ModelRef>>>);

impl Pick {
    pub fn references(&self, to: &mut References<'_>) {
        self.0.iter().flatten().for_each(|model| to.model(model, false));
    }

    /// The places of those that are picked among a figure's models.
    ///
    /// # Errors
    /// One that is picked is not there.
    pub fn of(&self, models: &[Member], from: &Expander<'_>) -> Result<Vec<usize>, Diagnostic> {
        self.places_of(models.len(), |place, model| models[place].here().is_some_and(|own| own.is(model)), from)
    }

    /// The same among runs, whatever the checkpoint; of each, the step that makes it.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_runs(&self, steps: &[Option<usize>], from: &Expander<'_>) -> Result<Vec<usize>, Diagnostic> {
        self.places_of(steps.len(), |place, model| steps[place] == Some(model.step), from)
    }

    fn places_of(
        &self,
        count: usize,
        is: impl Fn(usize, &Model) -> bool,
        from: &Expander<'_>,
    ) -> Result<Vec<usize>, Diagnostic> {
        let Some(references) = &self.0 else { return Ok((0..count).collect()) };
        let mut picked = Vec::new();
        for reference in references {
            for model in from.models(std::slice::from_ref(reference)) {
                let Some(place) = (0..count).find(|place| is(*place, &model)) else {
                    let name = from.name(&Member::Here(model));
                    let message = format!("the model `{name}` is not among those that this figure is of");
                    let help = "`models` picks some of the models that the figure would show without it";
                    return Err(Diagnostic::new(message, reference.span()).help(help));
                };
                picked.push(place);
            }
        }
        picked.sort_unstable();
        picked.dedup();
        Ok(picked)
    }

    /// The same, where something is picked: an absent list is all of them, and stands in no key.
    pub fn places(&self, picked: &[usize]) -> Option<Vec<usize>> {
        self.0.as_ref().map(|_| picked.to_vec())
    }
}

/// The models at some places.
pub fn at(places: &[usize], models: &[Member]) -> Vec<Member> {
    places.iter().map(|place| models[*place].clone()).collect()
}

/// The numbers at these places, or all of them.
pub fn kept<T: Clone>(places: Option<&[usize]>, values: &[T]) -> Option<Vec<T>> {
    places.map_or(Some(values.to_vec()), |places| places.iter().map(|place| values.get(*place).cloned()).collect())
}
