//! `kind = "sharpness"`: the models of a sharpness stage against a metric, coloured by the clusters of a cluster stage.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{clusters_of, doubt, groups, metric_axis, metric_column, parts, places_in_clusters};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture, cluster_names};
use super::pick::{Pick, at};
use super::raw::RawPlot;
use super::scatter::fit;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Look, Scatter, Width};
use crate::kinds::expand::Expander;
use crate::kinds::metrics::{metric_inputs, metric_values};
use crate::kinds::models::{Member, labels};
use crate::kinds::references::References;
use crate::kinds::sharpness::{self, Sharpened, Sharpness};
use crate::kinds::{cluster, eval};
use crate::study::Checker;
use crate::study::words::{MetricName, MetricRef};

pub const FIGURE: FigureKind = FigureKind {
    name: "sharpness",
    about: "A metric of each model against its sharpness.",
    example: "[plot.sharpness]\nkind = \"sharpness\"\nof = \"sharp\"\nmetric = \"eval.paws:f1\"\n",
    needs: &["metric"],
    told_by: None,
    tag: "sharpness",
    keys: &["metric", "clusters", "group_by", "order", "limits", "log"],
    limits: &["x", "y"],
    log: &["x", "y"],
    colours_are_values: false,
    read,
    draw,
};

const ROLE: Role<Sharpness> = Role::new("sharpness");

#[derive(Debug)]
struct SharpnessSpec {
    of: Spanned<String>,
    metric: Spanned<MetricRef>,
    clusters: Option<Spanned<String>>,
    group_by: Option<Spanned<String>>,
}

/// Inputs `sharpness:I` and `metric:I`, and `clusters` with each model's place in it where there is one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "sharpness")]
struct Parameters {
    eval: String,
    metric: MetricName,
    models: Vec<String>,
    clusters: Option<Vec<usize>>,
    /// Of each model, in the place of clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[sharpness::KIND], checker)?;
    let metric = raw.needed_metric("a plot of sharpness needs the `metric` on its y axis", "eval.paws:f1", checker)?;
    Some(Box::new(SharpnessSpec { of, metric, clusters: raw.clusters(), group_by: raw.group_by(checker)? }))
}

impl Figure for SharpnessSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, sharpness::KIND);
        to.metric(&self.metric, eval::KIND);
        self.clusters.iter().for_each(|clusters| to.named(clusters, cluster::KIND));
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(Sharpened(measured)) = from.find(sharpness::KIND, self.of.get_ref()) else { return Ok(None) };
        let all: Vec<Member> = measured.iter().map(|(model, ..)| model.clone()).collect();
        let picked = pick.of(&all, from)?;
        let models = at(&picked, &all);
        let numbered = picked.iter().map(|place| &measured[*place]).enumerate();
        let mut inputs: Vec<Input> =
            numbered.map(|(number, (_, step, artifact))| Input::new(&ROLE.of(number), *step, artifact)).collect();
        inputs.extend(metric_inputs(&self.metric, &models, from)?);
        let Some((clusters, input)) = places_in_clusters(&models, self.clusters.as_ref(), from)? else {
            return Ok(None);
        };
        inputs.extend(input);
        let groups = self.group_by.as_ref().map(|by| groups(by, &models, from)).transpose()?;
        let MetricRef { eval, metric } = self.metric.get_ref().clone();
        let parameters = Parameters { eval: eval.clone(), metric, models: labels(&models), clusters, groups };
        let named = parameters.groups.clone().into_iter().flatten();
        Ok(Some(Drawing::new(&parameters, inputs).of(&models, from).naming(&eval).naming_all(named)))
    }

    fn groups(&self) -> Vec<String> {
        cluster_names(|cluster| format!("cluster {cluster}"))
    }
}

fn draw(parameters: Value, look: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { eval, metric, models, clusters, groups } = serde_json::from_value(parameters)?;
    let one = |number| -> Result<f64, StageError> { Ok(context.json(&ROLE.of(number))?.sharpness) };
    let x = (0..models.len()).map(one).collect::<Result<Vec<f64>, _>>()?;
    let y = metric_values(&metric, models.len(), context)?;
    let (names, of) = parts(groups.as_deref().unwrap_or_default());
    Ok(Box::new(Scatter {
        fit: fit(&x, &y),
        x,
        y,
        clusters: if groups.is_some() { Some(of) } else { clusters_of(clusters.as_deref(), context)? },
        groups: names,
        names: Some(models),
        x_label: "ε-sharpness (%)".to_owned(),
        y_label: metric_axis(&eval, &metric, look),
        y_column: metric_column(&eval, &metric),
        title: metric.group_title(),
        width: Width::Column,
        look: Look { doubt: doubt(clusters.is_some(), context)?, ..Look::default() },
    }))
}
