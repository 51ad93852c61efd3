//! The names of a model's classes, where its own configuration does not tell them.

use serde_json::{Map, Value};

use super::ModelError;

/// The same `config.json`, with `labels` as the names of the outputs, in their order.
///
/// # Errors
/// Text that is not a JSON object.
pub fn relabel(config: &str, labels: &[String]) -> Result<String, ModelError> {
    let syntax = |error: serde_json::Error| ModelError::ConfigSyntax(error.to_string());
    let mut fields: Map<String, Value> = serde_json::from_str(config).map_err(syntax)?;
    let by_index = labels.iter().enumerate().map(|(index, name)| (index.to_string(), Value::from(name.as_str())));
    let by_name = labels.iter().enumerate().map(|(index, name)| (name.clone(), Value::from(index)));
    fields.insert("id2label".into(), Value::Object(by_index.collect()));
    fields.insert("label2id".into(), Value::Object(by_name.collect()));
    // An older way to say how many there are; transformers would put LABEL_0, LABEL_1, … in their place.
    fields.remove("num_labels");
    let mut text = serde_json::to_string_pretty(&fields).map_err(syntax)?;
    text.push('\n');
    Ok(text)
}

/// What a model's head is for, if it is not for classifying texts: such a head can have a classifier's very names.
///
/// The name of its class, `BertForTokenClassification`, where `config.json` tells it.
pub fn other_task(config: &str) -> Option<String> {
    const OTHERS: [&str; 3] = ["ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice"];
    let fields: Value = serde_json::from_str(config).ok()?;
    let classes: Vec<&str> = fields["architectures"].as_array()?.iter().filter_map(Value::as_str).collect();
    let other = classes.iter().find(|class| OTHERS.iter().any(|task| class.ends_with(task)));
    let classifies = classes.iter().any(|class| class.ends_with("ForSequenceClassification"));
    other.filter(|_| !classifies).map(|class| (*class).to_owned())
}

/// The same `config.json` of a model without a head.
///
/// # Errors
/// Text that is not a JSON object.
pub fn without_head(config: &str) -> Result<String, ModelError> {
    let syntax = |error: serde_json::Error| ModelError::ConfigSyntax(error.to_string());
    let mut fields: Map<String, Value> = serde_json::from_str(config).map_err(syntax)?;
    for field in ["architectures", "id2label", "label2id", "num_labels"] {
        fields.remove(field);
    }
    Ok(serde_json::to_string_pretty(&fields).map_err(syntax)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::super::TransformerConfig;
    use super::*;

    #[test]
    fn a_tagger_is_no_classifier() {
        let of = |classes: &[&str]| other_task(&serde_json::json!({ "architectures": classes }).to_string());
        assert_eq!(of(&["BertForTokenClassification"]).as_deref(), Some("BertForTokenClassification"));
        assert_eq!(of(&["ElectraForQuestionAnswering"]).as_deref(), Some("ElectraForQuestionAnswering"));
        for fine in [&["BertForSequenceClassification"][..], &["BertForMaskedLM"], &["BertModel"], &[]] {
            assert_eq!(of(fine), None, "{fine:?}");
        }
        assert_eq!(other_task("{}"), None);
        let named = TransformerConfig::new(30, 2, 8, 2, 16).to_json(Some(&["O".into(), "B-PER".into()]));
        let bare = without_head(&named).unwrap();
        assert!(TransformerConfig::from_json(&bare).unwrap().labels().is_empty() && !bare.contains("B-PER"));
    }

    #[test]
    fn only_the_labels_change() {
        let before = TransformerConfig::new(30, 2, 8, 2, 16);
        let text = before.to_json(Some(&["LABEL_0".into(), "LABEL_1".into(), "LABEL_2".into()]));
        let labels = ["contradiction", "entailment", "neutral"].map(String::from);
        let after = TransformerConfig::from_json(&relabel(&text, &labels).unwrap()).unwrap();
        assert_eq!(after.labels(), labels);
        assert_eq!(after, TransformerConfig { id2label: after.id2label.clone(), ..before });
        assert!(relabel("[]", &labels).is_err());
    }
}
