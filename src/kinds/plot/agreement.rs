//! `kind = "heatmap"` with a `value`: how far the models of an agreement stage say the same.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

use super::common::{Order, OrderBy, clusters_of, doubt, ordered, places_in_clusters};
use super::figure::{Drawing, Expanded, Figure, FigureKind, Picture, cluster_names};
use super::pick::{Pick, at};
use super::raw::RawPlot;
use crate::engine::{Context, Input, Role, StageError};
use crate::figures::{Heatmap, Look, Width};
use crate::kinds::agreement::{self, AGREEMENT, Agreed, Agreement, Value as Of};
use crate::kinds::cluster;
use crate::kinds::expand::Expander;
use crate::kinds::models::labels;
use crate::kinds::references::References;
use crate::study::{Checker, Diagnostic};

pub const FIGURE: FigureKind = FigureKind {
    name: "heatmap",
    about: "The agreement of all pairs of models, or the divergence of their probabilities.",
    example: "[plot.agreement]\nkind = \"heatmap\"\nof = \"same\"\nvalue = \"agreement\"\n",
    needs: &["value"],
    told_by: Some("value"),
    tag: "agreement",
    keys: &["value", "order_by", "clusters", "order", "clip"],
    limits: &[],
    log: &[],
    colours_are_values: true,
    read,
    draw,
};

const ROLE: Role<Agreement> = Role::new("agreement");

#[derive(Debug)]
struct AgreementSpec {
    of: Spanned<String>,
    value: Of,
    order_by: OrderBy,
    clusters: Option<Spanned<String>>,
}

/// Inputs `agreement`, `metric:I` where models are ordered by one, and `clusters` with each model's place in it where
/// there is one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "agreement")]
struct Parameters {
    value: Of,
    order_by: Order,
    models: Vec<String>,
    clusters: Option<Vec<usize>>,
    /// Those of the models that agree, where they are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    places: Option<Vec<usize>>,
}

fn read(raw: &RawPlot, checker: &mut Checker) -> Option<Box<dyn Figure>> {
    let of = raw.one_stage(&[agreement::KIND], checker)?;
    let value = checker.one_of(raw.value.as_deref(), Of::Agreement, "an agreement stage has no value {}")?;
    let order_by = match (raw.order_by.clone(), &raw.clusters) {
        (None, None) => OrderBy::Seed,
        (None, Some(_)) => OrderBy::Cluster,
        (Some(order), clusters) => {
            let at = order.span();
            match (OrderBy::read(order, checker)?, clusters) {
                (OrderBy::Cluster, None) => {
                    let what = "nothing says which clusters these models are ordered by";
                    let help = "add clusters = \"NAME\" of a [cluster.NAME] stage";
                    return checker.fail(Diagnostic::new(what, at).help(help));
                }
                (order, _) => order,
            }
        }
    };
    Some(Box::new(AgreementSpec { of, value, order_by, clusters: raw.clusters() }))
}

impl Figure for AgreementSpec {
    fn references(&self, to: &mut References<'_>) {
        to.named(&self.of, agreement::KIND);
        self.order_by.references(to);
        self.clusters.iter().for_each(|clusters| to.named(clusters, cluster::KIND));
    }

    fn expand(&self, from: &Expander<'_>, pick: &Pick) -> Expanded {
        let Some(agreed) = from.find::<Agreed>(agreement::KIND, self.of.get_ref()) else { return Ok(None) };
        let picked = pick.of(&agreed.models, from)?;
        let models = at(&picked, &agreed.models);
        let mut inputs = vec![Input::new(&ROLE, agreed.step, &AGREEMENT)];
        let order_by = self.order_by.expand(&models, &mut inputs, from)?;
        let Some((clusters, input)) = places_in_clusters(&models, self.clusters.as_ref(), from)? else {
            return Ok(None);
        };
        inputs.extend(input);
        let places = pick.places(&picked);
        let parameters = Parameters { value: self.value, order_by, models: labels(&models), clusters, places };
        Ok(Some(Drawing::new(&parameters, inputs).of(&models, from).naming_all(self.order_by.stage())))
    }

    fn groups(&self) -> Vec<String> {
        cluster_names(|cluster| format!("cluster {cluster}"))
    }
}

fn draw(parameters: Value, look: &Look, context: &mut Context<'_>) -> Result<Box<dyn Picture>, StageError> {
    let Parameters { value, order_by, models, clusters, places } = serde_json::from_value(parameters)?;
    let agreement = context.json(&ROLE)?;
    let clusters = clusters_of(clusters.as_deref(), context)?;
    let rows = ordered(&order_by, &models, clusters.as_deref(), (look, context))?;
    let matrix = agreement.matrix(value);
    let places = places.unwrap_or_else(|| (0..models.len()).collect());
    let cell = |row: &usize, column: &usize| matrix[places[*row]][places[*column]];
    Ok(Box::new(Heatmap {
        models: rows.order.iter().map(|model| models[*model].clone()).collect(),
        values: rows.order.iter().flat_map(|row| rows.order.iter().map(move |column| cell(row, column))).collect(),
        beside: rows.beside,
        value_label: match value {
            Of::Agreement => "share of equal predictions".to_owned(),
            Of::Divergence => agreement.measure.title().to_owned(),
        },
        separators: rows.separators,
        look: Look { doubt: doubt(clusters.is_some(), context)?, ..Look::default() },
        clusters: clusters.map(|clusters| rows.order.iter().map(|model| clusters[*model]).collect()),
        title: rows.title,
        width: Width::Column,
    }))
}
