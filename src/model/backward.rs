//! The gradients, layer by layer from the loss back to the embeddings.

use super::attention::Queries;
use super::bert::{Bert, Gradients, Head, MaskedTargets};
use super::dropout::Dropout;
use super::forward::{ClassifierKept, EncoderKept, LayerKept, MaskedKept, SublayerKept};
use super::kernels::Mask;
use super::layout::{EMBEDDING_NORM, POSITION, TOKEN_TYPE, WORD};
use super::tokens::Tokens;
use super::{B, Matrix, ModelError};
use crate::data::Batch;
use burn::tensor::{IndexingUpdateOp, Tensor};

impl Bert {
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

    pub(super) fn classifier_backward(&self, dlogits: Matrix, kept: ClassifierKept, gradients: &mut Gradients) {
        let ClassifierKept { tokens, encoder, first, pooled, mask, dropped } = kept;
        let d = self.dense_backward(dlogits, dropped, self.layout.classifier(), gradients);
        let slope = pooled.clone() * pooled * -1.0 + 1.0;
        let d = self.apply(d, &mask) * slope;
        let d = self.dense_backward(d, first, self.layout.pooler(), gradients);
        self.encoder_backward(d, encoder, &tokens, gradients);
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

    fn encoder_backward(&self, d: Matrix, kept: EncoderKept, tokens: &Tokens, gradients: &mut Gradients) {
        let mut d = d;
        for (layer, kept) in kept.layers.into_iter().enumerate().rev() {
            d = self.layer_backward(layer, d, kept, tokens, gradients);
        }
        let d = self.apply(d, &kept.embedding.mask);
        let gamma = &self.parameters[EMBEDDING_NORM];
        let (d, dgamma, dbeta) = self.kernels.layer_norm_backward(d, kept.embedding.norm, gamma);
        (gradients[EMBEDDING_NORM], gradients[EMBEDDING_NORM + 1]) = (Some(dgamma), Some(dbeta));
        for (place, ids) in [(POSITION, &tokens.positions), (TOKEN_TYPE, &tokens.types), (WORD, &tokens.words)] {
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
    fn dense_backward(&self, d: Matrix, input: Matrix, place: usize, gradients: &mut Gradients) -> Matrix {
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
