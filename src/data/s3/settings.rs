//! Where the bucket's server is and whose keys are used, as the environment and the profile's files say it: the names and
//! the order of Amazon's own tools.

use super::super::DataError;
use super::super::network::{PAUSE, STALLED};
use super::super::paths::expanded_by;
use super::credentials::{Credentials, Keys, Source};
use crate::plain;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const DEFAULT_REGION: &str = "us-east-1";
/// Nobody writes longer ones.
const LONGEST_FILE: u64 = 1 << 20;

/// Holds no secret but in `credentials`, which never show them.
#[derive(Debug)]
pub struct S3Settings {
    pub(super) region: String,
    /// Of a server that is not Amazon's, with its scheme.
    pub(super) endpoint: Option<String>,
    /// `endpoint/bucket/name` rather than `bucket.endpoint/name`.
    pub(super) path_style: Option<bool>,
    pub(super) credentials: Credentials,
    /// The pause before the first retry.
    pub(super) pause: Duration,
    pub(super) stalled: Duration,
}

/// The keys of a section, with those of an indented list under one as `list.key`.
type Section = HashMap<String, String>;

impl S3Settings {
    /// `AWS_REGION`, `AWS_DEFAULT_REGION`; `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`; the profile that `AWS_PROFILE` names
    /// in `~/.aws/config` and `~/.aws/credentials`; keys in the order that `Credentials` tells.
    ///
    /// # Errors
    /// What is set there cannot be read or used.
    pub fn from_env() -> Result<Self, DataError> {
        let variable = |name: &str| std::env::var(name).ok();
        Self::from_variables(&variable, std::env::home_dir().as_deref())
    }

    pub(super) fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<Self, DataError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_string()).filter(|value| !value.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| set(name));
        let file = |name: &str, usual: &str| -> Result<Option<PathBuf>, DataError> {
            match set(name) {
                Some(written) => {
                    let wrong = |what| DataError::Folder { variable: name.to_string(), what };
                    expanded_by(&written, variable, home).map(Some).map_err(wrong)
                }
                None => Ok(home.map(|home| home.join(usual)).filter(|path| path.is_file())),
            }
        };
        let named = first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]);
        let name = named.as_deref().unwrap_or("default");
        let (config, keys) =
            (file("AWS_CONFIG_FILE", ".aws/config")?, file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")?);
        let (config, keys) = (sections(config.as_deref())?, sections(keys.as_deref())?);
        let in_config = if name == "default" { "default".to_string() } else { format!("profile {name}") };
        let own = [config.get(&in_config), keys.get(name)];
        if named.is_some() && own.iter().all(Option::is_none) {
            let what = format!("AWS_PROFILE is `{name}`, and neither of the profiles' files has it");
            return Err(DataError::S3Credentials { what });
        }
        // The file of keys counts more.
        let profile: Section = own.into_iter().flatten().flat_map(|section| section.clone()).collect();
        let services = profile.get("services").and_then(|name| config.get(&format!("services {name}")));
        let endpoint = first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
            .or_else(|| services.and_then(|services| services.get("s3.endpoint_url")).cloned())
            .or_else(|| profile.get("endpoint_url").cloned());
        let region = first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or_else(|| profile.get("region").cloned());
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_string());
        if let Some(endpoint) = &endpoint
            && !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme))
        {
            let text = super::super::secrets::shown(endpoint);
            return Err(DataError::S3 { what: format!("the endpoint `{text}` is no address: write https://HOST") });
        }
        let path_style = match profile.get("s3.addressing_style").map(String::as_str) {
            Some("path") => Some(true),
            Some("virtual") => Some(false),
            _ => None,
        };
        let source = source(&first, name, &profile, &region)?;
        Ok(Self {
            region,
            endpoint: endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_string()),
            path_style,
            credentials: Credentials::new(source),
            pause: PAUSE,
            stalled: STALLED,
        })
    }

    /// For the tests of other rooms.
    #[cfg(test)]
    pub(crate) fn test(endpoint: &str, id: &str) -> Self {
        Self::of(endpoint, Keys::lasting(id.to_string(), "planted/secret+key".to_string(), None))
    }

    /// For tests: keys and a server, and no waiting.
    #[cfg(test)]
    pub(super) fn of(endpoint: &str, keys: Keys) -> Self {
        Self {
            region: DEFAULT_REGION.to_string(),
            endpoint: Some(endpoint.to_string()),
            path_style: None,
            credentials: Credentials::new(Source::Given(keys)),
            pause: Duration::ZERO,
            stalled: STALLED,
        }
    }
}

