//! What tells the models of a stage from each other: values on named axes.

use std::collections::BTreeSet;
use std::fmt;

/// Of one stage. Whoever trains more models has mistyped, and a graph of millions of steps does not fit into memory.
pub const MOST_MODELS: usize = 10_000;

/// What models of one stage may differ in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Everything that no other seed decides; also the number of a model that somebody else trained.
    Seed,
    /// The new classifier's weights.
    Head,
    /// The order of the training examples.
    Order,
    Dropout,
    /// A key of the stage that has a list of values.
    Key(String),
}

impl Axis {
    /// As an experiment file names it.
    pub fn name(&self) -> &str {
        match self {
            Self::Seed => "seed",
            Self::Head => "head",
            Self::Order => "order",
            Self::Dropout => "dropout",
            Self::Key(key) => key,
        }
    }

    /// That of a key with a list of values.
    pub fn of_key(key: &str) -> Self {
        if key == Self::Seed.name() { Self::Seed } else { Self::Key(key.to_owned()) }
    }

    fn is_seed(&self) -> bool {
        !matches!(self, Self::Key(_))
    }
}

/// A value on an axis, always written in one way: what is equal is the same text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(String);

impl Value {
    pub fn whole(number: u64) -> Self {
        Self(number.to_string())
    }

    /// The shorter of 0.05 and 5e-2, of 0.0002 and 2e-4; whole numbers as such.
    pub fn number(number: f64) -> Self {
        /// Up to here every whole number is one of 64 bits.
        const WHOLE: f64 = 9e15;
        let (plain, short) = (number.to_string(), format!("{number:e}"));
        match number {
            0.0 => Self("0".to_owned()),
            whole if whole.fract() == 0.0 && whole.abs() < WHOLE => Self(plain),
            _ => Self(if short.len() < plain.len() { short } else { plain }),
        }
    }

    /// A number, or a word.
    pub fn read(text: &str) -> Self {
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
        match (text.parse::<u64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Self::whole(whole),
            (_, Ok(number)) if is_number && number.is_finite() => Self::number(number),
            _ => Self(text.to_owned()),
        }
    }

    /// A word that is written in one way already.
    pub(super) fn word(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a model stands among those of its stage: a value on each axis, or nothing where it is alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coordinates(Vec<(Axis, Value)>);

impl Coordinates {
    pub fn new(values: Vec<(Axis, Value)>) -> Self {
        Self(values)
    }

    pub fn of(axis: Axis, seed: u64) -> Self {
        Self(vec![(axis, Value::whole(seed))])
    }

    pub fn is_alone(&self) -> bool {
        self.0.is_empty()
    }

    pub fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.0.iter().map(|(axis, _)| axis)
    }

    /// The names of axes that are no seeds.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.axes().filter(|axis| !axis.is_seed()).map(Axis::name)
    }

    /// The value on the axis of this name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(axis, _)| axis.name() == name).map(|(_, value)| value)
    }

    pub fn seed(&self, axis: &Axis) -> Option<u64> {
        let (_, seed) = self.0.iter().find(|(own, _)| own == axis)?;
        seed.as_str().parse().ok()
    }

    /// The same on more axes.
    pub fn and(&self, more: &Self) -> Self {
        Self([self.0.as_slice(), &more.0].concat())
    }

    /// Whether it has every one of these values.
    pub fn is_in(&self, outer: &Self) -> bool {
        outer.0.iter().all(|value| self.0.contains(value))
    }

    /// As it is addressed: `seed=7`, `learning_rate=2e-4,seed=7`, `head=0,order=3`
    pub fn instance(&self) -> String {
        let written = |(axis, value): &(Axis, Value)| format!("{}={value}", axis.name());
        self.0.iter().map(written).collect::<Vec<_>>().join(",")
    }

    /// `learning_rate=2e-4` for each key that tells it `apart`.
    pub fn values(&self, apart: &Apart) -> Vec<String> {
        let keys = self.0.iter().filter(|(axis, _)| !axis.is_seed() && apart.0.contains(axis));
        keys.map(|(axis, value)| format!("{}={value}", axis.name())).collect()
    }

    /// `7`, `h0o3`, `learning_rate=2e-4/7`: short enough for the axis of a figure, and only what tells it `apart`.
    pub fn label(&self, apart: &Apart) -> Option<String> {
        let mut parts = self.values(apart);
        let seeds = self.0.iter().filter(|(axis, _)| axis.is_seed()).map(|(axis, seed)| match axis {
            Axis::Seed => seed.to_string(),
            other => format!("{}{seed}", &other.name()[..1]),
        });
        parts.push(seeds.collect());
        parts.retain(|part| !part.is_empty());
        (!parts.is_empty()).then(|| parts.join("/"))
    }

    /// Every combination of one value from each list, the first list changing slowest.
    ///
    /// # Errors
    /// More than `MOST_MODELS` of them.
    pub fn cross(axes: &[(Axis, Vec<Value>)]) -> Result<Vec<Self>, String> {
        let count = axes.iter().try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()));
        if count.is_none_or(|count| count > MOST_MODELS) {
            let what = if axes.iter().all(|(axis, _)| axis.is_seed()) { "seeds" } else { "lists" };
            return Err(format!("crossed, these {what} make more than {MOST_MODELS} models"));
        }
        let mut all = vec![Self::default()];
        for (axis, values) in axes {
            let with = |before: &Self, value: &Value| before.and(&Self(vec![(axis.clone(), value.clone())]));
            all = all.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
        }
        Ok(all)
    }

    /// One of each list at a time: the first of all, the second of all.
    pub fn zip(axes: &[(Axis, Vec<Value>)]) -> Vec<Self> {
        let count = axes.iter().map(|(_, values)| values.len()).min().unwrap_or(0);
        let of = |place: usize| axes.iter().map(|(axis, values)| (axis.clone(), values[place].clone())).collect();
        (0..count).map(of).map(Self).collect()
    }
}

