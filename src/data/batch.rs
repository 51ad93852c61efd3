//! Token sequences into rectangular batches. Padding is masked, so how rows are grouped never changes a result beyond
//! rounding; it changes only how much of the work is spent on padding.

/// One tokenised row, not padded. Both vectors have the same length; token types are 0, or 1 in the second text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    pub input_ids: Vec<i32>,
    pub token_type_ids: Vec<i32>,
}

impl Encoded {
    pub fn len(&self) -> usize {
        self.input_ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.input_ids.is_empty()
    }
}

/// Rows padded on the right to the longest among them. The flat vectors are row-major, `[rows, width]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    pub rows: usize,
    pub width: usize,
    pub input_ids: Vec<i32>,
    pub token_type_ids: Vec<i32>,
    /// 1 for a token, 0 for padding.
    pub attention_mask: Vec<f32>,
    /// One a row; all 0 where the data has no labels.
    pub labels: Vec<u32>,
    /// The row numbers in the split, so that results can be put back in its order.
    pub index: Vec<usize>,
}

/// Pads `rows` to their own longest. `labels` and `index` belong to `rows` one by one.
pub fn collate(rows: &[&Encoded], labels: &[u32], index: &[usize], pad_id: i32) -> Batch {
    debug_assert!(rows.len() == labels.len() && rows.len() == index.len());
    let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let cells = rows.len() * width;
    let mut batch = Batch {
        rows: rows.len(),
        width,
        input_ids: Vec::with_capacity(cells),
        token_type_ids: Vec::with_capacity(cells),
        attention_mask: Vec::with_capacity(cells),
        labels: labels.to_vec(),
        index: index.to_vec(),
    };
    for (at, row) in rows.iter().enumerate() {
        let end = (at + 1) * width;
        batch.input_ids.extend_from_slice(&row.input_ids);
        batch.input_ids.resize(end, pad_id);
        batch.token_type_ids.extend_from_slice(&row.token_type_ids);
        batch.token_type_ids.resize(end, 0);
        batch.attention_mask.resize(at * width + row.len(), 1.0);
        batch.attention_mask.resize(end, 0.0);
    }
    batch
}

/// Evaluation batches of rows of similar length, each with at most `batch_tokens` cells (rows × width) but at least
/// one row. The longest come first, so that a machine with too little memory says so at once. Deterministic: rows of
/// one length stay in the split's order. `labels` may be empty where the data has none.
pub fn by_length(encoded: &[Encoded], labels: &[u32], batch_tokens: usize, pad_id: i32) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..encoded.len()).collect();
    order.sort_by_key(|&row| (std::cmp::Reverse(encoded[row].len()), row));
    let mut batches = Vec::new();
    let mut rest = order.as_slice();
    while let Some(&longest) = rest.first() {
        let fit = batch_tokens.checked_div(encoded[longest].len()).unwrap_or(rest.len());
        let (index, later) = rest.split_at(fit.clamp(1, rest.len()));
        let rows: Vec<&Encoded> = index.iter().map(|&row| &encoded[row]).collect();
        let labels: Vec<u32> = index.iter().map(|&row| labels.get(row).copied().unwrap_or(0)).collect();
        batches.push(collate(&rows, &labels, index, pad_id));
        rest = later;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ids: &[i32]) -> Encoded {
        Encoded { input_ids: ids.to_vec(), token_type_ids: vec![1; ids.len()] }
    }

    #[test]
    fn rows_are_padded_to_their_own_longest() {
        let (a, b) = (row(&[5, 6, 7]), row(&[8]));
        let batch = collate(&[&a, &b], &[1, 0], &[4, 2], 9);
        assert_eq!((batch.rows, batch.width), (2, 3));
        assert_eq!(batch.input_ids, [5, 6, 7, 8, 9, 9]);
        assert_eq!(batch.token_type_ids, [1, 1, 1, 1, 0, 0]);
        assert_eq!(batch.attention_mask, [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!((batch.labels, batch.index), (vec![1, 0], vec![4, 2]));
    }

    #[test]
    fn batches_by_length_hold_every_row_once_within_the_budget() {
        let lengths = [3usize, 9, 1, 4, 9, 2, 30, 4];
        let encoded: Vec<Encoded> = lengths.iter().map(|&n| row(&vec![n as i32; n])).collect();
        let labels: Vec<u32> = (0..8).collect();
        let batches = by_length(&encoded, &labels, 18, 0);
        let mut seen: Vec<usize> = batches.iter().flat_map(|batch| batch.index.clone()).collect();
        assert_eq!(seen[..4], [6, 1, 4, 3]);
        seen.sort_unstable();
        assert_eq!(seen, (0..8).collect::<Vec<_>>());
        for batch in &batches {
            assert!(batch.rows == 1 || batch.rows * batch.width <= 18);
            assert!(batch.index.iter().zip(&batch.labels).all(|(&i, &l)| i as u32 == l));
        }
        assert_eq!(batches[0].rows, 1);
    }

    #[test]
    fn labels_may_be_missing_and_there_may_be_no_rows() {
        assert_eq!(by_length(&[row(&[1])], &[], 8, 0)[0].labels, [0]);
        assert!(by_length(&[], &[], 8, 0).is_empty());
    }
}
