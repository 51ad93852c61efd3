"""Writes parquet_types.parquet: a column for each type in which people keep texts and labels, with a missing value in row 2.

    pip install pandas==3.1.1 pyarrow==26.0.1
    python tests/reference/parquet_types.py

What must be read of it is what pandas writes as CSV, printed at the end and pinned in src/data/parquet.rs; whole
fractions as whole numbers.
"""
import decimal
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

numbers = [0, 1, None, 100]
columns = {
    "text": pa.array(["a", "NA", None, "é"], pa.string()),
    "large": pa.array(["a", "NA", None, "é"], pa.large_string()),
    "category": pa.array(["a", "NA", None, "é"]).dictionary_encode(),
    "category_of_numbers": pa.array(numbers, pa.int64()).dictionary_encode(),
    "flag": pa.array([False, True, None, True]),
    "whole_f64": pa.array([0.0, 1.0, None, 100.0], pa.float64()),
    "nan_f64": pa.array([0.0, 1.0, float("nan"), 100.0], pa.float64()),
    "f32": pa.array([0.25, 1.0, None, 100.5], pa.float32()),
    "list": pa.array([["a"], [], None, ["b"]]),
    "date": pa.array([0, 1, None, 2], pa.date32()),
    "decimal": pa.array([decimal.Decimal("0.5")] * 4, pa.decimal128(5, 2)),
}
for kind in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]:
    columns[kind] = pa.array(numbers, getattr(pa, kind)())
columns["negative"] = pa.array([-1, -128, None, 127], pa.int8())
columns["large_uint8"] = pa.array([255, 128, None, 0], pa.uint8())
here = pathlib.Path(__file__).parent
pq.write_table(pa.table(columns), here / "parquet_types.parquet")
print(pq.read_table(here / "parquet_types.parquet").to_pandas().to_csv(index=False))
