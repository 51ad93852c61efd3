//! A batch on the device, without its padding.
//!
//! Everything but attention works on one token at a time, so rows of padding are taken out before and put back only
//! around the attention products. Training batches of natural text are a third padding.

use super::architecture::{Positions, TokenTypes};
use super::{Kernels, Matrix, ModelError, TransformerConfig};
use crate::data::Batch;
use crate::device::B;
use burn::DispatchDevice;
use burn::tensor::{Int, Tensor, TensorData};

type Indices = Tensor<B, 1, Int>;

/// What is added to the scores of padding; its exponential is 0.
const MASKED: f32 = -1e9;

pub(super) struct Tokens {
    pub rows: usize,
    pub width: usize,
    /// Per real token, in order: its word, position and type (empty where the model has no types).
    pub words: Vec<i32>,
    pub positions: Vec<i32>,
    pub types: Vec<i32>,
    /// Per real token, its place in the padded batch: `row × width + column`.
    pub places: Vec<i32>,
    /// Place of each row's first token among the real tokens.
    pub first: Vec<i32>,
    /// The same, with the number of all at the end.
    pub bounds: Vec<usize>,
    /// Whether all padding stands on the right.
    pub is_flush: bool,
    /// Per place of the padded batch, the place among the real tokens.
    packed: Vec<Option<usize>>,
    /// 0 for a real token, [`MASKED`] for padding: `[rows × width]`.
    pub additive: Vec<f32>,
    pub additive_tensor: Option<Tensor<B, 4>>,
    padding: Option<Padding>,
    device: DispatchDevice,
}

struct Padding {
    /// Per place of the padded batch, the place among the real tokens; 0 where there is none.
    spread: Indices,
    /// 1 for a real token, 0 for padding: `[rows × width, 1]`.
    real: Matrix,
}

impl Tokens {
    /// # Errors
    /// A row without tokens, a row longer than the model's positions, or an id that the model has no embedding for.
    pub fn new(
        batch: &Batch,
        config: &TransformerConfig,
        kernels: Kernels,
        device: &DispatchDevice,
    ) -> Result<Self, ModelError> {
        let (rows, width) = (batch.rows, batch.width);
        let size = rows * width;
        let lengths = [batch.input_ids.len(), batch.token_type_ids.len(), batch.attention_mask.len()];
        if size == 0 || lengths != [size; 3] {
            let text = format!("a batch of {rows} rows of {width} tokens holds {lengths:?} ids, types and mask values");
            return Err(ModelError::Tokens(text));
        }
        if width > config.max_tokens() {
            let limit = config.max_tokens();
            let text = format!("a row has {width} tokens, but the model has room for {limit}: lower max_length");
            return Err(ModelError::Tokens(text));
        }
        let mut packed = vec![None; size];
        let (mut places, mut first) = (Vec::with_capacity(size), Vec::with_capacity(rows));
        for (row, mask) in batch.attention_mask.chunks_exact(width).enumerate() {
            first.push(places.len() as i32);
            for (column, _) in mask.iter().enumerate().filter(|(_, mask)| **mask > 0.5) {
                let place = row * width + column;
                packed[place] = Some(places.len());
                places.push(place as i32);
            }
            if first[row] as usize == places.len() {
                return Err(ModelError::Tokens(format!("row {row} of a batch has no tokens")));
            }
        }
        let pick = |values: &[i32]| places.iter().map(|place| values[*place as usize]).collect::<Vec<_>>();
        let kind = config.model_type.description();
        let words = pick(&batch.input_ids);
        check_ids("token", &words, config.vocab_size)?;
        let types = match kind.token_types {
            TokenTypes::Absent => Vec::new(),
            TokenTypes::First => vec![0; places.len()],
            TokenTypes::Tokenizer => pick(&batch.token_type_ids),
        };
        check_ids("token type", &types, config.type_vocab_size)?;
        let positions = match kind.positions {
            Positions::Column => places.iter().map(|place| place % width as i32).collect(),
            Positions::AfterPadding => pick(&positions_after_padding(&batch.input_ids, width, config.pad_token_id)),
        };

        let additive = packed.iter().map(|place| if place.is_some() { 0.0 } else { MASKED }).collect::<Vec<_>>();
        let padded = places.len() < size;
        let additive_tensor = (padded && kernels == Kernels::Device)
            .then(|| Tensor::from_data(TensorData::new(additive.clone(), [rows, 1, 1, width]), device));
        let padding = padded.then(|| Padding {
            spread: indices(&packed.iter().map(|place| place.unwrap_or(0) as i32).collect::<Vec<_>>(), device),
            real: Tensor::from_data(
                TensorData::new(packed.iter().map(|p| f32::from(p.is_some())).collect(), [size, 1]),
                device,
            ),
        });
        let device = device.clone();
        let bounds: Vec<usize> = first.iter().map(|first| *first as usize).chain([places.len()]).collect();
        let flush =
            |(row, pair): (usize, &[usize])| places[pair[1] - 1] as usize == row * width + pair[1] - pair[0] - 1;
        let is_flush = bounds.windows(2).enumerate().all(flush);
        Ok(Self {
            bounds,
            is_flush,
            rows,
            width,
            words,
            positions,
            types,
            places,
            first,
            packed,
            additive,
            additive_tensor,
            padding,
            device,
        })
    }

