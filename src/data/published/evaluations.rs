//! Evaluations of one model as JSON: `{"label_dict": {"not_duplicate": 0, …}, "samples": [{"logits": […],
//! "probabilities": […], "label": 0, "sentence": "[CLS] a [SEP] b [SEP]"}, …]}`.

use super::PublishedError;
use crate::data::Dataset;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct File {
    label_dict: HashMap<String, usize>,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    probabilities: Vec<f64>,
    #[serde(default)]
    logits: Vec<f64>,
    label: usize,
    sentence: String,
}

/// What one model said of every example.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// In the order of the logits.
    pub classes: Vec<String>,
    /// [examples, classes]
    pub logits: Vec<f32>,
    /// Indices into `classes`.
    pub labels: Vec<u32>,
    /// One text or two for every example, as BERT's tokenizer writes them.
    pub sentences: Vec<(String, Option<String>)>,
}

impl Evaluation {
    /// `file` is its name, for messages. Where a file has no logits, the logarithms of its probabilities take their
    /// place: cross-entropy and every decision stay the same.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, PublishedError> {
        let wrong = |what: String| PublishedError::File { file: file.to_owned(), what };
        let File { label_dict, samples } = serde_json::from_slice(bytes).map_err(|error| {
            let (line, what) = (error.line(), format!("is not an evaluation as published: {error}"));
            PublishedError::Line { file: file.to_owned(), line, what }
        })?;
        let mut classes: Vec<(usize, String)> = label_dict.into_iter().map(|(name, place)| (place, name)).collect();
        classes.sort();
        if classes.len() < 2 || classes.iter().enumerate().any(|(at, (place, _))| at != *place) {
            return Err(wrong("its `label_dict` does not number the labels 0, 1, …".to_owned()));
        }
        let classes: Vec<String> = classes.into_iter().map(|(_, name)| name).collect();
        let mut read = Self { classes, logits: Vec::new(), labels: Vec::new(), sentences: Vec::new() };
        let count = read.classes.len();
        for (number, sample) in samples.into_iter().enumerate() {
            let logits = match sample.logits.is_empty() {
                true => sample.probabilities.iter().map(|p| p.max(f64::MIN_POSITIVE).ln()).collect(),
                false => sample.logits,
            };
            if logits.len() != count {
                return Err(wrong(format!(
                    "sample {number} has {} logits, but `label_dict` has {count} labels",
                    logits.len()
                )));
            }
            if logits.iter().any(|logit| !logit.is_finite()) || sample.label >= count {
                return Err(wrong(format!("sample {number} has logits or a label that cannot be")));
            }
            read.logits.extend(logits.iter().map(|logit| *logit as f32));
            read.labels.push(sample.label as u32);
            read.sentences.push(sentences(&sample.sentence));
        }
        match read.labels.is_empty() {
            true => Err(wrong("it has no samples".to_owned())),
            false => Ok(read),
        }
    }
}

/// `[CLS] a [SEP] b [SEP]` → a and b.
fn sentences(text: &str) -> (String, Option<String>) {
    let text = text.replace("[PAD]", " ");
    let text = text.trim();
    let text = text.strip_prefix("[CLS]").unwrap_or(text);
    let mut parts = text.split("[SEP]").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty());
    (parts.next().unwrap_or_default(), parts.next())
}

/// Rows of a data set by what they say, however it is cased and spaced: tokenizers change both.
pub struct SentenceIndex {
    rows: HashMap<String, Vec<usize>>,
}

impl SentenceIndex {
    pub fn new(dataset: &Dataset) -> Self {
        let mut rows: HashMap<String, Vec<usize>> = HashMap::new();
        for (row, text) in dataset.text.iter().enumerate() {
            let pair = dataset.text_pair.as_ref().map(|pair| pair[row].as_str());
            rows.entry(normal(text, pair)).or_default().push(row);
        }
        Self { rows }
    }

    /// The row of each example. Where a data set repeats itself, the first example that says so gets the first row.
    pub fn find(&self, sentences: &[(String, Option<String>)]) -> Vec<Option<usize>> {
        let mut used: HashMap<&str, usize> = HashMap::new();
        let mut row = |(text, pair): &(String, Option<String>)| {
            let (key, rows) = self.rows.get_key_value(&normal(text, pair.as_deref()))?;
            let used = used.entry(key).or_default();
            *used += 1;
            rows.get(*used - 1).or(rows.last()).copied()
        };
        sentences.iter().map(&mut row).collect()
    }
}

fn normal(text: &str, pair: Option<&str>) -> String {
    let plain =
        |text: &str| text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect::<String>();
    match pair {
        Some(pair) => format!("{}\n{}", plain(text), plain(pair)),
        None => plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(samples: &str) -> String {
        format!("{{\"label_dict\": {{\"no\": 0, \"yes\": 1}}, \"samples\": [{samples}]}}")
    }

    #[test]
    fn samples_are_read() {
        let samples = r#"{"probabilities": [0.25, 0.75], "logits": [-1.0, 2.5], "label": 1, "sentence": "[CLS] a b [SEP] c d [SEP]", "extra": 1},
            {"probabilities": [0.25, 0.75], "label": 0, "sentence": "[CLS] alone [SEP] [PAD] [PAD]"}"#;
        let read = Evaluation::read("f", file(samples).as_bytes()).unwrap();
        assert_eq!(
            (read.classes.as_slice(), read.labels.as_slice()),
            (&["no".to_owned(), "yes".to_owned()][..], &[1, 0][..])
        );
        assert_eq!(read.logits, [-1.0, 2.5, 0.25f32.ln(), 0.75f32.ln()]);
        assert_eq!(read.sentences, [("a b".into(), Some("c d".into())), ("alone".into(), None)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let sample =
            |logits: &str, label: u32| format!("{{\"logits\": [{logits}], \"label\": {label}, \"sentence\": \"x\"}}");
        let cases = [
            (file(""), "f: it has no samples"),
            (file(&sample("1, 2, 3", 0)), "f: sample 0 has 3 logits, but `label_dict` has 2 labels"),
            (file(&sample("1, 2", 2)), "sample 0 has logits or a label that cannot be"),
            (file(&sample("1, 2", 0)).replace("\"yes\": 1", "\"yes\": 2"), "does not number the labels"),
            (file("{}"), "f: line 1 is not an evaluation as published: missing field `label`"),
            ("{\n[".to_owned(), "f: line 2"),
        ];
        for (text, part) in cases {
            let error = Evaluation::read("f", text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn sentences_are_found_however_the_tokenizer_writes_them() {
        let dataset = Dataset {
            text: vec!["The doctor's dog ran.".into(), "Same".into(), "Same".into()],
            text_pair: Some(vec!["It   ran.".into(), "x".into(), "x".into()]),
            ..Dataset::default()
        };
        let index = SentenceIndex::new(&dataset);
        let pair = |a: &str, b: &str| (a.to_owned(), Some(b.to_owned()));
        let asked =
            [pair("same", "X"), pair("the doctor ' s dog ran .", "it ran ."), pair("same", "x"), pair("same", "y")];
        assert_eq!(index.find(&asked), [Some(1), Some(0), Some(2), None]);
    }
}
