//! Its table.

use toml::Spanned;
use toml::de::DeValue;

use crate::engine::Kind;
use crate::kinds::cluster;
use crate::kinds::references::stage;
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::{Checker, Diagnostic, Text};

pub const KIND: Kind = Kind::new("dynamics");

table! {
    struct RawDynamics {
        /// Cluster stages of the same models at several checkpoints, in the order of training.
        of: Spanned<Vec<Text>>,
    }
}

/// Clusterings of the same models, in the order of training.
#[derive(Debug)]
pub struct DynamicsSpec {
    pub of: Vec<Spanned<String>>,
}

pub fn written() -> Written {
    Written::new::<RawDynamics>(
        "clusters over training",
        "Follows the same models from checkpoint to checkpoint, and says who changes cluster.",
        "[dynamics.training]\nof = [\"basins_15000\", \"basins\"]\n",
    )
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<DynamicsSpec> {
    let raw: RawDynamics = checker.table(value)?;
    let at = raw.of.span();
    let of: Vec<Text> = raw.of.into_inner().into_iter().map(|of| stage(of, &[cluster::KIND])).collect();
    if of.len() < 2 {
        return checker
            .fail(Diagnostic::new("dynamics need the clusterings of at least two checkpoints", at).help(
                "name cluster stages in the order of training, for example of = [\"basins_15000\", \"basins\"]",
            ));
    }
    for (place, name) in of.iter().enumerate() {
        if of[..place].iter().any(|before| before.get_ref() == name.get_ref()) {
            let message = format!("`{}` is named twice", name.get_ref());
            return checker.fail(Diagnostic::new(message, name.span()));
        }
    }
    Some(DynamicsSpec { of })
}
