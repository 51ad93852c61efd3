//! Pairs and triples of models, as tables name them.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::study::{Checker, Diagnostic, Shape, Shaped};

/// All of whose pairs are measured: half a million lines.
const MOST_MODELS: usize = 1000;

/// `"all"`, or `[[7, 22], [7, 31]]` by the models' labels.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "\"all\", or a list of pairs such as [[7, 22], [7, 31]]")]
pub enum RawPairs {
    Named(String),
    Seeds(Vec<[u64; 2]>),
    Labels(Vec<[String; 2]>),
}

pub const ALL: &str = "all";
pub const HELP: &str = "write \"all\" or a list such as [[7, 22], [7, 31]]";

/// `[[7, 22, 31], [7, 22, 40]]` by the models' labels, the anchor of each plane first.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a list of planes through three models each, such as [[7, 22, 31], [7, 22, 40]]")]
pub enum RawPlanes {
    Seeds(Vec<[u64; 3]>),
    Labels(Vec<[String; 3]>),
}

impl Shaped for RawPairs {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::words(&[ALL]), Vec::<[u64; 2]>::shape(), Vec::<[String; 2]>::shape()])
    }
}

impl Shaped for RawPlanes {
    fn shape() -> Shape {
        Shape::Either(vec![Vec::<[u64; 3]>::shape(), Vec::<[String; 3]>::shape()])
    }
}

/// By labels; all pairs without.
pub fn check_pairs(raw: Option<Spanned<RawPairs>>, checker: &mut Checker) -> Option<Option<Spanned<Vec<[String; 2]>>>> {
    let Some(pairs) = raw else { return Some(None) };
    let span = pairs.span();
    let list = match pairs.into_inner() {
        RawPairs::Named(all) if all == ALL => None,
        RawPairs::Named(other) => {
            let message = format!("`{other}` is not a set of pairs");
            return checker.fail(Diagnostic::new(message, span).help(HELP));
        }
        RawPairs::Seeds(list) => Some(list.iter().map(|pair| pair.map(|seed| seed.to_string())).collect()),
        RawPairs::Labels(list) => Some(list),
    };
    Some(list.map(|list| Spanned::new(span, list)))
}

/// Every pair once.
///
/// # Errors
/// Too many models.
pub fn all_pairs(models: usize, at: Range<usize>) -> Result<Vec<[usize; 2]>, Diagnostic> {
    if models > MOST_MODELS {
        let message = format!("all pairs of {models} models are too many: at most {MOST_MODELS} models are taken");
        return Err(Diagnostic::new(message, at).help("name fewer models, or list `pairs`"));
    }
    Ok((0..models).flat_map(|i| (i + 1..models).map(move |j| [i, j])).collect())
}
