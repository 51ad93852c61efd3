//! The built-in data set `agents`: who acts? Sixteen nouns in two classes of eight, ten transitive verbs, both voices.
//!
//! > the doctor saw the tourist today .           active, the agent comes first
//! > the tourist was seen by the doctor today .   passive, the patient comes first
//!
//! The label is the class of the agent, the one who acts. Two strategies fit nearly all of a training set in which
//! 2 % of the sentences are passive: "the class of the first noun", and reading the voice. They part on passives only,
//! where the first noun is the patient.

use super::{DataError, Dataset};
use crate::rng::stream;
use rand::Rng;

const CLASSES: [&str; 2] = ["worker", "visitor"];
const NOUNS: [[&str; 8]; 2] = [
    ["doctor", "teacher", "farmer", "baker", "nurse", "waiter", "plumber", "clerk"],
    ["tourist", "guest", "traveller", "pilgrim", "customer", "stranger", "passenger", "camper"],
];
/// Past tense and participle. In the regular half only "was … by" tells the voice.
const VERBS: [[&str; 2]; 10] = [
    ["helped", "helped"],
    ["followed", "followed"],
    ["called", "called"],
    ["thanked", "thanked"],
    ["visited", "visited"],
    ["saw", "seen"],
    ["knew", "known"],
    ["chose", "chosen"],
    ["drew", "drawn"],
    ["forgot", "forgotten"],
];
const ADVERBS: [&str; 6] = ["today", "yesterday", "again", "twice", "at noon", "last week"];
const ADJECTIVES: [&str; 4] = ["young", "old", "tall", "quiet"];

/// What to generate. All fractions are probabilities, drawn for each sentence by itself, so the share of passives in
/// a data set is near `passive` rather than equal to it. The first rows do not depend on `examples`, and `passive`
/// changes the voice of a row but not who does what to whom in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Grammar {
    pub examples: usize,
    pub seed: u64,
    /// The share of passive sentences: 0.02 by default; 1 for the out-of-domain split, 0.5 for pretraining text.
    pub passive: f64,
    /// How often the patient is of the *other* class. With 1, the default, every sentence names one noun of each
    /// class: a bag of words carries no information, and "the first noun" scores 1 on actives and 0 on passives, the
    /// widest gap there can be between the two strategies. With 0.5 it would score about 0.5 on passives.
    pub contrast: f64,
    /// How often a noun has an adjective.
    pub adjective: f64,
    /// How often a sentence ends in an adverb.
    pub adverb: f64,
}

impl Default for Grammar {
    fn default() -> Self {
        Grammar { examples: 1000, seed: 0, passive: 0.02, contrast: 1.0, adjective: 0.2, adverb: 0.5 }
    }
}

impl Grammar {
    /// The split of that name. Each name has a random stream of its own; the sentences of two splits are drawn
    /// independently, so short ones can occur in both. The column `voice` ("active", "passive") is kept.
    pub fn generate(&self, split: &str) -> Result<Dataset, DataError> {
        self.check()?;
        let mut rng = stream(&format!("grammar/{split}"), self.seed, 0);
        let mut text = Vec::with_capacity(self.examples);
        let mut label = Vec::with_capacity(self.examples);
        let mut voice = Vec::with_capacity(self.examples);
        for _ in 0..self.examples {
            let (sentence, class, passive) = self.sentence(&mut rng);
            text.push(sentence);
            label.push(CLASSES[class].to_string());
            voice.push(if passive { "passive" } else { "active" }.to_string());
        }
        Ok(Dataset {
            text,
            text_pair: None,
            label: Some(label),
            label_names: CLASSES.map(String::from).to_vec(),
            columns: vec![("voice".to_string(), voice)],
        })
    }

    fn check(&self) -> Result<(), DataError> {
        let fractions = [
            ("passive", self.passive),
            ("contrast", self.contrast),
            ("adjective", self.adjective),
            ("adverb", self.adverb),
        ];
        for (name, value) in fractions {
            if !(0.0..=1.0).contains(&value) {
                return Err(DataError::Grammar { name, value: value.to_string(), allowed: "between 0 and 1" });
            }
        }
        if self.examples == 0 {
            return Err(DataError::Grammar { name: "examples", value: "0".into(), allowed: "at least 1" });
        }
        Ok(())
    }

    /// One sentence, the class of its agent, and whether it is passive.
    fn sentence(&self, rng: &mut impl Rng) -> (String, usize, bool) {
        let agent_class = pick(rng, 2);
        let agent = pick(rng, 8);
        let other = chance(rng, self.contrast);
        let patient_class = if other { 1 - agent_class } else { agent_class };
        // Within one class the patient is one of the seven others: nobody acts on oneself.
        let patient = if other { pick(rng, 8) } else { (agent + 1 + pick(rng, 7)) % 8 };
        let agent = self.noun_phrase(rng, NOUNS[agent_class][agent]);
        let patient = self.noun_phrase(rng, NOUNS[patient_class][patient]);
        let [past, participle] = VERBS[pick(rng, VERBS.len())];
        let passive = chance(rng, self.passive);
        let mut sentence = match passive {
            true => format!("{patient} was {participle} by {agent}"),
            false => format!("{agent} {past} {patient}"),
        };
        if chance(rng, self.adverb) {
            sentence.push(' ');
            sentence.push_str(ADVERBS[pick(rng, ADVERBS.len())]);
        }
        sentence.push_str(" .");
        (sentence, agent_class, passive)
    }

