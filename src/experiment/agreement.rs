//! `[agreement.x]`: how far the models of an evaluation say the same.

use super::Agreement;
use super::raw::RawAgreement;

pub(super) fn check(raw: RawAgreement) -> Option<Agreement> {
    Some(Agreement { of: raw.of })
}