    pub fn indices(&self, ids: &[i32]) -> Indices {
        indices(ids, &self.device)
    }

    /// `[real tokens, n]` to `[rows × width, n]`. Padding gets some other token's row: it is masked.
    pub fn spread(&self, x: Matrix) -> Matrix {
        if let Some(padding) = &self.padding { x.select(0, padding.spread.clone()) } else { x }
    }

    /// `[real tokens, n]` to `[rows × width, n]`, with zeros for padding.
    pub fn spread_zeros(&self, x: Matrix) -> Matrix {
        let Some(padding) = &self.padding else { return x };
        x.select(0, padding.spread.clone()) * padding.real.clone()
    }

    /// The places among the real tokens of places in the padded batch.
    ///
    /// # Errors
    /// A place that is padding or outside the batch.
    pub fn packed_places(&self, padded: &[usize]) -> Result<Vec<i32>, ModelError> {
        let place = |p: &usize| self.packed.get(*p).copied().flatten().map(|place| place as i32);
        padded.iter().map(|p| place(p).ok_or_else(|| ModelError::Tokens(format!("place {p} holds no token")))).collect()
    }
}

/// RoBERTa's `create_position_ids_from_input_ids`: in each row, `pad` + 1, `pad` + 2, … for the ids that are not `pad`,
/// and `pad` for those that are.
fn positions_after_padding(ids: &[i32], width: usize, pad: i32) -> Vec<i32> {
    let row = |row: &[i32]| {
        let mut seen = 0;
        let count = |id: &i32| {
            seen += i32::from(*id != pad);
            if *id == pad { pad } else { pad + seen }
        };
        row.iter().map(count).collect::<Vec<_>>()
    };
    ids.chunks_exact(width).flat_map(row).collect()
}

fn indices(ids: &[i32], device: &DispatchDevice) -> Indices {
    Tensor::from_data(TensorData::new(ids.to_vec(), [ids.len()]), device)
}

fn check_ids(what: &str, ids: &[i32], count: usize) -> Result<(), ModelError> {
    match ids.iter().find(|id| **id < 0 || **id as usize >= count) {
        None => Ok(()),
        Some(id) => {
            let hint = "the tokenizer and the model do not belong together";
            Err(ModelError::Tokens(format!("{what} id {id} is outside the model's {count}: {hint}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_what_is_not_padding() {
        let ids = [0, 7, 1, 2, 1, 1, 1, 1, 0, 9, 9, 2];
        assert_eq!(positions_after_padding(&ids, 6, 1), [2, 3, 1, 4, 1, 1, 1, 1, 2, 3, 4, 5]);
    }
}
