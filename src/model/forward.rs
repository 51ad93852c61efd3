//! The forward pass, keeping what the gradients need if asked to.

use super::attention::{Attention, AttentionKept, Queries};
use super::bert::{Bert, Head, MaskedTargets};
use super::dropout::Dropout;
use super::kernels::{Mask, NormKept};
use super::layout::{EMBEDDING_NORM, POSITION, TOKEN_TYPE, WORD};
use super::tokens::Tokens;
use super::{B, Matrix, ModelError};
use crate::data::Batch;
use burn::tensor::{Int, Tensor};

pub(super) struct EmbeddingKept {
    pub norm: NormKept,
    pub mask: Mask,
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
    pub layers: Vec<LayerKept>,
}

pub(super) struct ClassifierKept {
    pub tokens: Tokens,
    pub encoder: EncoderKept,
    /// The pooler's input and output, and the output after dropout.
    pub first: Matrix,
    pub pooled: Matrix,
    pub mask: Mask,
    pub dropped: Matrix,
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

impl Bert {
    /// A classifier's logits `[rows, labels]`.
    pub(super) fn logits(
        &self,
        batch: &Batch,
        dropout: &mut Dropout,
        keep: bool,
    ) -> Result<(Matrix, Option<ClassifierKept>), ModelError> {
        if self.head == Head::MaskedLanguageModel {
            return Err(ModelError::Mismatch("a masked language model has no classifier".into()));
        }
        let tokens = Tokens::new(batch, &self.config, self.kernels, &self.device)?;
        let (first, encoder) = self.encode(&tokens, Queries::First, dropout, keep);
        let (pooler, classifier) = (self.layout.pooler(), self.layout.classifier());
        let pooled = (self.dense(first.clone(), pooler) + self.parameters[pooler + 1].clone()).tanh();
        let mask = self.kernels.mask(dropout.rates.classifier, pooled.dims(), dropout, &self.device);
        let dropped = self.apply(pooled.clone(), &mask);
        let logits = self.dense(dropped.clone(), classifier) + self.parameters[classifier + 1].clone();
        let kept = encoder.map(|encoder| ClassifierKept { tokens, encoder, first, pooled, mask, dropped });
        Ok((logits, kept))
    }

    /// A masked language model's logits `[targets, vocabulary]`, with what its gradients need.
    pub(super) fn masked_logits(
        &self,
        batch: &Batch,
        targets: &MaskedTargets,
        dropout: &mut Dropout,
    ) -> Result<(Matrix, Option<MaskedKept>), ModelError> {
        if self.head != Head::MaskedLanguageModel {
            return Err(ModelError::Mismatch("a classifier cannot guess masked tokens".into()));
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
    fn encode(
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
        let x = look_up(WORD, &tokens.words) + look_up(POSITION, &tokens.positions);
        let (x, norm) = self.norm(x + look_up(TOKEN_TYPE, &tokens.types), EMBEDDING_NORM, keep);
        let mask = self.kernels.mask(dropout.rates.hidden, x.dims(), dropout, &self.device);
        let mut x = self.apply(x, &mask);
        let count = self.config.num_hidden_layers;
        let mut layers = Vec::with_capacity(count);
        for layer in 0..count {
            let queries = if layer + 1 == count { last } else { Queries::All };
            let (output, kept) = self.layer(layer, x, tokens, queries, dropout, keep);
            x = output;
            layers.extend(kept);
        }
        (x, norm.map(|norm| EncoderKept { embedding: EmbeddingKept { norm, mask }, layers }))
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
        let (middle, attention_output) = self.sublayer(z, place, asking.clone(), norm, dropout, keep);

        let z = self.dense(middle.clone(), slots.intermediate);
        let bias = &self.parameters[slots.intermediate + 1];
        let (inner, derivative) = self.kernels.gelu(z, bias, self.activation, keep);
        let z = self.dense(inner.clone(), slots.output);
        let (output, output_kept) = self.sublayer(z, slots.output, middle.clone(), slots.output_norm, dropout, keep);

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
        residual: Matrix,
        norm: usize,
        dropout: &mut Dropout,
        keep: bool,
    ) -> (Matrix, Option<SublayerKept>) {
        let mask = self.kernels.mask(dropout.rates.hidden, z.dims(), dropout, &self.device);
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
