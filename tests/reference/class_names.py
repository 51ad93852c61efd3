"""Writes class_names.parquet: 60 rows of a data set as `datasets` pushes it to the hub, with the names of its classes.

    pip install pyarrow==26.0.1
    python tests/reference/class_names.py

The metadata are those of nyu-mll/glue's `sst2`, but for the number of rows; its label -1 says that there is none.
"""
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

features = {
    "sentence": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["negative", "positive"], "_type": "ClassLabel"},
    "idx": {"dtype": "int32", "_type": "Value"},
}
rows = range(60)
table = pa.table({
    "sentence": [f"it was a fine evening and we talked about number {row}" for row in rows],
    "label": pa.array([[0, 1, -1][row % 3] for row in rows], pa.int64()),
    "idx": pa.array(rows, pa.int32()),
})
table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
pq.write_table(table, pathlib.Path(__file__).with_name("class_names.parquet"), compression="snappy")
