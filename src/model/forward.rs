//! The forward pass, keeping what the gradients need if asked to.

use super::attention::{Attention, AttentionKept, Queries};
use super::dropout::Dropout;
use super::kernels::host::Unit;
use super::kernels::{Mask, NormKept};
use super::layout::{POSITION, WORD};
use super::packed_layers::{PackedKept, matrix_of, slab_of};
use super::tokens::Tokens;
use super::transformer::{MaskedTargets, Transformer};
use super::{Head, Matrix, ModelError};
use crate::data::Batch;
use crate::device::B;
use burn::tensor::{Int, Tensor};

pub(super) struct EmbeddingKept {
    pub norm: NormKept,
    pub mask: Mask,
    /// The input of the projection, if there is one.
    pub narrow: Option<Matrix>,
}

/// A dense layer's dropout and the LayerNorm after its residual.
pub(super) struct SublayerKept {
    pub mask: Mask,
    pub norm: NormKept,
}

pub(super) struct LayerKept {
    pub queries: Queries,
    /// The layer's input: every real token, and those that ask.
    pub input: Matrix,
    pub asking: Matrix,
    pub attention: AttentionKept,
    pub context: Matrix,
    pub attention_output: SublayerKept,
    /// Between the two sub-layers.
    pub middle: Matrix,
    /// The feed-forward block after GELU, and GELU's derivative.
    pub inner: Matrix,
    pub derivative: Matrix,
    pub output: SublayerKept,
}

pub(super) struct EncoderKept {
    pub embedding: EmbeddingKept,
    pub layers: Vec<EitherKept>,
}

/// A layer is computed in tensors or, on the host, on packed rows.
pub(super) enum EitherKept {
    General(Box<LayerKept>),
    Packed(Unit, Box<PackedKept>),
}

#[cfg(test)]
impl EitherKept {
    /// Of a batch so narrow that nothing is packed.
    pub fn general(&self) -> &LayerKept {
        match self {
            Self::General(kept) => kept,
            Self::Packed(..) => panic!("the layer was computed on packed rows"),
        }
    }
}

pub(super) struct MaskedKept {
    pub tokens: Tokens,
    pub encoder: EncoderKept,
    /// Places of the guessed tokens among the real ones, and their rows.
    pub places: Vec<i32>,
    pub rows: Matrix,
    pub derivative: Matrix,
    pub norm: NormKept,
    pub transformed: Matrix,
}

impl Transformer {
    /// A masked language model's logits `[targets, vocabulary]`, with what its gradients need.
    pub(super) fn masked_logits(
        &self,
        batch: &Batch,
        targets: &MaskedTargets,
        dropout: &mut Dropout,
    ) -> Result<(Matrix, Option<MaskedKept>), ModelError> {
        if self.head != Head::MaskedLanguageModel {
            return Err(ModelError::Head("a classifier cannot guess masked tokens".into()));
        }
        let tokens = Tokens::new(batch, &self.config, self.kernels, &self.device)?;
        let places = tokens.packed_places(&targets.places)?;
        let (x, encoder) = self.encode(&tokens, Queries::All, dropout, true);
        let slots = self.layout.masked();
        let p = &self.parameters;
        let rows = x.select(0, tokens.indices(&places));
        let z = self.dense(rows.clone(), slots.transform);
        let (z, derivative) = self.kernels.gelu(z, &p[slots.transform + 1], self.activation, true);
        let (transformed, norm) = self.norm(z, slots.norm, true);
        let logits = self.dense(transformed.clone(), WORD) + p[slots.bias].clone();
        let kept = encoder.zip(derivative).zip(norm).map(|((encoder, derivative), norm)| MaskedKept {
            tokens,
            encoder,
            places,
            rows,
            derivative,
            norm,
            transformed,
        });
        Ok((logits, kept))
    }

