//! Folders as people write them in variables and files: `~` is their home, `$NAME` and `${NAME}` are variables. One
//! function for all of them, so that no folder is ever called `~`.

use std::path::{Path, PathBuf};

/// The folder or file that is meant.
///
/// # Errors
/// A variable that is not set, or a home that is not known.
pub fn expanded(written: &str) -> Result<PathBuf, String> {
    expanded_by(written, &|name| std::env::var(name).ok(), std::env::home_dir().as_deref())
}

/// The same with variables from elsewhere.
pub(super) fn expanded_by(
    written: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<PathBuf, String> {
    let at_home = |rest: &str| match home {
        Some(home) => Ok(home.join(rest)),
        None => Err(format!("`{written}` begins with ~, and there is no home folder: write the folder out")),
    };
    let with_values = with_values(written, variable)?;
    match with_values.strip_prefix('~') {
        Some("") => at_home(""),
        Some(rest) if rest.starts_with('/') => at_home(rest.trim_start_matches('/')),
        Some(_) => Err(format!("`{written}` names another one's home: write the folder out")),
        None => Ok(PathBuf::from(with_values)),
    }
}

fn with_values(written: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), written);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, tail) = match after.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some((name, tail)) => (name, tail),
            None => after.split_at(after.find(|c| !part_of_name(c)).unwrap_or(after.len())),
        };
        if name.is_empty() || !name.chars().all(part_of_name) {
            // No variable: a dollar in a file's name.
            out.push('$');
            rest = after;
            continue;
        }
        out.push_str(
            &variable(name).ok_or_else(|| format!("`{written}` needs the variable {name}, which is not set"))?,
        );
        rest = tail;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_and_variables_are_what_they_stand_for() {
        let variable = |name: &str| match name {
            "SCRATCH" => Some("/scratch/me".to_owned()),
            "HERE" => Some("~/here".to_owned()),
            _ => None,
        };
        let path = |written: &str| expanded_by(written, &variable, Some(Path::new("/home/me")));
        for (written, meant) in [
            ("~", "/home/me"),
            ("~/hf", "/home/me/hf"),
            ("$SCRATCH/hf", "/scratch/me/hf"),
            ("${SCRATCH}_2", "/scratch/me_2"),
            ("a/$SCRATCH", "a//scratch/me"),
            ("$HERE/x", "/home/me/here/x"),
            ("cache", "cache"),
            ("a~b/~", "a~b/~"),
            ("price in $", "price in $"),
            ("$-", "$-"),
        ] {
            assert_eq!(path(written).as_deref(), Ok(Path::new(meant)), "{written}");
        }
        assert_eq!(path("$SCRTCH/hf").unwrap_err(), "`$SCRTCH/hf` needs the variable SCRTCH, which is not set");
        assert!(path("~you/hf").unwrap_err().contains("another one's home"));
        assert!(expanded_by("~/x", &variable, None).unwrap_err().contains("no home folder"));
    }
}
