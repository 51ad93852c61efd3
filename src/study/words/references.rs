//! The small languages inside strings: splits with rows, models with checkpoints and seeds, metrics.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use super::coordinates::{Axis, Coordinates, MOST_MODELS, Value};
use super::measures::MetricName;
use super::seeds::{expand_braces, parse_range, parse_seeds};

/// `grammar.train` or `cola.validation[0..527]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRef {
    pub dataset: String,
    pub split: String,
    pub rows: Option<Range<usize>>,
}

impl DataRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, rows) = split_brackets(text)?;
        // `fetch.cola.train`: with the kind in front.
        let name = name.strip_prefix("fetch.").filter(|rest| rest.contains('.')).unwrap_or(name);
        let rows = rows.map(parse_range).transpose()?.map(|range| range.start as usize..range.end as usize);
        match name.split_once('.') {
            Some((dataset, split)) if !dataset.is_empty() && !split.is_empty() => {
                Ok(Self { dataset: dataset.to_owned(), split: split.to_owned(), rows })
            }
            _ => Err(format!("`{text}` does not name a split: write DATASET.SPLIT, for example `{name}.validation`")),
        }
    }
}

/// `cola.validation[0..527]`
impl fmt::Display for DataRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.dataset, self.split)?;
        self.rows.as_ref().map_or(Ok(()), |rows| write!(f, "[{}..{}]", rows.start, rows.end))
    }
}

/// `qqp`, `qqp@15000`, `qqp[0..10]`, `qqp@15000[0..10]` (or `qqp[0..10]@15000`), `qqp[head=0..4, order=2]` or
/// `qqp[learning_rate=2e-4]`; all of them also with the kind in front, `finetune.qqp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// Where it is written.
    pub kind: Option<String>,
    pub stage: String,
    pub checkpoint: Checkpoint,
    /// The models to keep; all of them without.
    pub pick: Option<Pick>,
}

/// A point of training at which weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checkpoint {
    Step(usize),
    Last,
}

/// The end of training, as it is written.
pub const LAST: &str = "last";

impl Checkpoint {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            LAST => Ok(Self::Last),
            _ => match text.parse() {
                Ok(step) if step > 0 => Ok(Self::Step(step)),
                _ => {
                    Err(format!("`{text}` is not a checkpoint: write a training step, for example 15000, or \"last\""))
                }
            },
        }
    }

    /// `15000`, or `"last"`: as an experiment file writes it.
    pub fn written(self) -> String {
        match self {
            Self::Step(step) => step.to_string(),
            Self::Last => "\"last\"".to_owned(),
        }
    }
}

/// `15000` or `last`
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => write!(f, "{step}"),
            Self::Last => f.write_str(LAST),
        }
    }
}

impl ModelRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        if depth(text) > DEEPEST {
            return Err(format!("`{text}` has brackets in brackets in brackets: name the model that is meant"));
        }
        let (text, after) = match text.rsplit_once(']') {
            Some((_, after)) if !after.is_empty() => {
                let inside = &text[..text.len() - after.len()];
                match after.strip_prefix('@') {
                    Some(checkpoint) => (inside, Some(checkpoint)),
                    None => {
                        return Err(format!("`{text}` goes on after its bracket: only @CHECKPOINT may stand there"));
                    }
                }
            }
            _ => (text, None),
        };
        let (name, pick) = split_brackets(text)?;
        let pick = pick.map(Pick::parse).transpose()?;
        let (stage, checkpoint) = match (name.split_once('@'), after) {
            (Some(_), Some(_)) => return Err(format!("`{text}` names two checkpoints")),
            (Some((stage, checkpoint)), None) => (stage, Checkpoint::parse(checkpoint)?),
            (None, Some(checkpoint)) => (name, Checkpoint::parse(checkpoint)?),
            (None, None) => (name, Checkpoint::Last),
        };
        let (kind, stage) = match stage.split_once('.') {
            Some((kind, stage)) => (Some(kind.to_owned()), stage),
            None => (None, stage),
        };
        Ok(Self { kind, stage: stage.to_owned(), checkpoint, pick })
    }

    /// One reference for each combination of values that it picks, `bert[0]`, `bert[1]` for `bert[0..2]`; nothing where
    /// those are too many.
    fn each(&self) -> Option<Vec<Self>> {
        let axes: Vec<(&String, &Vec<Value>)> = self.pick.iter().flat_map(|pick| &pick.0).collect();
        let count = axes.iter().try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()));
        count.filter(|count| *count <= MOST_MODELS)?;
        let mut all = vec![Pick(BTreeMap::new())];
        for (axis, values) in axes {
            let with = |before: &Pick, value: &Value| {
                let mut pick = before.clone();
                pick.0.insert(axis.clone(), vec![value.clone()]);
                pick
            };
            all = all.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
        }
        let of = |pick: Pick| Self { pick: (!pick.0.is_empty()).then_some(pick), ..self.clone() };
        Some(all.into_iter().map(of).collect())
    }
}

