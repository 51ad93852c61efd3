//! `[dynamics.x]`: clusterings of the same models at several checkpoints.

use super::raw::RawDynamics;
use super::validate::Checker;
use super::{Diagnostic, Dynamics};

pub(super) fn check(raw: RawDynamics, checker: &mut Checker) -> Option<Dynamics> {
    let at = raw.of.span();
    let of = raw.of.into_inner();
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
    Some(Dynamics { of })
}
