//! The built binary from outside: real files, real processes, real kills. Everything is tiny; the whole takes seconds.

mod golden;
mod interruption;
mod messages;
mod models;
mod plans;
mod runs;
mod sources;
mod workspace;
