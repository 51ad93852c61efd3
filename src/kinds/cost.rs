//! What steps take, roughly, before they run: operations, bytes on the disk, memory. From rows × tokens × parameters,
//! where the data and the model are known: fetched, or by their names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::inputs::{DATA_ROLE, DataInfo, INFO};
use super::models::{CONFIG, MODEL, parts};
use crate::engine::{Graph, Plan, Step};
use crate::fingerprint::Key;
use crate::model::TransformerConfig;
use crate::progress::{Costs, Sample};
use crate::store::{Finished, Manifest, Store};

/// A text's tokens, where nothing else is known: sentences and pairs of them.
const TOKENS: f64 = 40.0;
/// The same of the built-in grammar.
const GRAMMAR: f64 = 10.0;
/// Bytes of a number.
const FLOAT: f64 = 4.0;
/// Finished steps of other experiments that are looked at, the newest of each kind.
const ELSEWHERE: usize = 8;

/// Roughly.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    pub operations: f64,
    /// That stays when the step is done.
    pub disk: f64,
    pub memory: f64,
    /// Training steps, of a step that trains.
    pub steps: Option<f64>,
}

/// A model's size.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    parameters: f64,
    /// Of those, the ones that every token is multiplied by.
    per_token: f64,
    /// Numbers that a token's training step keeps for the way back.
    kept: f64,
}

impl Shape {
    fn new(layers: f64, hidden: f64, inner: f64, vocabulary: f64, positions: f64) -> Self {
        let per_token = layers * (4.0 * hidden * hidden + 2.0 * hidden * inner);
        Self {
            per_token,
            parameters: per_token + (vocabulary + positions) * hidden,
            kept: layers * (12.0 * hidden + 2.0 * inner),
        }
    }

    fn of(config: &TransformerConfig) -> Self {
        Self::new(
            config.num_hidden_layers as f64,
            config.hidden_size as f64,
            config.intermediate_size as f64,
            config.vocab_size as f64,
            config.max_position_embeddings as f64,
        )
    }

    /// By the words in a model's name: `hf:google-bert/bert-base-uncased`.
    fn named(source: &str) -> Option<Self> {
        let name = source.strip_prefix("hf:")?.to_ascii_lowercase();
        let sizes = [
            ("minilm-l12-h384", (12.0, 384.0)),
            ("minilm-l6", (6.0, 384.0)),
            ("distil", (6.0, 768.0)),
            ("large", (24.0, 1024.0)),
            ("base", (12.0, 768.0)),
            ("feather_bert", (12.0, 768.0)),
            ("tiny", (2.0, 128.0)),
        ];
        let (_, (layers, hidden)) = sizes.into_iter().find(|(word, _)| name.contains(word))?;
        Some(Self::new(layers, hidden, 4.0 * hidden, 30_522.0, 512.0))
    }
}

/// Rows of splits that are often fetched: repository, configuration, split.
const SPLITS: [(&str, &str, &str, f64); 13] = [
    ("nyu-mll/glue", "mnli", "train", 392_702.0),
    ("nyu-mll/glue", "mnli", "validation_matched", 9_815.0),
    ("nyu-mll/glue", "mnli", "validation_mismatched", 9_832.0),
    ("nyu-mll/glue", "qqp", "train", 363_846.0),
    ("nyu-mll/glue", "qqp", "validation", 40_430.0),
    ("nyu-mll/glue", "cola", "train", 8_551.0),
    ("nyu-mll/glue", "cola", "validation", 1_043.0),
    ("nyu-mll/glue", "sst2", "train", 67_349.0),
    ("nyu-mll/glue", "sst2", "validation", 872.0),
    ("google-research-datasets/paws", "labeled_final", "train", 49_401.0),
    ("google-research-datasets/paws", "labeled_final", "validation", 8_000.0),
    ("jhu-cogsci/hans", "plain_text", "train", 30_000.0),
    ("jhu-cogsci/hans", "plain_text", "validation", 30_000.0),
];

/// A split's rows and the tokens of one.
#[derive(Debug, Clone, Copy)]
struct Rows {
    rows: f64,
    tokens: f64,
}

/// What is known of a study's data and models, and of steps that others ran.
pub struct StudyCosts {
    store: Store,
    rows: BTreeMap<usize, Rows>,
    shapes: BTreeMap<usize, Shape>,
    elsewhere: BTreeMap<String, Sample>,
    /// Steps whose result was looked at.
    seen: BTreeSet<usize>,
}

impl StudyCosts {
    pub fn new(store: &Store) -> Self {
        let (rows, shapes, elsewhere, seen) = Default::default();
        Self { store: store.clone(), rows, shapes, elsewhere, seen }
    }

