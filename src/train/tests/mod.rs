mod kin;
mod parity;
mod snapshot;
