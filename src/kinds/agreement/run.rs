//! How far all models of an evaluation say the same, pair by pair, from the logits that it kept.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::analysis::AnalysisError;
use crate::analysis::agreement::Answers;
use crate::data::published::SentenceIndex;
use crate::data::{Dataset, read_parquet};
use crate::engine::{Artifact, Context, Outputs, Role, StageEnd, StageError, StepKind};
use crate::kinds::eval::{ExampleTable, SentenceTable};
use crate::words::words;
use polars::prelude::{DataFrame, DataType};

pub const AGREEMENT: Artifact<Agreement> = Artifact::new("agreement");
pub const EXAMPLES_OF: Role<ExampleTable> = Role::new("examples");
/// Where the evaluations were published.
pub const SENTENCES_OF: Role<SentenceTable> = Role::new("sentences");

/// What eval puts before a class's name.
const LOGIT: &str = "logit_";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// Labels of the models; the input `examples:I` is of number I of this list, and so is `sentences:I` where the
    /// evaluations were published.
    pub models: Vec<String>,
    /// Left out of the key where it is what it was before there was a choice.
    #[serde(default, skip_serializing_if = "Divergence::is_default")]
    pub divergence: Divergence,
}

/// The artifact [`AGREEMENT`]. Both matrices are symmetric, `[models, models]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agreement {
    pub models: Vec<String>,
    pub examples: usize,
    /// The share of examples for which two models predict the same, 0–1.
    pub agreement: Vec<Vec<f64>>,
    /// How far their class probabilities are apart.
    pub divergence: Vec<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Divergence::is_default")]
    pub measure: Divergence,
}

words! {
    /// The mean over examples of the Jensen–Shannon divergence in nats, or of its root, which the published study has.
    #[derive(Default)]
    pub enum Divergence {
        /// The mean over the examples of JS(p, q) = (KL(p‖m) + KL(q‖m))/2 with m = (p + q)/2, in nats.
        #[default]
        JensenShannon = "jensen-shannon",
        /// The mean of its roots, as published.
        JensenShannonDistance = "jensen-shannon-distance",
    }
}

impl Divergence {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn of(self, first: &Answers, second: &Answers) -> Result<f64, AnalysisError> {
        match self {
            Self::JensenShannon => first.divergence(second),
            Self::JensenShannonDistance => first.distance(second),
        }
    }

    /// For axes.
    pub fn title(self) -> &'static str {
        match self {
            Self::JensenShannon => "Jensen–Shannon divergence (nats)",
            Self::JensenShannonDistance => "Jensen–Shannon distance",
        }
    }
}

words! {
    /// One of the two matrices.
    pub enum Value {
        Agreement = "agreement",
        Divergence = "divergence",
    }
}

impl Agreement {
    pub fn matrix(&self, value: Value) -> &[Vec<f64>] {
        match value {
            Value::Agreement => &self.agreement,
            Value::Divergence => &self.divergence,
        }
    }
}

impl StepKind for Params {
    const KIND: &'static str = "agreement";
    const VERSION: u32 = 1;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let n = self.models.len();
        let mut classes: Option<Vec<String>> = None;
        let mut first: Option<Published> = None;
        let mut models = Vec::with_capacity(n);
        for (number, label) in self.models.iter().enumerate() {
            let named =
                |error: StageError| StageError { message: format!("model `{label}`: {}", error.message), ..error };
            let frame = read_parquet(&context.bytes(&EXAMPLES_OF.of(number))?)?;
            let own = class_names(&frame);
            let known = classes.get_or_insert_with(|| own.clone());
            if *known != own {
                let (here, first) = (own.join(", "), known.join(", "));
                return Err(StageError::new(format!("model `{label}` has classes [{here}], and the first [{first}]"))
                    .help("evaluate them with `labels`, so that all speak of the same classes")
                    .into());
            }
            let role = SENTENCES_OF.of(number);
            let places = if context.has_input(&role) {
                let own = sentences(&read_parquet(&context.bytes(&role)?)?)?;
                first.get_or_insert_with(|| Published::new(&own)).places(&own).map_err(named)?
            } else {
                (0..frame.height()).collect()
            };
            models.push(answers(&frame, known, &places).map_err(named)?);
        }
        let examples = models.first().map_or(0, Answers::examples);
        let mut agreement = vec![vec![1.0; n]; n];
        let mut divergence = vec![vec![0.0; n]; n];
        for i in 0..n {
            for j in i + 1..n {
                let (equal, apart) = (models[i].agreement(&models[j])?, self.divergence.of(&models[i], &models[j])?);
                (agreement[i][j], agreement[j][i]) = (equal, equal);
                (divergence[i][j], divergence[j][i]) = (apart, apart);
            }
            context.progress(i + 1, n);
        }
        let mut outputs = Outputs::default();
        let (models, measure) = (self.models.clone(), self.divergence);
        outputs.json(&AGREEMENT, &Agreement { models, examples, agreement, divergence, measure })?;
        Ok(outputs)
    }
}

/// The examples of the first of several published evaluations, whose files may list them in any order.
struct Published {
    index: SentenceIndex,
    examples: usize,
}

impl Published {
    fn new(sentences: &[Sentences]) -> Self {
        let text = sentences.iter().map(|(text, _)| text.clone()).collect();
        let pairs = sentences.iter().any(|(_, pair)| pair.is_some());
        let pairs = pairs.then(|| sentences.iter().map(|(_, pair)| pair.clone().unwrap_or_default()).collect());
        let dataset = Dataset { text, text_pair: pairs, ..Dataset::default() };
        Self { index: SentenceIndex::new(&dataset), examples: sentences.len() }
    }

