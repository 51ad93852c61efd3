//! Addresses without what may be a secret in them: a user with a password, and the parameters after `?`, which in a
//! signed address are a key to whatever they stand for.

/// An address as it may be written to logs and manifests: `https://host/file?…`.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, secret) = rest.find(['?', '#']).map_or((rest, ""), |at| (&rest[..at], "?…"));
    let (authority, file) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{file}{secret}")
}

/// A line of an experiment with stars in the place of such secrets, each as wide as what it hides.
pub(crate) fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("://") {
        let (before, address) = rest.split_at(start + 3);
        out.push_str(before);
        let end = address.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        let path = address.find(['/', '?', '#']).unwrap_or(address.len());
        let user = address[..path].rfind('@').unwrap_or(0);
        let question = address.find(['?', '#']).map_or(address.len(), |at| at + 1);
        for (at, c) in address.char_indices() {
            out.push(if at < user || at >= question { '*' } else { c });
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let cases = [
            ("https://host/a.zip", "https://host/a.zip"),
            ("https://me:pass@host:1/a@b.zip", "https://host:1/a@b.zip"),
            ("https://host/a?token=pass", "https://host/a?…"),
            ("https://me:p/ass@host", "https://me:p/ass@host"),
            ("https://me@host#pass", "https://host?…"),
            ("no address?b@c", "no address?b@c"),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn lines_keep_their_width() {
        let cases = [
            ("dataset = \"https://me:pass@host/a?b=ü\" # x?y", "dataset = \"https://*******@host/a?***\" # x?y"),
            ("[\"https://a/b?c\", 'https://d@e']", "[\"https://a/b?*\", 'https://*@e']"),
            ("name = \"a?b@c\"", "name = \"a?b@c\""),
            ("https://", "https://"),
        ];
        for (line, expected) in cases {
            assert_eq!(masked(line), expected);
            assert_eq!(expected.chars().count(), line.chars().count());
        }
    }
}
