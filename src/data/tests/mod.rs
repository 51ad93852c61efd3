mod parity;
pub(super) mod stub;
mod tokenizer_files;
