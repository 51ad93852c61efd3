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

#[cfg(test)]
mod tests {
    use super::super::TransformerConfig;
    use super::*;

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
