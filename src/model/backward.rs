//! The gradients, layer by layer from the loss back to the embeddings.

use super::attention::Queries;
use super::dropout::Dropout;
use super::forward::{EitherKept, EncoderKept, LayerKept, MaskedKept, SublayerKept};
use super::kernels::Mask;
use super::layout::{POSITION, WORD};
use super::packed_layers::{matrix_of, slab_of};
use super::tokens::Tokens;
use super::transformer::{Gradients, MaskedTargets, Transformer};
use super::{Head, Matrix, ModelError};
use crate::data::Batch;
use crate::device::B;
use burn::tensor::{IndexingUpdateOp, Tensor};

impl Transformer {
    /// The mean cross-entropy of a batch, `[1]`, and its gradients.
    ///
    /// # Errors
    /// Tokens or labels that the model cannot take, or a model without a classifier.
    pub fn loss_and_gradients(
        &self,
        batch: &Batch,
        dropout: &mut Dropout,
    ) -> Result<(Tensor<B, 1>, Gradients), ModelError> {
        if let Head::Classifier { labels } = self.head {
            check_labels(&batch.labels, batch.rows, labels)?;
        }
        let (logits, kept) = self.logits(batch, dropout, true)?;
        let (loss, gradient) = self.kernels.cross_entropy(logits, &batch.labels);
        let mut gradients = vec![None; self.parameters.len()];
        if let Some(kept) = kept {
            self.classifier_backward(gradient, kept, &mut gradients);
        }
        Ok((loss, gradients))
    }

    /// The mean cross-entropy over the guessed tokens, `[1]`, and its gradients.
    ///
    /// # Errors
    /// Tokens or targets that the model cannot take, no targets, or a model that is no masked language model.
    pub fn masked_loss_and_gradients(
        &self,
        batch: &Batch,
        targets: &MaskedTargets,
        dropout: &mut Dropout,
    ) -> Result<(Tensor<B, 1>, Gradients), ModelError> {
        check_labels(&targets.tokens, targets.places.len(), self.config.vocab_size)?;
        let (logits, kept) = self.masked_logits(batch, targets, dropout)?;
        let (loss, gradient) = self.kernels.cross_entropy(logits, &targets.tokens);
        let mut gradients = vec![None; self.parameters.len()];
        if let Some(kept) = kept {
            self.masked_backward(gradient, kept, &mut gradients);
        }
        Ok((loss, gradients))
    }

    fn masked_backward(&self, dlogits: Matrix, kept: MaskedKept, gradients: &mut Gradients) {
        let MaskedKept { tokens, encoder, places, rows, derivative, norm, transformed } = kept;
        let slots = self.layout.masked();
        let (dlogits, dbias) = self.kernels.mask_and_sum(dlogits, &Mask::None);
        gradients[slots.bias] = Some(dbias);
        // The decoder's share of the word embeddings' gradient; the look-up's is added at the end.
        gradients[WORD] = Some(dlogits.clone().transpose().matmul(transformed));
        let d = dlogits.matmul(self.parameters[WORD].clone());
        let (d, dgamma, dbeta) = self.kernels.layer_norm_backward(d, norm, &self.parameters[slots.norm]);
        (gradients[slots.norm], gradients[slots.norm + 1]) = (Some(dgamma), Some(dbeta));
        let d = d * derivative;
        let d = self.dense_backward(d, rows, slots.transform, gradients);
        let d = self.kernels.scatter_rows(&places, d, tokens.words.len());
        self.encoder_backward(d, encoder, &tokens, gradients);
    }

    pub(super) fn encoder_backward(&self, d: Matrix, kept: EncoderKept, tokens: &Tokens, gradients: &mut Gradients) {
        let mut d = d;
        for (layer, kept) in kept.layers.into_iter().enumerate().rev() {
            d = match kept {
                EitherKept::General(kept) => self.layer_backward(layer, d, *kept, tokens, gradients),
                EitherKept::Packed(unit, kept) => {
                    let d = self.packed_backward(unit, layer, slab_of(d), *kept, tokens, gradients);
                    matrix_of(d, self.config.hidden_size, &self.device)
                }
            };
        }
        let slots = self.layout.embeddings;
        if let Some((place, narrow)) = slots.projection.zip(kept.embedding.narrow) {
            d = self.dense_backward(d, narrow, place, gradients);
        }
        let d = self.apply(d, &kept.embedding.mask);
        let gamma = &self.parameters[slots.norm];
        let (d, dgamma, dbeta) = self.kernels.layer_norm_backward(d, kept.embedding.norm, gamma);
        (gradients[slots.norm], gradients[slots.norm + 1]) = (Some(dgamma), Some(dbeta));
        let types = slots.token_type.map(|place| (place, &tokens.types));
        for (place, ids) in [(POSITION, &tokens.positions), (WORD, &tokens.words)].into_iter().chain(types) {
            let [rows, _] = self.parameters[place].dims();
            let table = self.kernels.scatter_rows(ids, d.clone(), rows);
            gradients[place] = Some(match gradients[place].take() {
                Some(decoder) => decoder + table,
                None => table,
            });
        }
    }

