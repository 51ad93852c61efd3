//! How the environment says where the hub and its cache are, with the names and order of Hugging Face's own tools.

use super::super::DataError;
use super::super::network::{PAUSE, STALLED, host};
use super::super::paths::expanded_by;
use crate::plain;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Its `Debug` form never shows the token.
#[derive(Clone)]
pub struct HubSettings {
    /// The folder of `models--…` and `datasets--…`.
    pub cache: PathBuf,
    /// `https://huggingface.co`, or a mirror.
    pub endpoint: String,
    pub token: Option<String>,
    /// The variable or the file that the token is from.
    pub token_from: String,
    /// Use the cache only, and never the network.
    pub offline: bool,
    /// The variable that says so.
    pub offline_by: &'static str,
    /// The pause before the first retry.
    pub pause: Duration,
    /// How long a connection may stay silent.
    pub stalled: Duration,
    /// Over how long its speed is measured.
    pub window: Duration,
}

/// The file of a token holds nothing else.
const LONGEST_TOKEN: u64 = 1 << 16;

/// The first of them that is set counts.
const OFFLINE: [&str; 2] = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];

/// The original, and the default.
pub(super) const HUGGING_FACE: &str = "https://huggingface.co";

impl HubSettings {
    /// HF_HUB_CACHE, or `hub` in HF_HOME, or `~/.cache/huggingface/hub`; HF_ENDPOINT; HF_TOKEN, or the file that
    /// `hf auth login` writes; HF_HUB_OFFLINE; HF_HUB_DOWNLOAD_TIMEOUT, in seconds. Fails only where there is no home folder to fall back on.
    pub fn from_env() -> Result<HubSettings, DataError> {
        let variable = |name: &str| std::env::var(name).ok();
        HubSettings::from_variables(&variable, std::env::home_dir().as_deref())
    }

    fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<HubSettings, DataError> {
        let set = |names: &[&str]| {
            let values = names.iter().filter_map(|name| variable(name));
            values.map(|value| value.trim().to_string()).find(|value| !value.is_empty())
        };
        let folder = |names: &[&str]| -> Result<Option<PathBuf>, DataError> {
            let Some(written) = set(names) else { return Ok(None) };
            let wrong = |what| DataError::Folder { variable: names.join(" or "), what };
            expanded_by(&written, variable, home).map(Some).map_err(wrong)
        };
        let root = match folder(&["HF_HOME"])? {
            Some(root) => Some(root),
            None => folder(&["XDG_CACHE_HOME"])?
                .or(home.map(|home| home.join(".cache")))
                .map(|cache| cache.join("huggingface")),
        };
        let cache = match folder(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])? {
            Some(cache) => cache,
            None => root.as_ref().ok_or(DataError::NoHome)?.join("hub"),
        };
        let token_file = folder(&["HF_TOKEN_PATH"])?.or(root.map(|root| root.join("token")));
        let given =
            ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].into_iter().find_map(|name| Some((set(&[name])?, name.to_owned())));
        let stored = || {
            let file = token_file?;
            Some((plain::text_up_to(&file, LONGEST_TOKEN).ok()?, format!("the file {}", file.display())))
        };
        let (token, token_from) = given.or_else(stored).unzip();
        let endpoint = set(&["HF_ENDPOINT"]).unwrap_or_else(|| HUGGING_FACE.to_string());
        let by = offline_by(variable);
        let seconds =
            set(&["HF_HUB_DOWNLOAD_TIMEOUT"]).and_then(|value| value.parse().ok()).filter(|seconds| *seconds > 0);
        Ok(HubSettings {
            cache,
            endpoint: endpoint.trim_end_matches('/').to_string(),
            token: token.map(|token| token.trim().to_string()).filter(|token| !token.is_empty()),
            token_from: token_from.unwrap_or_default(),
            offline: by.is_some(),
            offline_by: by.unwrap_or(OFFLINE[0]),
            pause: PAUSE,
            stalled: seconds.map_or(STALLED, Duration::from_secs),
            window: seconds.map_or(STALLED, Duration::from_secs),
        })
    }
}

impl std::fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubSettings")
            .field("cache", &self.cache)
            .field("endpoint", &host(&self.endpoint))
            .field("token", &self.token.as_ref().map(|_| "(hidden)"))
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

/// The variable that keeps away from the network, if one does.
pub fn offline_by(variable: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    let set = |name| variable(name).map(|value| value.trim().to_string()).filter(|value| !value.is_empty());
    let said = OFFLINE.into_iter().find_map(|name| Some((name, is_true(&set(name)?))));
    said.filter(|(_, offline)| *offline).map(|(name, _)| name)
}

fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "on" | "yes" | "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        HubSettings::from_variables(&variable, Some(Path::new("/home/me"))).unwrap()
    }

    #[test]
    fn variables_are_read_in_the_order_of_hugging_faces_tools() {
        let cache = |variables| settings(variables).cache;
        assert_eq!(cache(&[]), Path::new("/home/me/.cache/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("XDG_CACHE_HOME", "/x")]), Path::new("/hf/hub"));
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert_eq!(cache(&[("HF_HOME", "")]), Path::new("/home/me/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HF_HOME", "~/hf")]), Path::new("/home/me/hf/hub"));
        assert_eq!(cache(&[("HF_HUB_CACHE", "$SCRATCH/c"), ("SCRATCH", "/s")]), Path::new("/s/c"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "~/x")]), Path::new("/home/me/x/huggingface/hub"));
        let unset = |name: &str| (name == "HF_HOME").then(|| "$SCRATCH/hf".to_string());
        let error = HubSettings::from_variables(&unset, Some(Path::new("/home/me"))).unwrap_err().to_string();
        assert_eq!(error, "HF_HOME: `$SCRATCH/hf` needs the variable SCRATCH, which is not set");
        for (value, offline) in [("1", true), ("TRUE", true), ("0", false), ("", false)] {
            assert_eq!(settings(&[("HF_HUB_OFFLINE", value)]).offline, offline, "{value}");
        }
        // The first that is set counts, and is named.
        let both = |value| settings(&[("HF_HUB_OFFLINE", value), ("TRANSFORMERS_OFFLINE", "1")]);
        assert_eq!([both("0").offline, both("").offline], [false, true]);
        assert_eq!([both("1").offline_by, both("").offline_by], ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]);
        for (value, seconds) in [("7", 7), ("soon", 60), ("0", 60)] {
            assert_eq!(
                settings(&[("HF_HUB_DOWNLOAD_TIMEOUT", value)]).stalled,
                Duration::from_secs(seconds),
                "{value}"
            );
        }
        assert_eq!(settings(&[("HF_ENDPOINT", "https://mirror/")]).endpoint, "https://mirror");
        assert!(HubSettings::from_variables(&|_| None, None).is_err());
    }

    #[test]
    fn the_token_is_found_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "from-file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let stored = settings(&[("HF_HOME", home), ("HF_HUB_CACHE", "/elsewhere")]);
        assert_eq!(stored.token.as_deref(), Some("from-file"));
        let given = settings(&[("HF_HOME", home), ("HF_TOKEN", "secret")]);
        assert_eq!(given.token.as_deref(), Some("secret"));
        assert_eq!((stored.token_from, given.token_from.as_str()), (format!("the file {home}/token"), "HF_TOKEN"));
        assert!(!format!("{given:?}").contains("secret"));
    }
}
