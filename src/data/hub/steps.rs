//! Which commit holds a training step: the newest one whose message names it.

use super::super::DataError;
use super::super::network::{Failure, is_busy, quoted, with_retries};
use super::client::header;
use super::{Found, Hub, Pick, is_commit, unasked};
use hf_hub::{Repo, RepoType};
use serde::Deserialize;
use std::collections::BTreeSet;
use ureq::Body;
use ureq::http::Response;

/// A history longer than this is not one of training.
const PAGES: usize = 1000;

#[derive(Deserialize)]
struct Commit {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    message: String,
}

impl Hub {
    /// Like [`Hub::find`], at a training step. The commit that it was is kept beside the revisions.
    pub(super) fn find_step(&self, name: &str, repo: &Repo, step: u64, pick: Pick) -> Result<Found, DataError> {
        let revision = repo.revision();
        // Not a name that git allows, so no branch or tag can have it.
        let reference = format!("{revision}~step-{step}");
        let recorded = || Repo::with_revision(name.to_string(), RepoType::Model, reference.clone());
        let known = self.local(&recorded(), pick);
        let fixed = self.settings.offline || is_commit(revision);
        match known {
            Ok(found) if fixed => return Ok(found),
            Err(_) if self.settings.offline => return self.find(name, &recorded(), pick, true),
            _ => {}
        }
        let (host, what) = match self.commit_of(name, repo, step) {
            Ok(commit) => {
                let pinned = Repo::with_revision(name.to_string(), RepoType::Model, commit.clone());
                let found = self.find(name, &pinned, pick, false)?;
                self.record(repo, &reference, &commit)?;
                return Ok(found);
            }
            Err(DataError::Unreachable { host, what }) => (host, what),
            Err(DataError::Status { host, status, .. }) if is_busy(status) => (host, format!("it answered {status}")),
            Err(error) => return Err(error),
        };
        match known {
            Ok(mut found) => {
                found.note = Some(unasked(&host, &what, name, &reference, &found.commit));
                Ok(found)
            }
            Err(why) => {
                let (repo, cache) = (name.to_string(), self.settings.cache.clone());
                Err(DataError::HubUnreachable { host, repo, what, why: why.to_string(), cache })
            }
        }
    }

    fn commit_of(&self, name: &str, repo: &Repo, step: u64) -> Result<String, DataError> {
        let mut there = BTreeSet::new();
        let path = format!("api/{}/{name}/commits/{}", self.kind(repo), quoted(repo.revision(), false));
        let mut next = Some(self.client.url(&path));
        for _ in 0..PAGES {
            let Some(url) = next else { break };
            let (commits, further) = with_retries(self.settings.pause, || self.page(name, repo, &url))?;
            for commit in commits {
                let mut numbers = numbers(&commit.title);
                numbers.extend(self::numbers(&commit.message));
                if numbers.contains(&step) && is_commit(&commit.id) {
                    return Ok(commit.id);
                }
                there.extend(numbers);
            }
            next = further;
        }
        let (repo, revision) = (name.to_string(), repo.revision().to_string());
        let there = there.into_iter().map(|number| number.to_string()).collect();
        Err(DataError::NoStep { repo, revision, step, there })
    }

    /// Some commits, newest first, and where the next ones are.
    fn page(&self, name: &str, repo: &Repo, url: &str) -> Result<(Vec<Commit>, Option<String>), Failure> {
        let response = self.client.get(url, 0)?.response;
        match response.status().as_u16() {
            200 => {}
            404 => return Err(Failure::last(self.unknown(name, repo))),
            _ => return Err(self.client.refusal(url, name, &response)),
        }
        let next = next_page(&response).map(|next| self.client.through_endpoint(&next));
        Ok((self.client.json(response)?, next))
    }
}

/// The target of `rel="next"` in `Link: <https://…?p=1>; rel="next", <…>; rel="last"`.
fn next_page(response: &Response<Body>) -> Option<String> {
    let links = header(response, "link")?;
    links.split('<').skip(1).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let next = parameters.split([';', ',']).any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"));
        next.then(|| target.to_string())
    })
}

/// The whole numbers in a text: longest runs of digits that are not part of a fraction, a version or a number with
/// separators (`0.15000`, `1,500`).
fn numbers(text: &str) -> Vec<u64> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let joint = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|byte| matches!(byte, b'.' | b','));
    let mut found = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        if !digit(Some(start)) {
            start += 1;
            continue;
        }
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = start + length;
        let before = joint(start.checked_sub(1)) && digit(start.checked_sub(2));
        let after = joint(Some(end)) && digit(Some(end + 1));
        if !before && !after {
            found.extend(text[start..end].parse::<u64>());
        }
        start = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn a_step_is_a_whole_number() {
        let cases: &[(&str, &[u64])] = &[
            ("Saving weights and logs of step 15000", &[15000]),
            ("step 150000, not 1500", &[150000, 1500]),
            ("checkpoint-15000.", &[15000]),
            ("step15000", &[15000]),
            ("v0.15000 and 15000.5 and 15,000", &[]),
            ("steps 100,200", &[]),
            ("steps 100, 200; 00300", &[100, 200, 300]),
            ("99999999999999999999999", &[]),
            ("Schritt ７ → 8é9", &[8, 9]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(&numbers(text), expected, "{text}");
        }
    }
}