    /// The gradient of a layer's input from that of its output.
    fn layer_backward(
        &self,
        layer: usize,
        d: Matrix,
        kept: LayerKept,
        tokens: &Tokens,
        gradients: &mut Gradients,
    ) -> Matrix {
        let slots = self.layout.layer(layer);
        let (residual, d) = self.sublayer_backward(d, kept.output, slots.output, slots.output_norm, gradients);
        let d = self.product_backward(d, kept.inner, slots.output, gradients);
        let (d, dbias) = self.kernels.product_and_sum(d, kept.derivative);
        gradients[slots.intermediate + 1] = Some(dbias);
        let d = self.product_backward(d, kept.middle, slots.intermediate, gradients) + residual;

        let (place, norm) = (slots.attention_output, slots.attention_norm);
        let (residual, d) = self.sublayer_backward(d, kept.attention_output, place, norm, gradients);
        let d = self.product_backward(d, kept.context, place, gradients);
        let [dquery, dkey, dvalue] = self.attention(tokens, kept.queries).backward(d, kept.attention);
        let dasking = self.dense_backward(dquery, kept.asking, slots.query, gradients) + residual;
        let d = self.dense_backward(dkey, kept.input.clone(), slots.key, gradients)
            + self.dense_backward(dvalue, kept.input, slots.value, gradients);
        match kept.queries {
            Queries::All => d + dasking,
            Queries::First => d.select_assign(0, tokens.indices(&tokens.first), dasking, IndexingUpdateOp::Add),
        }
    }

    /// Back through LayerNorm, residual, dropout and bias: the gradients of the residual and of the dense product.
    fn sublayer_backward(
        &self,
        d: Matrix,
        kept: SublayerKept,
        dense: usize,
        norm: usize,
        gradients: &mut Gradients,
    ) -> (Matrix, Matrix) {
        let (d, dgamma, dbeta) = self.kernels.layer_norm_backward(d, kept.norm, &self.parameters[norm]);
        (gradients[norm], gradients[norm + 1]) = (Some(dgamma), Some(dbeta));
        let (residual, (d, dbias)) = match kept.mask {
            // Without dropout the two are the same tensor: sum it while it has one owner, then share it.
            Mask::None => {
                let (d, dbias) = self.kernels.mask_and_sum(d, &Mask::None);
                (d.clone(), (d, dbias))
            }
            mask => (d.clone(), self.kernels.mask_and_sum(d, &mask)),
        };
        gradients[dense + 1] = Some(dbias);
        (residual, d)
    }

    /// Back through a dense layer with bias: the gradient of its input.
    pub(super) fn dense_backward(&self, d: Matrix, input: Matrix, place: usize, gradients: &mut Gradients) -> Matrix {
        let (d, dbias) = self.kernels.mask_and_sum(d, &Mask::None);
        gradients[place + 1] = Some(dbias);
        self.product_backward(d, input, place, gradients)
    }

    /// Back through `input·Wᵀ`.
    fn product_backward(&self, d: Matrix, input: Matrix, place: usize, gradients: &mut Gradients) -> Matrix {
        gradients[place] = Some(d.clone().transpose().matmul(input));
        d.matmul(self.parameters[place].clone())
    }
}

fn check_labels(labels: &[u32], rows: usize, classes: usize) -> Result<(), ModelError> {
    if labels.len() != rows || rows == 0 {
        return Err(ModelError::Tokens(format!("{} labels for {rows} rows", labels.len())));
    }
    match labels.iter().find(|label| **label as usize >= classes) {
        None => Ok(()),
        Some(label) => Err(ModelError::Tokens(format!("label {label} is outside the model's {classes} outputs"))),
    }
}