    /// The steps before `open` ones whose sizes are known by their names alone.
    pub fn guessed(&self, graph: &Graph, open: &[usize]) -> Vec<String> {
        let guess = |step: &&usize| {
            let fetched = matches!(graph.steps[**step].work.kind(), "fetch-data" | "fetch-model");
            fetched && (self.rows.contains_key(step) || self.shapes.contains_key(step)) && !self.seen.contains(step)
        };
        open.iter().filter(guess).map(|step| graph.steps[*step].name()).collect()
    }

    /// What tells how long `open` steps take that compute: finished ones of their kinds, else of any.
    pub fn timed(&self, graph: &Graph, plan: &Plan, open: &[usize]) -> Vec<String> {
        let computing = graph.steps.iter().zip(&plan.states).filter(|(step, _)| step.work.needs_device());
        let mut here: BTreeMap<&str, usize> = BTreeMap::new();
        for (step, _) in computing.filter(|(_, state)| state.finished().is_some()) {
            *here.entry(step.work.kind()).or_default() += 1;
        }
        let says = |(kind, count): (&str, usize), whose: &str| {
            let steps = if count == 1 { "step" } else { "steps" };
            format!("{count} {kind} {steps} {whose}")
        };
        let kinds: BTreeSet<&str> = open.iter().map(|step| graph.steps[*step].work.kind()).collect();
        let of_kind = |kind: &str| {
            let others = self.elsewhere.get(kind).map_or(0, |sample| sample.steps as usize);
            let own = here.get(kind).map(|count| says((kind, *count), "here"));
            own.or((others > 0).then(|| says((kind, others), "of other experiments")))
        };
        let computed =
            |kind: &&str| graph.steps.iter().any(|step| step.work.kind() == *kind && step.work.needs_device());
        let timed: Vec<String> = kinds.into_iter().filter(computed).filter_map(of_kind).collect();
        if !timed.is_empty() {
            return timed;
        }
        here.into_iter().map(|one| says(one, "here")).collect()
    }

    /// What parameters alone say.
    fn guess(&mut self, number: usize, step: &Step) {
        match step.work.kind() {
            "generate" => {
                let rows = step.work.parameters()["examples"].as_f64();
                rows.map(|rows| self.rows.insert(number, Rows { rows, tokens: GRAMMAR }));
            }
            "fetch-data" => {
                let parameters = step.work.parameters();
                let text = |name: &str| parameters[name].as_str().unwrap_or_default().to_owned();
                let known = SPLITS.iter().find(|(repo, config, split, _)| {
                    let source = text("source");
                    let repository = source.strip_prefix("hf:").and_then(|source| source.split('@').next());
                    repository == Some(*repo) && text("config") == *config && text("split") == *split
                });
                known.map(|known| self.rows.insert(number, Rows { rows: known.3, tokens: TOKENS }));
            }
            "fetch-model" => {
                let shape = Shape::named(step.work.parameters()["source"].as_str().unwrap_or_default());
                shape.map(|shape| self.shapes.insert(number, shape));
            }
            "pretrain" => {
                let parameters = step.work.parameters();
                let number_of = |name: &str| parameters[name].as_f64().unwrap_or_default();
                let shape = Shape::new(
                    number_of("layers"),
                    number_of("hidden"),
                    number_of("intermediate"),
                    number_of("vocabulary"),
                    number_of("max_length"),
                );
                self.shapes.insert(number, shape);
            }
            "finetune" => {
                let start = input(step, parts(&MODEL).config.name()).and_then(|start| self.shapes.get(&start)).copied();
                start.map(|shape| self.shapes.insert(number, shape));
            }
            _ => {}
        }
    }

    /// `None` where the data or the model are not known, and of steps that hardly compute.
    pub fn of(&self, graph: &Graph, step: usize) -> Option<Cost> {
        let node = &graph.steps[step];
        let rows = input(node, DATA_ROLE.name()).and_then(|data| self.rows.get(&data)).copied();
        let shape = match node.work.kind() {
            "pretrain" => self.shapes.get(&step),
            "fetch-model" => return self.shapes.get(&step).map(|shape| of_fetched(*shape)),
            _ => input(node, parts(&MODEL).config.name()).and_then(|model| self.shapes.get(&model)),
        };
        cost(node.work.kind(), &node.work.parameters(), rows?, *shape?)
    }

    /// The newest finished steps of these kinds in the whole cache.
    fn look_elsewhere(&self, kinds: &[&str]) -> BTreeMap<String, Sample> {
        let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
        if kinds.is_empty() {
            return samples;
        }
        for manifest in self.store.newest(kinds, ELSEWHERE).unwrap_or_default() {
            let operations = self.of_manifest(&manifest).map(|cost| cost.operations);
            samples.entry(manifest.kind.clone()).or_default().add(1.0, manifest.provenance.seconds, operations);
        }
        samples
    }

