//! `s3://BUCKET/PREFIX`: where a remote cache is.

use super::super::secrets::shown;
use std::fmt;
use std::str::FromStr;

/// A bucket, and the beginning of the names in it, without a slash at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Address {
    pub bucket: String,
    pub prefix: String,
}

impl S3Address {
    /// The whole name in the bucket.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}/{name}", self.prefix) }
    }

    /// A name in it, as a person may give it to another tool.
    pub fn place(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.key(name))
    }
}

impl FromStr for S3Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{}` is no place for a remote cache: {what}", shown(text));
        let Some(rest) = text.strip_prefix("s3://") else {
            return Err(wrong("write s3://BUCKET/PREFIX"));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            return Err(wrong("keys come from the environment or a profile, and are never part of it"));
        }
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(letter) {
            return Err(wrong("a bucket's name has 3 to 63 letters, digits, points and dashes"));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let strange = |c: char| c.is_control() || matches!(c, '?' | '#' | '\\');
        let part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(strange);
        if prefix.len() > 500 || !(prefix.is_empty() || prefix.split('/').all(part)) {
            return Err(wrong("after the bucket come names with a slash between them"));
        }
        Ok(Self { bucket: bucket.to_string(), prefix: prefix.to_string() })
    }
}

impl fmt::Display for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_bucket_and_a_prefix_and_nothing_secret() {
        for (text, bucket, prefix, place) in [
            ("s3://lab-cache/qqp", "lab-cache", "qqp", "s3://lab-cache/qqp/v1/x"),
            ("s3://lab.cache/a/b/", "lab.cache", "a/b", "s3://lab.cache/a/b/v1/x"),
            ("s3://lab", "lab", "", "s3://lab/v1/x"),
            ("s3://lab/", "lab", "", "s3://lab/v1/x"),
        ] {
            let address: S3Address = text.parse().unwrap();
            assert_eq!((address.bucket.as_str(), address.prefix.as_str()), (bucket, prefix));
            assert_eq!(address.place("v1/x"), place);
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
        for text in ["lab/qqp", "https://lab/qqp", "s3://", "s3://ab", "s3://lab/a//b", "s3://lab/../b", "s3://la b/x"]
        {
            assert!(text.parse::<S3Address>().is_err(), "{text}");
        }
        for text in ["s3://AKIA:secret@lab/x", "s3://lab/x?X-Amz-Signature=secret"] {
            let error = text.parse::<S3Address>().unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
