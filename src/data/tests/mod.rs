mod parity;
pub(super) mod stub;