    fn of_manifest(&self, manifest: &Manifest) -> Option<Cost> {
        let read = |key: &Key| self.store.manifest(key).ok().flatten();
        let data = read(&manifest.inputs.get(DATA_ROLE.name())?.from)?;
        let rows = self.rows_of(&data.kind, &Finished::of(&data))?;
        let shape = match manifest.kind.as_str() {
            "pretrain" => self.shape_of(&Finished::of(manifest))?,
            _ => self.shape_of(&Finished::of(&read(&manifest.inputs.get(parts(&MODEL).config.name())?.from)?))?,
        };
        cost(&manifest.kind, &manifest.parameters, rows, shape)
    }

    fn rows_of(&self, kind: &str, step: &Finished) -> Option<Rows> {
        let info: DataInfo = serde_json::from_slice(&self.store.output(step, INFO.name()).ok()?).ok()?;
        let tokens = if kind == "generate" { GRAMMAR } else { TOKENS };
        Some(Rows { rows: info.rows as f64, tokens })
    }

    fn shape_of(&self, step: &Finished) -> Option<Shape> {
        let config = self.store.output(step, CONFIG.name()).ok()?;
        TransformerConfig::from_json(&String::from_utf8_lossy(&config)).ok().map(|config| Shape::of(&config))
    }
}

impl Costs for StudyCosts {
    fn begin(&mut self, graph: &Graph, plan: &Plan) {
        let (mut finished, mut open) = (BTreeSet::new(), BTreeSet::new());
        for (number, (step, state)) in graph.steps.iter().zip(&plan.states).enumerate() {
            self.guess(number, step);
            match state.finished() {
                Some(done) => {
                    self.learn(graph, number, done);
                    finished.insert(step.work.kind());
                }
                None => drop(open.insert(step.work.kind())),
            }
        }
        let unknown: Vec<&str> = open.difference(&finished).copied().collect();
        self.elsewhere = self.look_elsewhere(&unknown);
    }

    fn operations(&self, graph: &Graph, step: usize) -> Option<f64> {
        self.of(graph, step).map(|cost| cost.operations)
    }

    fn learn(&mut self, graph: &Graph, step: usize, finished: &Finished) -> bool {
        let kind = graph.steps[step].work.kind();
        let (data, model) = (finished.output(INFO.name()).is_some(), matches!(kind, "fetch-model" | "pretrain"));
        if !(data || model) || !self.seen.insert(step) {
            return false;
        }
        if data {
            self.rows_of(kind, finished).map(|rows| self.rows.insert(step, rows));
        }
        if model {
            // Fine-tunes are as large as what they start from.
            self.shape_of(finished).map(|shape| self.shapes.insert(step, shape));
            let mut models: BTreeMap<usize, Shape> = BTreeMap::new();
            for (number, node) in graph.steps.iter().enumerate().filter(|(_, node)| node.work.kind() == "finetune") {
                let start = input(node, parts(&MODEL).config.name());
                let known = start.and_then(|start| models.get(&start).or_else(|| self.shapes.get(&start))).copied();
                known.map(|shape| models.insert(number, shape));
            }
            self.shapes.extend(models);
        }
        true
    }

    fn elsewhere(&self, kind: &str) -> Option<Sample> {
        self.elsewhere.get(kind).copied()
    }
}

fn input(step: &Step, role: &str) -> Option<usize> {
    step.inputs.iter().find(|input| input.role == role).map(|input| input.from)
}

fn of_fetched(shape: Shape) -> Cost {
    let bytes = FLOAT * shape.parameters;
    Cost { operations: 0.0, disk: bytes, memory: 2.0 * bytes, steps: None }
}

