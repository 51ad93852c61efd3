mod kin;
mod parity;
mod snapshot;
mod threads;