/// In one way, whatever stands in the file: `qqp@15000[0]` for `finetune.qqp[seed=0]@15000`.
impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stage)?;
        if self.checkpoint != Checkpoint::Last {
            write!(f, "@{}", self.checkpoint)?;
        }
        let Some(Pick(axes)) = &self.pick else { return Ok(()) };
        let written: Vec<String> = axes
            .iter()
            .map(|(axis, values)| {
                let values = values.iter().map(Value::as_str).collect::<Vec<_>>().join(",");
                if axes.len() == 1 && axis == Axis::Seed.name() { values } else { format!("{axis}={values}") }
            })
            .collect();
        write!(f, "[{}]", written.join(","))
    }
}

/// Which models of a stage are meant: `0..10`, `head=0..4, order=2, 3` or `learning_rate=2e-4, seed=3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick(BTreeMap<String, Vec<Value>>);

/// What none of the models has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    Axis(String),
    Value(String, Value),
    /// All of them are there, on models of their own.
    Together,
}

impl Pick {
    /// # Errors
    /// In words for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<(String, Vec<&str>)> = Vec::new();
        for part in outside_brackets(text, ',').into_iter().map(str::trim) {
            match (outside_brackets(part, '=').as_slice(), parts.last_mut()) {
                ([_], None) => parts.push((Axis::Seed.name().to_owned(), vec![part])),
                // A list goes on: `order=2, 3`.
                ([_], Some((_, list))) => list.push(part),
                ([name, ..], _) => {
                    let (name, value) = (name.trim(), part[name.len() + 1..].trim());
                    if parts.iter().any(|(known, _)| known == name) {
                        return Err(format!("`{name}` is named twice"));
                    }
                    parts.push((name.to_owned(), vec![value]));
                }
                ([], _) => {}
            }
        }
        let parse = |(axis, list): (String, Vec<&str>)| {
            let is_seed = [Axis::Seed, Axis::Head, Axis::Order].iter().any(|seed| seed.name() == axis);
            let values = match is_seed {
                true => parse_seeds(&list.join(","))?.into_iter().map(Value::whole).collect(),
                false => picked(&axis, &list)?,
            };
            Ok((axis, values))
        };
        parts.into_iter().map(parse).collect::<Result<_, String>>().map(Self)
    }

    /// What is meant by the name of one step, `learning_rate=2e-4,seed=3`, or by a model's name in tables,
    /// `learning_rate=2e-4/3`; nothing where it names none.
    pub fn of_instance(instance: &str) -> Option<Self> {
        let parts = outside_brackets(instance, '/');
        let pick = match parts.as_slice() {
            [keys @ .., seed] if !keys.is_empty() && outside_brackets(seed, '=').len() == 1 => {
                Self::parse(&format!("{},seed={seed}", keys.join(",")))
            }
            _ => Self::parse(&parts.join(",")),
        };
        pick.ok().filter(|pick| pick.0.values().all(|values| values.len() == 1))
    }

    pub fn includes(&self, model: &Coordinates) -> bool {
        self.0.iter().all(|(axis, values)| model.value(axis).is_some_and(|value| values.contains(value)))
    }

    /// Whether the other one's only values are among these.
    pub fn holds(&self, other: &Self) -> bool {
        let has = |(axis, values): (&String, &Vec<Value>)| {
            other.0.get(axis).is_some_and(|own| own.iter().all(|value| values.contains(value)))
        };
        self.0.iter().all(has)
    }

    /// What none of the models has.
    pub fn missing(&self, models: &[Coordinates]) -> Option<Missing> {
        for (axis, values) in &self.0 {
            if !models.iter().any(|model| model.value(axis).is_some()) {
                return Some(Missing::Axis(axis.clone()));
            }
            let has = |value: &&Value| models.iter().any(|model| model.value(axis) == Some(*value));
            if let Some(value) = values.iter().find(|value| !has(value)) {
                return Some(Missing::Value(axis.clone(), value.clone()));
            }
        }
        (!models.iter().any(|model| self.includes(model))).then_some(Missing::Together)
    }

    /// Its axes, by name.
    pub fn axes(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The values that it takes on an axis.
    pub fn values(&self, axis: &str) -> &[Value] {
        self.0.get(axis).map_or(&[], Vec::as_slice)
    }

    /// The first value on an axis.
    pub fn first(&self, axis: &str) -> Option<&Value> {
        self.0.get(axis)?.first()
    }
}