/// From parameters as keys hold them. Two operations a weight and token forward, four more back.
fn cost(kind: &str, parameters: &Value, data: Rows, shape: Shape) -> Option<Cost> {
    let number = |name: &str| parameters[name].as_f64();
    let weights = FLOAT * shape.parameters;
    let length = |most: Option<f64>| data.tokens.min(most.unwrap_or(f64::INFINITY));
    let chosen = |range: &Value| match (range["start"].as_f64(), range["end"].as_f64()) {
        (Some(start), Some(end)) => (end.min(data.rows) - start).max(0.0),
        _ => data.rows,
    };
    let forward = |rows: f64, tokens: f64| 2.0 * shape.per_token * rows * tokens;
    let training = |rows: f64, tokens: f64, batch: f64, steps: f64, kept: f64| Cost {
        operations: 3.0 * forward(rows, tokens),
        disk: kept * weights,
        // Weights, gradients and two moments; what a batch keeps for the way back.
        memory: 4.0 * weights + FLOAT * batch * tokens * shape.kept,
        steps: Some(steps),
    };
    match kind {
        "finetune" => {
            let recipe = &parameters["recipe"];
            let (batch, epochs) = (recipe["batch_size"].as_f64()?, recipe["epochs"].as_f64()?);
            let rows = chosen(&parameters["rows"]);
            let whole = if recipe["drop_last"] == true { (rows / batch).floor() } else { (rows / batch).ceil() };
            let kept = parameters["checkpoints"].as_array().map_or(0, Vec::len) as f64
                + if parameters["keep_last"] == true { 1.0 } else { 0.0 };
            let tokens = length(recipe["max_length"].as_f64());
            Some(training(rows * epochs, tokens, batch, (whole * epochs).floor(), kept))
        }
        "pretrain" => {
            let (batch, steps) = (number("batch_size")?, number("steps")?);
            Some(training(batch * steps, length(number("max_length")), batch, steps, 1.0))
        }
        _ => {
            let selection = parameters.get("selection")?;
            let rows = chosen(&selection["rows"]).min(selection["examples"].as_f64().unwrap_or(f64::INFINITY));
            let one = forward(rows, length(selection["max_length"].as_f64()));
            // What is between the ends; a grid; forth and back once and twice forth.
            let (points, models, disk) = match kind {
                "eval" => (1.0, 1.0, rows * 100.0),
                "end-point" => (1.0, 1.0, 1e3),
                "pair" => ((number("points")? - 2.0).max(0.0), 3.0, 2e3),
                "surface" => (number("points")?.powi(2), 4.0, 30.0 * number("points")?.powi(2)),
                "sharpness" => (5.0, 4.0, 1e3),
                _ => return None,
            };
            Some(Cost { operations: points * one, disk, memory: models * weights + 4e6, steps: None })
        }
    }
}

/// What an interrupted run left of a step, by the names of its files.
pub fn kept(names: &[String], cost: Option<Cost>) -> Option<String> {
    let number = |prefix: &str| names.iter().filter_map(|name| name.strip_prefix(prefix)?.parse::<u64>().ok()).max();
    if let Some(step) = number("snapshot-") {
        let all = cost.and_then(|cost| cost.steps).map_or(String::new(), |all| format!(" of {all}"));
        return Some(format!("{step}{all} steps saved"));
    }
    if let Some(row) = number("row-") {
        return Some(format!("{} rows saved", row + 1));
    }
    (!names.is_empty()).then(|| "a part saved".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_are_those_of_the_published_models() {
        for (name, millions) in [
            ("hf:google-bert/bert-base-uncased", 109.0),
            ("hf:google-bert/bert-large-cased@main", 334.0),
            ("hf:microsoft/MiniLM-L12-H384-uncased", 33.0),
        ] {
            let shape = Shape::named(name).unwrap();
            assert!((shape.parameters / 1e6 / millions - 1.0).abs() < 0.02, "{name}: {}", shape.parameters);
        }
        assert_eq!(Shape::named("blake3:base"), None);
    }

    #[test]
    fn a_training_takes_three_times_the_way_forth() {
        let shape = Shape::new(12.0, 768.0, 3072.0, 30_522.0, 512.0);
        let rows = Rows { rows: 1000.0, tokens: TOKENS };
        let recipe = json!({"batch_size": 32, "epochs": 3.0, "max_length": 20, "drop_last": true});
        let parameters = json!({"recipe": recipe, "rows": null, "checkpoints": [10], "keep_last": true});
        let trained = cost("finetune", &parameters, rows, shape).unwrap();
        let selection = json!({"rows": {"start": 0, "end": 500}, "examples": null, "max_length": 128});
        let evaluated = cost("eval", &json!({"selection": selection}), rows, shape).unwrap();
        assert_eq!(trained.steps, Some(93.0));
        // 3000 rows of 20 tokens against 500 of 40.
        assert_eq!(trained.operations / evaluated.operations, 9.0);
        assert_eq!(trained.disk, 2.0 * 4.0 * shape.parameters);
        assert!(trained.memory > 16.0 * shape.parameters && evaluated.memory < 5.0 * shape.parameters);
        assert_eq!(cost("plot", &json!({}), rows, shape), None);
    }

    #[test]
    fn what_is_kept_is_told_by_its_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cost = Cost { steps: Some(160.0), ..Cost::default() };
        let snapshots = names(&["snapshot-000000000090", "snapshot-000000000097"]);
        assert_eq!(kept(&snapshots, Some(cost)).as_deref(), Some("97 of 160 steps saved"));
        assert_eq!(kept(&snapshots, None).as_deref(), Some("97 steps saved"));
        assert_eq!(kept(&names(&["points-00012", "row-00011"]), None).as_deref(), Some("12 rows saved"));
        assert_eq!(kept(&names(&["logits"]), None).as_deref(), Some("a part saved"));
        assert_eq!(kept(&[], None), None);
    }
}