/// Axes on which some models do not all have the same value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Apart(BTreeSet<Axis>);

impl Apart {
    pub fn of<'a>(models: impl IntoIterator<Item = &'a Coordinates>) -> Self {
        let mut models = models.into_iter();
        let Some(first) = models.next() else { return Self::default() };
        let mut apart = BTreeSet::new();
        for model in models {
            apart.extend(model.0.iter().filter(|value| !first.0.contains(value)).map(|(axis, _)| axis.clone()));
        }
        Self(apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(seeds: &[u64]) -> Vec<Value> {
        seeds.iter().map(|seed| Value::whole(*seed)).collect()
    }

    #[test]
    fn a_value_is_written_in_one_way() {
        for (texts, written) in [
            (&["2e-4", "0.0002", "2E-04", "0.00020", "+2e-4"][..], "2e-4"),
            (&["3", "3.0", "03", "0.3e1"], "3"),
            (&["0.1", "1e-1", ".1"], "0.1"),
            (&["0.05", "5e-2"], "0.05"),
            (&["0.001", "1e-3"], "1e-3"),
            (&["1000", "1e3"], "1000"),
            (&["1e-8", "0.00000001"], "1e-8"),
            (&["0", "0.0", "-0.0"], "0"),
            (&["1e20", "100000000000000000000"], "1e20"),
            (&["-1"], "-1"),
            (&["18446744073709551615"], "18446744073709551615"),
            (&["hf-flax"], "hf-flax"),
            // These are words, whatever a library takes for numbers.
            (&["nan"], "nan"),
            (&["inf"], "inf"),
            (&["1e999"], "1e999"),
        ] {
            for text in texts {
                assert_eq!(Value::read(text).as_str(), written, "{text}");
            }
        }
        // Read again it is the same number, to the bit.
        for number in [2e-5, 1.0 / 3.0, 6.02e23, 1e-300, 123_456.789, 9.007_199_254_740_993e15] {
            assert_eq!(Value::number(number).as_str().parse::<f64>().unwrap(), number);
        }
    }

    #[test]
    fn crossed_seeds_have_names() {
        let crossed = Coordinates::cross(&[(Axis::Head, seeds(&[0, 1])), (Axis::Order, seeds(&[3, 4, 5]))]).unwrap();
        let label = |model: &Coordinates| model.label(&Apart::of(&crossed));
        let labels: Vec<_> = crossed.iter().filter_map(label).collect();
        assert_eq!(labels, ["h0o3", "h0o4", "h0o5", "h1o3", "h1o4", "h1o5"]);
        assert_eq!(crossed[0].instance(), "head=0,order=3");
        let seven = Coordinates::of(Axis::Seed, 7);
        assert_eq!((seven.instance(), seven.label(&Apart::default())), ("seed=7".to_owned(), Some("7".to_owned())));
        let alone = Coordinates::default();
        assert_eq!((alone.label(&Apart::default()), alone.instance()), (None, String::new()));
        let long: Vec<u64> = (0..2000).collect();
        let error = Coordinates::cross(&[(Axis::Head, seeds(&long)), (Axis::Order, seeds(&long))]).unwrap_err();
        assert_eq!(error, "crossed, these seeds make more than 10000 models");
    }

    #[test]
    fn a_label_says_only_what_tells_models_apart() {
        let key = |name: &str| Axis::Key(name.to_owned());
        let rates = ["5e-5", "2e-4"].map(Value::read).to_vec();
        let axes =
            [(key("epochs"), vec![Value::read("3")]), (key("learning_rate"), rates), (Axis::Seed, seeds(&[0, 1]))];
        let all = Coordinates::cross(&axes).unwrap();
        let labels = |models: &[Coordinates]| {
            let apart = Apart::of(models);
            models.iter().filter_map(|model| model.label(&apart)).collect::<Vec<_>>()
        };
        assert_eq!(
            labels(&all),
            ["learning_rate=5e-5/0", "learning_rate=5e-5/1", "learning_rate=2e-4/0", "learning_rate=2e-4/1"]
        );
        // Of one rate only the seeds do; a seed is always said.
        assert_eq!(
            (labels(&all[2..]), labels(&all[3..])),
            (vec!["0".to_owned(), "1".to_owned()], vec!["1".to_owned()])
        );
        let both = Coordinates::cross(&[axes[1].clone(), (key("epochs"), seeds(&[3, 6])), axes[2].clone()]).unwrap();
        assert_eq!(labels(&both)[2], "learning_rate=5e-5/epochs=6/0");
        assert_eq!(all[3].instance(), "epochs=3,learning_rate=2e-4,seed=1");
        assert_eq!(all[3].values(&Apart::of(&all)), ["learning_rate=2e-4"]);
        assert_eq!(all[3].value("learning_rate"), Some(&Value::read("0.0002")));
        assert!(all[3].is_in(&Coordinates::new(vec![(key("epochs"), Value::read("3.0"))])));
        // Zipped, the second of one goes with the second of the other.
        let zipped = Coordinates::zip(&[axes[1].clone(), (key("batch_size"), seeds(&[16, 32]))]);
        let zipped: Vec<String> = zipped.iter().map(Coordinates::instance).collect();
        assert_eq!(zipped, ["learning_rate=5e-5,batch_size=16", "learning_rate=2e-4,batch_size=32"]);
    }
}
