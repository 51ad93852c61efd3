//! Values as a file writes them.

use toml::Spanned;
use toml::de::DeValue;

use super::load::in_written_order;

/// The keys of a table in their order, each with its value on one line.
pub fn written_keys(table: &Spanned<DeValue<'_>>) -> Vec<(String, String)> {
    let DeValue::Table(table) = table.get_ref() else { return Vec::new() };
    in_written_order(table.clone()).iter().map(|(key, value)| (key_as_written(key.get_ref()), written(value))).collect()
}

fn written(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => toml::Value::String(text.to_string()).to_string(),
        DeValue::Integer(digits) => {
            let prefix = match digits.radix() {
                2 => "0b",
                8 => "0o",
                16 => "0x",
                _ => "",
            };
            format!("{prefix}{}", digits.as_str())
        }
        DeValue::Float(digits) => digits.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        DeValue::Table(_) => {
            let entries: Vec<String> =
                written_keys(value).iter().map(|(key, value)| format!("{key} = {value}")).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn key_as_written(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        toml::Value::String(key.to_owned()).to_string()
    }
}
