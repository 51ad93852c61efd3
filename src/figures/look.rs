//! What a study may say of how a figure looks, whatever its kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::colormap::Colours;
use super::ink::Ink;
use super::style;

/// Everything that is left out is as the house has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    #[serde(skip_serializing_if = "is_default")]
    pub x: AxisLook,
    #[serde(skip_serializing_if = "is_default")]
    pub y: AxisLook,
    /// Of groups, `#rrggbb`, again from the first where they are too few.
    #[serde(skip_serializing_if = "is_default")]
    pub palette: Vec<String>,
    /// Of values.
    #[serde(skip_serializing_if = "is_default")]
    pub colours: Colours,
    /// The range of values that colours show; what lies beyond gets the colour of an open end.
    #[serde(skip_serializing_if = "is_default")]
    pub clip: [Option<f64>; 2],
    /// Groups or models; what is not named follows.
    #[serde(skip_serializing_if = "is_default")]
    pub order: Vec<String>,
    /// Other words for stages, groups and models.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// The letters of an SVG are text in the reader's font, not outlines.
    #[serde(skip_serializing_if = "is_default")]
    pub svg_text: bool,
    /// What speaks against the clusters of the figure: they are then drawn as a guess.
    #[serde(skip)]
    pub doubt: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AxisLook {
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// Either end may be left to the data.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: [Option<f64>; 2],
    #[serde(skip_serializing_if = "is_default")]
    pub log: bool,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl AxisLook {
    pub(super) fn name<'a>(&'a self, own: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(own)
    }
}

impl Look {
    /// As the house has it all.
    pub fn is_plain(&self) -> bool {
        is_default(self)
    }

    pub(super) fn colour(&self, group: usize) -> Ink {
        let given = (!self.palette.is_empty()).then(|| Ink::hex(&self.palette[group % self.palette.len()]));
        given.flatten().unwrap_or_else(|| style::colour(group))
    }

    /// Words for a text that may be anybody's, such as a value of the data.
    pub(super) fn words(&self, text: &str) -> String {
        self.labels.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }

    /// What a stage, group or model is called; a model by the words for its stage and for each of its values.
    pub fn named(&self, name: &str) -> String {
        self.named_with(name, "/")
    }

    /// The same of what several models have in common.
    pub(super) fn shared(&self, name: &str) -> String {
        self.named_with(name, ", ")
    }

    fn named_with(&self, name: &str, between: &str) -> String {
        let words = |part: &str| self.labels.get(part).cloned().unwrap_or_else(|| spelled(part));
        let parts = || name.split('/').map(words).collect::<Vec<_>>().join(between);
        self.labels.get(name).cloned().unwrap_or_else(parts)
    }

    /// The same of a stage, which has spaces where its name has underscores.
    pub fn stage(&self, name: &str) -> String {
        self.labels.get(name).cloned().unwrap_or_else(|| name.replace('_', " "))
    }

    /// `cluster 0`, or the words for it.
    pub(super) fn cluster(&self, number: usize) -> String {
        self.named(&format!("cluster {number}"))
    }

    /// Places in the order that is asked for; a model counts as its stage where that is named.
    pub fn sort<T>(&self, items: &mut [T], name: impl Fn(&T) -> String) {
        if !self.order.is_empty() {
            items.sort_by_cached_key(|item| self.rank(&name(item)));
        }
    }

    fn rank(&self, name: &str) -> usize {
        let place = |name: &str| self.order.iter().position(|other| other == name);
        let parts = || name.split('/').filter_map(place).min();
        place(name).or_else(parts).unwrap_or(self.order.len())
    }
}

/// `learning rate 2e−4` for `learning_rate=2e-4`.
pub(super) fn spelled(part: &str) -> String {
    match part.split_once('=') {
        Some((key, value)) => format!("{} {}", key.replace('_', " "), value_of(value)),
        None => part.to_owned(),
    }
}

/// A number has a minus sign and no hyphen.
pub(super) fn value_of(value: &str) -> String {
    if value.parse::<f64>().is_ok() { value.replace('-', "−") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look() -> Look {
        Look {
            labels: BTreeMap::from([("low".to_owned(), "lr 5e-5".to_owned())]),
            order: vec!["b".to_owned(), "high/2".to_owned(), "low".to_owned()],
            palette: vec!["#010203".to_owned()],
            ..Look::default()
        }
    }

    #[test]
    fn stages_groups_and_models_have_other_words() {
        assert_eq!(
            ["low", "low/3", "high/3", "lower"].map(|name| look().named(name)),
            ["lr 5e-5", "lr 5e-5/3", "high/3", "lower"]
        );
        assert_eq!([look().stage("low"), look().stage("in_domain")], ["lr 5e-5", "in domain"]);
        let mut look = look();
        assert_eq!(look.named("low/learning_rate=2e-4/7"), "lr 5e-5/learning rate 2e−4/7");
        assert_eq!(look.shared("low/learning_rate=2e-4"), "lr 5e-5, learning rate 2e−4");
        assert_eq!(look.named("within model=bert-base"), "within model bert-base");
        look.labels.insert("learning_rate=2e-4".to_owned(), "high".to_owned());
        assert_eq!(look.named("learning_rate=2e-4/7"), "high/7");
    }

    #[test]
    fn what_is_named_comes_first() {
        let mut names = ["a", "high/1", "low/0", "high/2", "b", "low/1"];
        look().sort(&mut names, |name| (*name).to_owned());
        assert_eq!(names, ["b", "high/2", "low/0", "low/1", "a", "high/1"]);
    }

    #[test]
    fn a_plain_look_is_nothing_in_a_key() {
        assert_eq!(serde_json::to_string(&Look::default()).unwrap(), "{}");
        assert!(Look { doubt: None, ..Look::default() }.is_plain() && !look().is_plain());
        assert_eq!((look().colour(5).rgb, Look::default().colour(0)), ((1, 2, 3), style::colour(0)));
    }
}
