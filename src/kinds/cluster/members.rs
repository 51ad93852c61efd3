//! Clusters whose members somebody else found: nothing is computed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use super::clusters::{CLUSTERS, Clustered, Clusters};
use crate::engine::{Context, Outputs, StageEnd, StageId, StepKind};
use crate::kinds::expand::Expander;
use crate::kinds::models::{Member, labels};
use crate::kinds::offers::Offers;
use crate::kinds::published;
use crate::kinds::references::References;
use crate::kinds::room::Spec;
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::words::Seeds;
use crate::study::{Checker, Diagnostic, Shape, Shaped};

table! {
    struct RawMembers {
        /// All models, by number.
        seeds: Spanned<Seeds>,
        /// Who is in a cluster: `"15, 25"` or `[15, 25]`, or of several clusters `["15, 25", "3..7"]`. Whoever is in none of them
        /// is in a last one.
        members: Spanned<RawGroups>,
    }
}

/// One group, `"15, 25"` or `[15, 25]`, or several, `["15, 25", "3..7"]`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "models such as \"15, 25\" or [15, 25], or a list of several such texts")]
enum RawGroups {
    One(Seeds),
    Several(Vec<Seeds>),
}

impl Shaped for RawGroups {
    fn shape() -> Shape {
        let one = Shape::Either(vec![Shape::Whole, Seeds::shape()]);
        Shape::Either(vec![one.clone(), Shape::List(Box::new(one), None)])
    }
}

#[derive(Debug)]
pub struct Members {
    seeds: Vec<u64>,
    /// Cluster of each seed, numbered by their first member.
    clusters: Vec<usize>,
}

pub fn written() -> Written {
    Written::new::<RawMembers>(
        "clusters that others found",
        "Nothing is computed: who is in which cluster is listed.",
        "[cluster.published]\nseeds = \"0..100\"\nmembers = \"15, 25, 26\"\n",
    )
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Members> {
    let raw: RawMembers = checker.table(value)?;
    let seeds = published::check_seeds(&raw.seeds, checker)?;
    let span = raw.members.span();
    let groups = match raw.members.into_inner() {
        RawGroups::One(one) => vec![one],
        RawGroups::Several(several) => several,
    };
    let mut group_of: BTreeMap<u64, usize> = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        let members = match group.members() {
            Ok(members) => members,
            Err(message) => return checker.fail(Diagnostic::new(message, span)),
        };
        for member in members {
            if !seeds.contains(&member) {
                return checker.fail(Diagnostic::new(format!("model {member} is not one of `seeds`"), span));
            }
            if group_of.insert(member, number).is_some() {
                return checker.fail(Diagnostic::new(format!("model {member} is a member of two clusters"), span));
            }
        }
    }
    // Numbered by their first member; whoever is named nowhere is in the last group.
    let mut numbered: Vec<usize> = Vec::new();
    let mut clusters = Vec::with_capacity(seeds.len());
    for seed in &seeds {
        let group = group_of.get(seed).copied().unwrap_or(groups.len());
        let known = numbered.iter().position(|known| *known == group);
        clusters.push(known.unwrap_or_else(|| {
            numbered.push(group);
            numbered.len() - 1
        }));
    }
    if numbered.len() < 2 {
        let message = "all models are members of one cluster, and there should be two";
        return checker.fail(Diagnostic::new(message, span));
    }
    Some(Members { seeds, clusters })
}

impl Offers for Members {}

impl Spec for Members {
    fn references(&self, _: &mut References<'_>) {}

    fn steps(&self, stage: &StageId, to: &mut Expander<'_>) -> Result<(), Diagnostic> {
        let models = Member::published(&self.seeds);
        let params = Params { models: labels(&models), clusters: self.clusters.clone() };
        let step = to.push(stage, "", params, vec![]);
        to.about(step, &models);
        to.publish(stage, Clustered { step, models, has_distances: false });
        Ok(())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub models: Vec<String>,
    /// Cluster of each model; clusters are numbered by their first member.
    pub clusters: Vec<usize>,
}

impl StepKind for Params {
    const KIND: &'static str = "members";
    const VERSION: u32 = 1;

    fn run(&self, _: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let mut outputs = Outputs::default();
        let (models, clusters) = (self.models.clone(), self.clusters.clone());
        outputs.json(&CLUSTERS, &Clusters { models, clusters, ..Clusters::default() })?;
        Ok(outputs)
    }
}