    /// The encoder's output: `[real tokens, hidden]`, or `[rows, hidden]` if only the first tokens ask at the end.
    pub(super) fn encode(
        &self,
        tokens: &Tokens,
        last: Queries,
        dropout: &mut Dropout,
        keep: bool,
    ) -> (Matrix, Option<EncoderKept>) {
        let look_up = |place: usize, ids: &[i32]| {
            let ids: Tensor<B, 1, Int> = tokens.indices(ids);
            self.parameters[place].clone().select(0, ids)
        };
        let slots = self.layout.embeddings;
        let x = look_up(WORD, &tokens.words) + look_up(POSITION, &tokens.positions);
        let x = match slots.token_type {
            Some(place) => x + look_up(place, &tokens.types),
            None => x,
        };
        let (x, norm) = self.norm(x, slots.norm, keep);
        let mask = self.kernels.mask(dropout.rates.hidden, x.dims(), dropout, &self.device);
        let mut x = self.apply(x, &mask);
        let mut narrow = None;
        if let Some(place) = slots.projection {
            narrow = keep.then(|| x.clone());
            x = self.dense(x, place) + self.parameters[place + 1].clone();
        }
        let unit = self.packed_unit(tokens);
        let count = self.config.num_hidden_layers;
        let mut layers = Vec::with_capacity(count);
        for layer in 0..count {
            let queries = if layer + 1 == count { last } else { Queries::All };
            if let Some(unit) = unit.filter(|_| queries == Queries::All) {
                let (output, kept) = self.packed_forward(unit, layer, slab_of(x), tokens, dropout, keep);
                x = matrix_of(output, self.config.hidden_size, &self.device);
                layers.extend(kept.map(|kept| EitherKept::Packed(unit, Box::new(kept))));
                continue;
            }
            let (output, kept) = self.layer(layer, x, tokens, queries, dropout, keep);
            x = output;
            layers.extend(kept.map(|kept| EitherKept::General(Box::new(kept))));
        }
        (x, norm.map(|norm| EncoderKept { embedding: EmbeddingKept { norm, mask, narrow }, layers }))
    }

    fn layer(
        &self,
        layer: usize,
        input: Matrix,
        tokens: &Tokens,
        queries: Queries,
        dropout: &mut Dropout,
        keep: bool,
    ) -> (Matrix, Option<LayerKept>) {
        let slots = self.layout.layer(layer);
        let project = |x: &Matrix, place: usize| self.dense(x.clone(), place) + self.parameters[place + 1].clone();
        let asking = match queries {
            Queries::All => input.clone(),
            Queries::First => input.clone().select(0, tokens.indices(&tokens.first)),
        };
        let (query, key) = (project(&asking, slots.query), project(&input, slots.key));
        let value = project(&input, slots.value);
        let block = self.attention(tokens, queries);
        let mask = self.kernels.mask(dropout.rates.attention, block.mask_shape(), dropout, &self.device);
        let (context, attention) = block.forward(query, key, value, mask);

        let z = self.dense(context.clone(), slots.attention_output);
        let (place, norm) = (slots.attention_output, slots.attention_norm);
        let dropped = self.config.model_type.description().attention_output_dropout;
        let mask = match dropped {
            true => self.kernels.mask(dropout.rates.hidden, z.dims(), dropout, &self.device),
            false => Mask::None,
        };
        let (middle, attention_output) = self.sublayer(z, place, mask, asking.clone(), norm, keep);

        let z = self.dense(middle.clone(), slots.intermediate);
        let bias = &self.parameters[slots.intermediate + 1];
        let (inner, derivative) = self.kernels.gelu(z, bias, self.activation, keep);
        let z = self.dense(inner.clone(), slots.output);
        let mask = self.kernels.mask(dropout.rates.hidden, z.dims(), dropout, &self.device);
        let (output, output_kept) = self.sublayer(z, slots.output, mask, middle.clone(), slots.output_norm, keep);

        let kept = attention_output.zip(derivative).zip(output_kept);
        let kept = kept.map(|((attention_output, derivative), output)| LayerKept {
            queries,
            input,
            asking,
            attention,
            context,
            attention_output,
            middle,
            inner,
            derivative,
            output,
        });
        (output, kept)
    }

    /// Bias and dropout on a dense layer's product `z`, the residual, LayerNorm.
    fn sublayer(
        &self,
        z: Matrix,
        dense: usize,
        mask: Mask,
        residual: Matrix,
        norm: usize,
        keep: bool,
    ) -> (Matrix, Option<SublayerKept>) {
        let z = self.kernels.bias_mask(z, &self.parameters[dense + 1], &mask) + residual;
        let (output, norm) = self.norm(z, norm, keep);
        (output, norm.map(|norm| SublayerKept { mask, norm }))
    }

    fn norm(&self, x: Matrix, place: usize, keep: bool) -> (Matrix, Option<NormKept>) {
        let (gamma, beta) = (&self.parameters[place], &self.parameters[place + 1]);
        self.kernels.layer_norm(x, gamma, beta, self.config.layer_norm_eps, keep)
    }

    pub(super) fn attention<'a>(&self, tokens: &'a Tokens, queries: Queries) -> Attention<'a> {
        Attention { tokens, kernels: self.kernels, heads: self.config.num_attention_heads, queries }
    }

    pub(super) fn apply(&self, x: Matrix, mask: &Mask) -> Matrix {
        if matches!(mask, Mask::None) { x } else { self.kernels.mask_and_sum(x, mask).0 }
    }
}