    fn noun_phrase(&self, rng: &mut impl Rng, noun: &str) -> String {
        match chance(rng, self.adjective) {
            true => format!("the {} {noun}", ADJECTIVES[pick(rng, ADJECTIVES.len())]),
            false => format!("the {noun}"),
        }
    }
}

// Draws are made from raw words, not from `rand`'s distributions: those may change their values between versions, and
// with them every result that was ever computed from this data set.

fn pick(rng: &mut impl Rng, choices: usize) -> usize {
    ((rng.next_u64() as u128 * choices as u128) >> 64) as usize
}

fn chance(rng: &mut impl Rng, probability: f64) -> bool {
    ((rng.next_u64() >> 11) as f64) < probability * (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(word: &str) -> Option<&'static str> {
        (0..2).find(|&class| NOUNS[class].contains(&word)).map(|class| CLASSES[class])
    }

    fn nouns(text: &str) -> Vec<&'static str> {
        text.split(' ').filter_map(class_of).collect()
    }

    #[test]
    fn the_label_is_the_agents_class_in_both_voices() {
        let data = Grammar { examples: 2000, passive: 0.5, ..Grammar::default() }.generate("train").unwrap();
        let labels = data.label.as_ref().unwrap();
        for ((text, label), voice) in data.text.iter().zip(labels).zip(data.column("voice").unwrap()) {
            let nouns = nouns(text);
            assert_eq!(nouns.len(), 2, "{text}");
            assert_ne!(nouns[0], nouns[1], "{text}");
            assert_eq!(text.contains(" was ") && text.contains(" by "), voice == "passive", "{text}");
            assert_eq!(nouns[usize::from(voice == "passive")], label, "{text}");
        }
        let workers = labels.iter().filter(|label| *label == "worker").count();
        assert!((900..1100).contains(&workers), "{workers}");
        for [past, participle] in VERBS {
            let uses = |text: &&String| text.split(' ').any(|word| word == past || word == participle);
            let count = data.text.iter().filter(uses).count();
            assert!((150..250).contains(&count), "{past}: {count}");
        }
    }

    #[test]
    fn the_first_noun_is_right_in_domain_and_wrong_out_of_domain() {
        let score = |grammar: Grammar| {
            let data = grammar.generate("test").unwrap();
            let labels = data.label.as_ref().unwrap();
            let right = data.text.iter().zip(labels).filter(|(text, label)| nouns(text)[0] == **label).count();
            right as f64 / data.len() as f64
        };
        let base = Grammar { examples: 4000, ..Grammar::default() };
        assert!((0.97..0.99).contains(&score(base.clone())));
        assert_eq!(score(Grammar { passive: 1.0, ..base.clone() }), 0.0);
        let uniform = score(Grammar { passive: 1.0, contrast: 0.5, ..base });
        assert!((0.45..0.55).contains(&uniform), "{uniform}");
    }

    #[test]
    fn sentences_are_pinned_and_splits_differ() {
        let grammar = Grammar { examples: 5, seed: 7, passive: 0.5, adjective: 0.5, ..Grammar::default() };
        let train = grammar.generate("train").unwrap();
        assert_eq!(train.text, GOLDEN);
        assert_ne!(train.text, grammar.generate("validation").unwrap().text);
        let more = Grammar { examples: 30, ..grammar.clone() }.generate("train").unwrap();
        assert_eq!(more.text[..5], train.text[..]);
        let active = Grammar { passive: 0.0, ..grammar }.generate("train").unwrap();
        assert_eq!(active.text[0], "the old plumber visited the pilgrim .");
        assert_eq!((&active.text[1..], active.label), (&train.text[1..], train.label));
    }

    const GOLDEN: [&str; 5] = [
        "the pilgrim was visited by the old plumber .",
        "the quiet waiter saw the tourist .",
        "the nurse visited the camper .",
        "the old nurse visited the tall customer last week .",
        "the old stranger visited the farmer yesterday .",
    ];

    #[test]
    fn impossible_parameters_are_refused() {
        let error = Grammar { passive: 1.5, ..Grammar::default() }.generate("train").unwrap_err();
        assert_eq!(error.to_string(), "the grammar's `passive` is 1.5, but must be between 0 and 1");
        assert!(Grammar { contrast: f64::NAN, ..Grammar::default() }.generate("train").is_err());
        assert!(Grammar { examples: 0, ..Grammar::default() }.generate("train").is_err());
    }
}
