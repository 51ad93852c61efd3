//! `[eval.x]` and `[interpolate.x]`: which models are measured on which examples.

use std::collections::BTreeMap;

use toml::Spanned;

use super::raw::{RawEval, RawInterpolate, RawMeasure, RawPairs};
use super::validate::Checker;
use super::{DataRef, Diagnostic, Eval, Interpolate, Measurement, ModelRef};
use crate::stages::measure::Metric;

/// The published study evaluates its lines and planes on this many examples.
pub(super) const LINE_EXAMPLES: usize = 512;

pub(super) fn check_eval(measure: RawMeasure, raw: RawEval, checker: &mut Checker) -> Option<Eval> {
    Some(Eval { measure: measure.check(checker)?, by: raw.by.unwrap_or_default() })
}

pub(super) fn check_interpolate(
    measure: RawMeasure,
    raw: RawInterpolate,
    checker: &mut Checker,
) -> Option<Interpolate> {
    if let Some(points) = &raw.points
        && *points.get_ref() < 3
    {
        let message = "`points` counts both end points and must be at least 3 for a barrier to show";
        checker.fail::<()>(Diagnostic::new(message, points.span()));
    }
    let pairs = match raw.pairs {
        None => None,
        Some(pairs) => {
            let span = pairs.span();
            let list = match pairs.into_inner() {
                RawPairs::Named(all) if all == "all" => None,
                RawPairs::Named(other) => {
                    let message = format!("`{other}` is not a set of pairs");
                    checker.fail(
                        Diagnostic::new(message, span.clone())
                            .help("write \"all\" or a list such as [[7, 22], [7, 31]]"),
                    )?
                }
                RawPairs::Seeds(list) => Some(list.iter().map(|pair| pair.map(|seed| seed.to_string())).collect()),
                RawPairs::Labels(list) => Some(list),
            };
            list.map(|list| Spanned::new(span, list))
        }
    };
    let mut measure = measure.check(checker)?;
    measure.examples.get_or_insert(LINE_EXAMPLES);
    Some(Interpolate { measure, points: raw.points.map_or(10, Spanned::into_inner), pairs })
}

impl RawMeasure {
    pub fn check(self, checker: &mut Checker) -> Option<Measurement> {
        let at = self.models.span();
        let models = self.models.into_inner().into_vec();
        if models.is_empty() {
            checker.fail::<()>(Diagnostic::new("`models` is empty: name a stage that makes models", at.clone()));
        }
        let models: Vec<_> = models
            .into_iter()
            .map(|model| checker.parse_text(Spanned::new(at.clone(), model), ModelRef::parse))
            .collect();
        let data = checker.parse_text(self.data, DataRef::parse);
        for (value, name) in [(&self.max_length, "max_length"), (&self.examples, "examples")] {
            value.iter().for_each(|value| checker.positive(value, name));
        }
        let metrics = match self.metrics {
            None => vec!["loss".to_owned(), "accuracy".to_owned()],
            Some(metrics) => metrics
                .into_iter()
                .filter_map(|metric| {
                    checker.one_of(&metric, "metric", Metric::ALL.map(|metric| (metric.name(), ())))?;
                    Some(metric.into_inner())
                })
                .collect(),
        };
        let combine = self.combine.map_or("max".to_owned(), |combine| {
            if !["max", "logsumexp"].contains(&combine.get_ref().as_str()) {
                let message = format!("unknown way `{}` to combine logits", combine.get_ref());
                checker.fail::<()>(
                    Diagnostic::new(message, combine.span()).suggest(combine.get_ref(), ["max", "logsumexp"]),
                );
            }
            combine.into_inner()
        });
        let labels = self.labels.map_or_else(BTreeMap::new, |labels| {
            labels.into_inner().into_iter().map(|(data, model)| (data, model.into_vec())).collect()
        });
        Some(Measurement {
            models: models.into_iter().collect::<Option<_>>()?,
            data: data?,
            metrics,
            max_length: self.max_length.map(Spanned::into_inner),
            labels,
            combine,
            filter: self.filter.unwrap_or_default(),
            permute: self.permute,
            examples: self.examples.map(Spanned::into_inner),
        })
    }
}
