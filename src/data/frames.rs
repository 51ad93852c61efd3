//! Data frames to Parquet bytes and back; the same frame always gives the same bytes.

use std::io::Cursor;

use polars::prelude::{
    DataFrame, ParquetCompression, ParquetReader, ParquetWriter, PolarsResult, SerReader, StatisticsOptions,
};

pub fn write_parquet(frame: &mut DataFrame) -> PolarsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    // One thread and fixed row groups: the bytes must not depend on the machine.
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(None))
        .with_statistics(StatisticsOptions::empty())
        .with_row_group_size(Some(1 << 17))
        .set_parallel(false)
        .finish(frame)?;
    Ok(bytes)
}

pub fn read_parquet(bytes: &[u8]) -> PolarsResult<DataFrame> {
    ParquetReader::new(Cursor::new(bytes)).finish()
}