    /// Where each of these examples stands in the first evaluation.
    fn places(&self, sentences: &[Sentences]) -> Result<Vec<usize>, StageError> {
        let found: Option<Vec<usize>> = self.index.find(sentences).into_iter().collect();
        let distinct = found.as_ref().map_or(0, |places| places.iter().collect::<BTreeSet<_>>().len());
        match found {
            Some(places) if sentences.len() == self.examples && distinct == self.examples => Ok(places),
            _ => Err(StageError::new("it was not evaluated on the same examples as the first model")
                .help("let `seeds` name models with the same examples")),
        }
    }
}

/// One text or two, as the file has them.
type Sentences = (String, Option<String>);

/// The texts of a published evaluation's examples, as its import kept them.
fn sentences(frame: &DataFrame) -> Result<Vec<Sentences>, StageError> {
    let (texts, pairs) = (frame.column("text")?.str()?, frame.column("pair")?.str()?);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(texts.iter().zip(pairs.iter()).map(|(text, pair)| (owned(text).unwrap_or_default(), owned(pair))).collect())
}

/// In the order of the alphabet, since models may order them differently.
fn class_names(frame: &DataFrame) -> Vec<String> {
    // A kept column of the data may begin with the same letters, but it holds texts.
    let is_logit = |column: &&polars::prelude::Column| *column.dtype() == DataType::Float32;
    let columns = frame.columns().iter().filter(is_logit);
    let mut names: Vec<String> =
        columns.filter_map(|column| Some(column.name().strip_prefix(LOGIT)?.to_owned())).collect();
    names.sort();
    names
}

/// `places`: of each row, among the examples.
fn answers(frame: &DataFrame, classes: &[String], places: &[usize]) -> Result<Answers, StageError> {
    let examples = frame.height();
    if places.len() != examples {
        return Err(StageError::new(format!("{} texts belong to its {examples} examples", places.len())));
    }
    let mut logits = vec![0.0f32; examples * classes.len()];
    for (class, name) in classes.iter().enumerate() {
        let column = frame.column(&format!("{LOGIT}{name}"))?.f32()?;
        for (place, logit) in places.iter().zip(column.iter()) {
            logits[place * classes.len() + class] = logit.unwrap_or(f32::NAN);
        }
    }
    // Not the largest logit again: where two are equal, the model's own order decides.
    let said = frame.column("prediction")?.str()?;
    let number = |name: Option<&str>| {
        let name = name.unwrap_or_default();
        let class = classes.iter().position(|class| class == name);
        class.map(|class| class as u32).ok_or_else(|| StageError::new(format!("prediction `{name}` is no class of it")))
    };
    let mut predicted = vec![0; examples];
    for (place, name) in places.iter().zip(said.iter()) {
        predicted[*place] = number(name)?;
    }
    Ok(Answers::new(&logits, classes.len(), predicted)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::Column;

    fn frame(names: [&str; 2], logits: [[f32; 2]; 2], predictions: [&str; 2]) -> DataFrame {
        let logit =
            |class: usize| Column::new(format!("{LOGIT}{}", names[class]).into(), [logits[0][class], logits[1][class]]);
        let kept = Column::new("logit_of_somebody".into(), ["a", "b"]);
        let columns = vec![Column::new("prediction".into(), predictions), kept, logit(0), logit(1)];
        DataFrame::new_infer_height(columns).unwrap()
    }

    #[test]
    fn classes_are_matched_by_name() {
        let one = frame(["yes", "no"], [[1.0, 0.5], [0.0, 3.0]], ["yes", "no"]);
        let other = frame(["no", "yes"], [[0.5, 1.0], [3.0, 0.0]], ["yes", "no"]);
        assert_eq!(class_names(&one), ["no", "yes"]);
        assert_eq!(class_names(&other), class_names(&one));
        let read = |frame| answers(frame, &class_names(&one), &[0, 1]).unwrap();
        assert_eq!(read(&one), read(&other));
        let strange = frame(["yes", "no"], [[1.0, 0.5], [0.0, 3.0]], ["yes", "perhaps"]);
        assert!(answers(&strange, &class_names(&one), &[0, 1]).unwrap_err().message.contains("perhaps"));
    }

    #[test]
    fn published_examples_are_matched_by_their_sentences() {
        let told = |texts: &[&str]| texts.iter().map(|text| ((*text).to_owned(), None)).collect::<Vec<Sentences>>();
        let first = Published::new(&told(&["a b", "c", "a b", "d"]));
        assert_eq!(first.places(&told(&["c", "A b", "d", "ab"])).unwrap(), [1, 0, 3, 2]);
        for other in [&["a b", "c", "a b", "e"][..], &["a b", "c", "d"], &["a b", "c", "c", "d"], &["c", "c", "c", "d"]]
        {
            assert!(first.places(&told(other)).is_err(), "{other:?}");
        }
        let one = frame(["yes", "no"], [[1.0, 0.5], [0.0, 3.0]], ["yes", "no"]);
        let turned = frame(["yes", "no"], [[0.0, 3.0], [1.0, 0.5]], ["no", "yes"]);
        let classes = class_names(&one);
        assert_eq!(answers(&one, &classes, &[0, 1]).unwrap(), answers(&turned, &classes, &[1, 0]).unwrap());
    }
}
