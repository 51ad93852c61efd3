pub(crate) mod bucket;
mod parity;
pub(crate) mod stub;
mod tokenizer_files;