/// Where Amazon's servers of a region are.
pub(super) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// What says whose keys are used: the first that is set.
fn source(
    first: &dyn Fn(&[&str]) -> Option<String>,
    name: &str,
    profile: &Section,
    region: &str,
) -> Result<Source, DataError> {
    let set = |name: &str| first(&[name]);
    if let (Some(id), Some(secret)) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY")) {
        return Ok(Source::Given(Keys::lasting(id, secret, set("AWS_SESSION_TOKEN"))));
    }
    let tokens = |file: &str, role: &str, session: Option<String>| Source::WebIdentity {
        file: file.into(),
        role: role.to_string(),
        session: session.unwrap_or_else(|| "pipeline".to_string()),
        endpoint: first(&["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"])
            .unwrap_or_else(|| format!("https://sts.{region}.{}", domain(region))),
    };
    if let (Some(file), Some(role)) = (set("AWS_WEB_IDENTITY_TOKEN_FILE"), set("AWS_ROLE_ARN")) {
        return Ok(tokens(&file, &role, set("AWS_ROLE_SESSION_NAME")));
    }
    let own = |key: &str| profile.get(key).filter(|value| !value.is_empty());
    if let (Some(id), Some(secret)) = (own("aws_access_key_id"), own("aws_secret_access_key")) {
        return Ok(Source::Given(Keys::lasting(id.clone(), secret.clone(), own("aws_session_token").cloned())));
    }
    if let (Some(file), Some(role)) = (own("web_identity_token_file"), own("role_arn")) {
        return Ok(tokens(file, role, own("role_session_name").cloned()));
    }
    let other = ["sso_session", "sso_start_url", "credential_process", "source_profile", "credential_source"];
    if let Some(other) = other.into_iter().find(|other| own(other).is_some()) {
        let what = format!(
            "profile `{name}` has its keys by `{other}`, which is left to Amazon's own tool: \
             eval \"$(aws configure export-credentials --profile {name} --format env)\" puts them into the environment"
        );
        return Err(DataError::S3Credentials { what });
    }
    let relative = set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("http://169.254.170.2{path}"));
    if let Some(url) = relative.or_else(|| set("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        let file = set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from);
        return Ok(Source::Container { url, token: set("AWS_CONTAINER_AUTHORIZATION_TOKEN"), file });
    }
    if set("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(Source::None);
    }
    let endpoint = set("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| "http://169.254.169.254".to_string());
    Ok(Source::Instance { endpoint: endpoint.trim_end_matches('/').to_string() })
}

/// The sections of a profile's file, none where there is none.
fn sections(path: Option<&Path>) -> Result<HashMap<String, Section>, DataError> {
    let Some(path) = path else { return Ok(HashMap::new()) };
    let text = plain::text_up_to(path, LONGEST_FILE).map_err(|source| DataError::Io {
        action: "read",
        path: path.to_path_buf(),
        source,
    })?;
    Ok(parsed(&text))
}

fn parsed(text: &str) -> HashMap<String, Section> {
    let mut sections: HashMap<String, Section> = HashMap::new();
    let (mut section, mut list) = (String::new(), String::new());
    for line in text.lines() {
        let words = line.trim();
        if words.is_empty() || words.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = words.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.0.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.entry(section.clone()).or_default();
            continue;
        }
        let Some((key, value)) = words.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else { continue };
        let key = match line.starts_with([' ', '\t']) && !list.is_empty() {
            true => format!("{list}.{key}"),
            false => {
                list = if value.is_empty() { key.to_string() } else { String::new() };
                key.to_string()
            }
        };
        sections.entry(section.clone()).or_default().insert(key, value.to_string());
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# a comment
[default]
region = eu-west-1

[profile  lab]
region=eu-central-1
services = own
s3 =
  addressing_style = virtual
  max_concurrent_requests = 20
output = json
[services own]
s3 =
    endpoint_url = https://minio.example:9000
[profile role]
role_arn = arn:aws:iam::1:role/x
web_identity_token_file = /token
[profile single]
sso_session = x
";
    const KEYS: &str = "\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = planted-default
[lab]
aws_access_key_id=AKIALAB
aws_secret_access_key=planted/lab+=
aws_session_token=planted-token
";

    fn settings(variables: &[(&str, &str)]) -> Result<S3Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/config"), CONFIG).unwrap();
        std::fs::write(folder.path().join(".aws/credentials"), KEYS).unwrap();
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_string());
        S3Settings::from_variables(&variable, Some(folder.path())).map_err(|error| error.to_string())
    }

    fn source(variables: &[(&str, &str)]) -> Source {
        settings(variables).unwrap().credentials.source
    }

    #[test]
    fn regions_endpoints_and_styles_come_from_the_environment_and_then_the_profile() {
        let look = |variables| {
            let found = settings(variables).unwrap();
            (found.region, found.endpoint, found.path_style)
        };
        let minio = || Some("https://minio.example:9000".to_string());
        assert_eq!(look(&[]), ("eu-west-1".to_string(), None, None));
        assert_eq!(look(&[("AWS_PROFILE", "lab")]), ("eu-central-1".to_string(), minio(), Some(false)));
        let (region, endpoint, _) =
            look(&[("AWS_PROFILE", "lab"), ("AWS_REGION", "x-1"), ("AWS_ENDPOINT_URL", "http://localhost:9/")]);
        assert_eq!((region.as_str(), endpoint.as_deref()), ("x-1", Some("http://localhost:9")));
        let (_, endpoint, _) = look(&[("AWS_ENDPOINT_URL_S3", "http://a"), ("AWS_ENDPOINT_URL", "http://b")]);
        assert_eq!(endpoint.as_deref(), Some("http://a"));
        let error = settings(&[("AWS_ENDPOINT_URL", "me:planted@minio:9000")]).unwrap_err();
        assert!(error.contains("is no address") && !error.contains("planted"), "{error}");
        let error = settings(&[("AWS_PROFILE", "nobody")]).unwrap_err();
        assert!(error.contains("AWS_PROFILE is `nobody`"), "{error}");
        let error = settings(&[("AWS_CONFIG_FILE", "/nowhere/config")]).unwrap_err();
        assert!(error.contains("/nowhere/config"), "{error}");
    }

    #[test]
    fn keys_come_from_the_first_place_that_has_any() {
        let own = [("AWS_ACCESS_KEY_ID", "AKIAOWN"), ("AWS_SECRET_ACCESS_KEY", "planted-own")];
        let token = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
        let role = ("AWS_ROLE_ARN", "arn:x");
        match source(&[own[0], own[1], token, role, ("AWS_PROFILE", "lab")]) {
            Source::Given(keys) => assert_eq!((keys.id.as_str(), keys.token), ("AKIAOWN", None)),
            other => panic!("{other:?}"),
        }
        match source(&[own[0], token, role]) {
            Source::WebIdentity { endpoint, .. } => assert_eq!(endpoint, "https://sts.eu-west-1.amazonaws.com"),
            other => panic!("{other:?}"),
        }
        match source(&[("AWS_PROFILE", "lab")]) {
            Source::Given(keys) => {
                assert_eq!((keys.id.as_str(), keys.secret.as_str()), ("AKIALAB", "planted/lab+="));
                assert_eq!(keys.token.as_deref(), Some("planted-token"));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(source(&[("AWS_PROFILE", "role")]), Source::WebIdentity { .. }));
        let error = settings(&[("AWS_PROFILE", "single")]).unwrap_err();
        assert!(error.contains("by `sso_session`") && error.contains("export-credentials --profile single"), "{error}");
        let empty = ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        assert!(settings(&[empty]).is_err(), "a device is no file");

        let nothing = |more: &[(&str, &str)]| {
            let variable = |name: &str| more.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_string());
            S3Settings::from_variables(&variable, None).unwrap().credentials.source
        };
        match nothing(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")]) {
            Source::Container { url, .. } => assert_eq!(url, "http://169.254.170.2/v2/x"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(nothing(&[]), Source::Instance { .. }));
        assert!(matches!(nothing(&[("AWS_EC2_METADATA_DISABLED", "true")]), Source::None));
    }

    #[test]
    fn no_key_is_shown() {
        let shown = format!("{:?}", settings(&[("AWS_PROFILE", "lab")]).unwrap());
        assert!(!shown.contains("planted") && !shown.contains("AKIA"), "{shown}");
    }
}
