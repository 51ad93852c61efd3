//! Data sets: where they come from, how they are read, tokenised and batched, and the built-in grammar.
//!
//! Whatever its source, a data set becomes one normalised table: `text`, `text_pair`, `label` (as a name, never a
//! number: label order belongs to a model) and the columns an experiment asked to keep.

mod archive;
pub mod arriving;
mod batch;
mod byte_pairs;
mod card;
mod dataset;
mod delimited;
mod download;
mod encoding;
mod error;
mod frames;
mod grammar;
mod growth;
mod guard;
mod hub;
mod issuer;
mod jsonl;
mod labels;
pub mod look;
mod mapping;
mod model_files;
mod network;
mod normalization;
mod numpy;
mod pages;
mod parquet;
mod paths;
pub mod published;
mod read;
pub mod s3;
pub(crate) mod secrets;
mod source;
mod special;
mod splits;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod tokenize;
mod tokenizer_files;
mod trust;
pub mod walk;

pub use archive::{Unpacked, unpack_model};
pub use batch::{Batch, Encoded, by_length, collate};
pub use dataset::Dataset;
pub use download::download;
pub use error::{DataError, RowPlace, shown as shown_value};
pub use frames::{read_parquet, write_parquet};
pub use grammar::Grammar;
pub use hub::{Hub, HubDataset, HubFiles, HubModel, HubSettings, Upload, Uploaded};
pub use labels::LabelWords;
pub use mapping::{proposed, written};
pub use model_files::{ChooseModel, Lacking, ModelFiles, tokenizer_files};
pub use normalization::{Normalization, name_says_cased};
pub use numpy::numpy_permutation;
pub use paths::expanded;
pub use read::{Columns, ReadTables, read_table, read_tables};
pub use source::Source;
pub use splits::local_split;
pub use table::{Format, Reading};
pub use tokenize::Tokenizer;
pub use tokenizer_files::{Assembled, TokenizerFiles};
