//! `[surface.x]` and `[sharpness.x]` with `logs`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::super::raw::{RawPlanes, RawSeeds};
use super::super::validate::Checker;
use super::{Diagnostic, Logs, Metric, Text, logs, seeds};
use crate::data::published::Pattern;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawImportedSurface {
    pub logs: Text,
    pub folder: Option<Text>,
    pub files: Spanned<BTreeMap<String, Text>>,
    pub planes: Spanned<RawPlanes>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawImportedSharpness {
    pub logs: Text,
    pub folder: Option<Text>,
    pub seeds: Spanned<RawSeeds>,
}

/// Planes as Python pickles.
#[derive(Debug)]
pub struct ImportedSurface {
    pub logs: Logs,
    /// Metric → names of files.
    pub files: BTreeMap<String, String>,
    /// Numbers of three models, the anchor first; each plane once.
    pub planes: Vec<[u64; 3]>,
}

#[derive(Debug)]
pub struct ImportedSharpness {
    pub logs: Logs,
    pub seeds: Vec<u64>,
}

pub(in super::super) fn check_surface(raw: RawImportedSurface, checker: &mut Checker) -> Option<ImportedSurface> {
    let planes = planes(raw.planes, checker)?;
    let at = raw.files.span();
    let mut files = BTreeMap::new();
    for (metric, text) in raw.files.into_inner() {
        let name = Spanned::new(text.span(), metric.clone());
        checker.one_of(&name, "metric", Metric::ALL.map(|metric| (metric.name(), ())));
        let pattern = checker.parse(text, |text| Pattern::parse_planes(text).map_err(|error| error.to_string()))?;
        let name = pattern.span();
        let pattern = pattern.into_inner();
        if planes.len() > 1 && !pattern.has_numbers() {
            let message = format!("one file cannot hold {} planes", planes.len());
            checker.fail::<()>(
                Diagnostic::new(message, name.clone()).help("write {} where each of the three models' numbers stands"),
            );
        }
        files.insert(metric, pattern.text());
    }
    if files.is_empty() {
        return checker
            .fail(Diagnostic::new("`files` names no file", at).help("write files = { loss = \"NAME.pkl\" }"));
    }
    Some(ImportedSurface { logs: logs(&raw.logs, raw.folder, checker)?, files, planes })
}

fn planes(raw: Spanned<RawPlanes>, checker: &mut Checker) -> Option<Vec<[u64; 3]>> {
    let at = raw.span();
    let listed = match raw.into_inner() {
        RawPlanes::Seeds(listed) if !listed.is_empty() => listed,
        _ => {
            let message = "the planes of published surfaces are listed by their models' numbers";
            return checker.fail(Diagnostic::new(message, at).help("write planes = [[7, 22, 31]], the anchor first"));
        }
    };
    let mut planes = Vec::new();
    for plane in listed {
        let [anchor, first, second] = plane;
        if anchor == first || anchor == second || first == second {
            let message = format!("the plane {anchor}, {first}, {second} names a model twice");
            return checker.fail(Diagnostic::new(message, at));
        }
        if !planes.contains(&plane) {
            planes.push(plane);
        }
    }
    Some(planes)
}

pub(in super::super) fn check_sharpness(raw: RawImportedSharpness, checker: &mut Checker) -> Option<ImportedSharpness> {
    let seeds = seeds(&raw.seeds, checker)?;
    Some(ImportedSharpness { logs: logs(&raw.logs, raw.folder, checker)?, seeds })
}