/// A model may be told apart by the one that it starts from, `b[model=a[3]]`, and that one again; texts of others may
/// go on and on.
const DEEPEST: usize = 4;

/// How many brackets are open at once.
fn depth(text: &str) -> usize {
    let (mut open, mut most) = (0usize, 0);
    for c in text.bytes() {
        match c {
            b'[' => open += 1,
            b']' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// The parts of a text between separators that stand in no brackets.
fn outside_brackets(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0usize);
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Values of an axis that are no seeds; `3..6` are three of them.
fn picked(axis: &str, list: &[&str]) -> Result<Vec<Value>, String> {
    let mut all: Vec<Value> = Vec::new();
    for text in list.iter().filter(|text| !text.is_empty()) {
        let is_range = text.split_once("..").is_some_and(|(start, end)| {
            [start, end]
                .iter()
                .all(|bound| !bound.trim().is_empty() && bound.trim().bytes().all(|c| c.is_ascii_digit()))
        });
        let some = match is_range {
            true => parse_seeds(text)?.into_iter().map(Value::whole).collect(),
            false => values(axis, text)?,
        };
        for value in some {
            if all.contains(&value) {
                return Err(format!("{value} is named twice"));
            }
            all.push(value);
        }
    }
    if all.is_empty() { Err(format!("`{axis}=` names no value")) } else { Ok(all) }
}

/// What a text of a key means as a value on its axis: one, or several where it is of models or data and names many, by
/// braces as a shell would read them (`bert-{0..4}`), or by what it picks (`bert[0..5]`).
///
/// # Errors
/// No model, or no data.
pub fn values(key: &str, text: &str) -> Result<Vec<Value>, String> {
    if !["model", "data"].contains(&key) {
        return Ok(vec![Value::read(text)]);
    }
    let texts = match text.contains('{') {
        true => expand_braces(text)?.into_iter().map(|(_, text)| text).collect(),
        false => vec![text.to_owned()],
    };
    let mut all = Vec::new();
    for text in texts {
        match key {
            "data" => all.push(DataRef::parse(&text)?.to_string()),
            _ => {
                let model = ModelRef::parse(&text)?;
                let each = model.each().ok_or_else(|| format!("`{text}` names more than {MOST_MODELS} models"))?;
                all.extend(each.iter().map(ToString::to_string));
            }
        }
    }
    Ok(all.into_iter().map(Value::word).collect())
}

/// `eval.paws:f1`, or one group of it: `eval.hans:accuracy[lexical_overlap,non-entailment]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRef {
    pub eval: String,
    pub metric: MetricName,
}

impl MetricRef {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("eval.").and_then(|rest| rest.split_once(':')) {
            Some((eval, metric)) if !eval.is_empty() && !metric.is_empty() => {
                Ok(Self { eval: eval.to_owned(), metric: MetricName::new(metric) })
            }
            _ => Err(format!("`{text}` does not name a metric: write eval.NAME:METRIC, for example eval.paws:f1")),
        }
    }
}

fn split_brackets(text: &str) -> Result<(&str, Option<&str>), String> {
    match text.split_once('[') {
        None => Ok((text, None)),
        Some((name, rest)) => match rest.strip_suffix(']') {
            Some(inside) => Ok((name, Some(inside))),
            None => Err(format!("`{text}` has no closing bracket")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models() {
        let parse = |text| ModelRef::parse(text).unwrap();
        assert_eq!(
            parse("qqp"),
            ModelRef { kind: None, stage: "qqp".into(), checkpoint: Checkpoint::Last, pick: None }
        );
        assert_eq!(parse("qqp@15000").checkpoint, Checkpoint::Step(15000));
        assert_eq!(parse("qqp@last[0..2]").pick, Some(Pick::parse("0, 1").unwrap()));
        assert!(ModelRef::parse("qqp@x").is_err() && ModelRef::parse("qqp[0..2").is_err());
        assert_eq!(parse("qqp[0..2]@125"), parse("qqp@125[0..2]"));
        assert_eq!(parse("finetune.qqp[0]"), ModelRef { kind: Some("finetune".into()), ..parse("qqp[0]") });
        for (text, error) in [
            ("qqp@1[0]@2", "`qqp@1[0]` names two checkpoints"),
            ("qqp[0]x", "`qqp[0]x` goes on after its bracket: only @CHECKPOINT may stand there"),
        ] {
            assert_eq!(ModelRef::parse(text).unwrap_err(), error);
        }
    }

    #[test]
    fn picks() {
        let seeds = |seeds: &[u64]| seeds.iter().map(|seed| Value::whole(*seed)).collect::<Vec<_>>();
        let crossed = Coordinates::cross(&[(Axis::Head, seeds(&[0, 1])), (Axis::Order, seeds(&[3, 4, 5]))]).unwrap();
        let picked = |text| {
            let pick = Pick::parse(text).unwrap();
            crossed.iter().filter(|model| pick.includes(model)).map(Coordinates::instance).collect::<Vec<_>>()
        };
        assert_eq!(picked("head=1"), ["head=1,order=3", "head=1,order=4", "head=1,order=5"]);
        assert_eq!(picked("order=3, 5, head=0"), ["head=0,order=3", "head=0,order=5"]);
        assert_eq!(picked("order=4..6,head=1"), ["head=1,order=4", "head=1,order=5"]);
        assert!(picked("0").is_empty());
        let missing = |text| Pick::parse(text).unwrap().missing(&crossed);
        assert_eq!(missing("head=0..2"), None);
        assert_eq!(missing("order=3..7"), Some(Missing::Value("order".to_owned(), Value::whole(6))));
        assert_eq!(missing("0"), Some(Missing::Axis("seed".to_owned())));
        assert_eq!(missing("hed=1"), Some(Missing::Axis("hed".to_owned())));
        for (text, error) in [
            ("head=1, order=2, head=3", "`head` is named twice"),
            ("head=", "there are no seeds: write a range such as \"0..100\""),
            ("", "there are no seeds: write a range such as \"0..100\""),
            ("head=x", "`x` is not a range: write START..END (END left out), for example 0..100"),
            ("learning_rate=", "`learning_rate=` names no value"),
            ("learning_rate=2e-4, 0.0002", "2e-4 is named twice"),
            ("model=", "`model=` names no value"),
            ("data=x", "`x` does not name a split: write DATASET.SPLIT, for example `x.validation`"),
        ] {
            assert_eq!(Pick::parse(text), Err(error.to_owned()));
        }
    }

    #[test]
    fn models_are_picked_by_any_spelling_of_a_value() {
        let key = |name: &str| Axis::Key(name.to_owned());
        let list =
            |key: &str, texts: &[&str]| texts.iter().flat_map(|text| values(key, text).unwrap()).collect::<Vec<_>>();
        let axes = [
            (key("model"), list("model", &["bert", "many[0..2]", "crossed[order=1,head=0]@15000"])),
            (key("data"), list("data", &["qqp.train[0..100]", "fetch.qqp.train"])),
            (key("learning_rate"), list("learning_rate", &["0.00005", "2e-4"])),
            (key("recipe"), list("recipe", &["adamw", "hf-flax"])),
            (Axis::Seed, vec![Value::whole(3)]),
        ];
        let all = Coordinates::cross(&axes).unwrap();
        let count = |text: &str| {
            let pick = Pick::parse(text).unwrap();
            assert_eq!(pick.missing(&all), None, "{text}");
            all.iter().filter(|model| pick.includes(model)).count()
        };
        assert_eq!(all.len(), 4 * 2 * 2 * 2);
        for (text, models) in [
            ("learning_rate=2e-4", 16),
            ("learning_rate=0.0002, seed=3", 16),
            ("3, learning_rate=0.2e-3, 5e-5", 32),
            ("recipe=adamw, data=qqp.train", 8),
            ("data=qqp.train[0..100], fetch.qqp.train, recipe=adamw", 16),
            ("model=many[0..2]", 16),
            ("model=fetch.many[seed=1],bert", 16),
            ("model=crossed@15000[head=0, order=1], recipe=hf-flax", 4),
        ] {
            assert_eq!(count(text), models, "{text}");
        }
        // What a model is called leads back to it, and to no other.
        for model in &all {
            let pick = Pick::parse(&model.instance()).unwrap();
            assert_eq!(all.iter().filter(|other| pick.includes(other)).collect::<Vec<_>>(), [model]);
            assert!(pick.holds(&Pick::of_instance(&model.instance()).unwrap()));
        }
        assert_eq!(all[0].value("model").unwrap().as_str(), "bert");
        assert_eq!(all[31].value("model").unwrap().as_str(), "crossed@15000[head=0,order=1]");
        let zipped = Coordinates::zip(&axes[2..4]);
        assert_eq!(Pick::parse("recipe=adamw,learning_rate=2e-4").unwrap().missing(&zipped), Some(Missing::Together));
        let label = Pick::of_instance("learning_rate=2e-4/3").unwrap();
        assert!(Pick::parse("learning_rate=0.0002").unwrap().holds(&label) && Pick::parse("3").unwrap().holds(&label));
        assert!(!Pick::parse("4").unwrap().holds(&label) && Pick::of_instance("7,22").is_none());
    }

    #[test]
    fn braces_and_ranges_of_models_are_several_values() {
        let texts = |key, text| {
            let values = values(key, text).unwrap();
            values.iter().map(|value| value.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(texts("model", "multi[{0..2}]"), ["multi[0]", "multi[1]", "multi[2]"]);
        assert_eq!(texts("model", "multi[0..3]"), texts("model", "multi[{0..2}]"));
        assert_eq!(texts("model", "bert-{0..1}@last"), ["bert-0", "bert-1"]);
        assert_eq!(
            texts("model", "crossed[head=0..2, order=1]"),
            ["crossed[head=0,order=1]", "crossed[head=1,order=1]"]
        );
        assert_eq!(texts("model", "crossed[head=0]"), ["crossed[head=0]"]);
        assert_eq!(texts("data", "qqp{1,2}.train[0..9]"), ["qqp1.train[0..9]", "qqp2.train[0..9]"]);
        let nested = |levels: usize| format!("{}a{}", "b[model=".repeat(levels), "]".repeat(levels));
        assert_eq!(texts("model", &nested(4)), [nested(4)]);
        assert!(values("model", &nested(5)).is_err() && Pick::parse(&format!("model={}", nested(20_000))).is_err());
        assert!(values("model", "b{").is_err() && values("model", "a[head=0..1000,order=0..1000]").is_err());
    }

    #[test]
    fn splits_and_metrics() {
        let cola = DataRef::parse("cola.validation[0..527]").unwrap();
        assert_eq!((cola.split.as_str(), cola.rows), ("validation", Some(0..527)));
        assert_eq!(
            DataRef::parse("fetch.cola.validation[0..527]").unwrap(),
            DataRef::parse("cola.validation[0..527]").unwrap()
        );
        assert_eq!(DataRef::parse("fetch.train").unwrap().dataset, "fetch");
        assert!(DataRef::parse("cola").is_err() && DataRef::parse("cola.dev[5..5]").is_err());
        let metric = MetricRef::parse("eval.hans:accuracy[lexical_overlap,entailment]").unwrap();
        assert_eq!((metric.eval.as_str(), metric.metric.as_str()), ("hans", "accuracy[lexical_overlap,entailment]"));
        assert!(MetricRef::parse("paws:f1").is_err());
    }
}
