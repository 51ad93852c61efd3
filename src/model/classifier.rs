//! The classification head, in both directions: the first token's row, a dense layer, its activation, a dense layer.

use super::architecture::HeadActivation;
use super::attention::Queries;
use super::dropout::Dropout;
use super::forward::EncoderKept;
use super::kernels::Mask;
use super::tokens::Tokens;
use super::transformer::{Gradients, Transformer};
use super::{Activation, Head, Matrix, ModelError};
use crate::data::Batch;

pub(super) struct ClassifierKept {
    pub tokens: Tokens,
    pub encoder: EncoderKept,
    /// Of the first dense layer's input.
    pub input_mask: Mask,
    pub input: Matrix,
    /// The activation's derivative.
    pub slope: Matrix,
    pub mask: Mask,
    /// The last layer's input.
    pub dropped: Matrix,
}

impl Transformer {
    /// A classifier's logits `[rows, labels]`.
    pub(super) fn logits(
        &self,
        batch: &Batch,
        dropout: &mut Dropout,
        keep: bool,
    ) -> Result<(Matrix, Option<ClassifierKept>), ModelError> {
        if self.head == Head::MaskedLanguageModel {
            return Err(ModelError::Head("a masked language model has no classifier".into()));
        }
        let tokens = Tokens::new(batch, &self.config, self.kernels, &self.device)?;
        let (first, encoder) = self.encode(&tokens, Queries::First, dropout, keep);
        let head = &self.config.model_type.description().head;
        let (pooler, classifier) = (self.layout.pooler(), self.layout.classifier());
        let input_mask = match head.input_dropout {
            true => self.kernels.mask(dropout.rates.classifier, first.dims(), dropout, &self.device),
            false => Mask::None,
        };
        let input = self.apply(first, &input_mask);
        let z = self.dense(input.clone(), pooler);
        let (pooled, slope) = self.activate(head.activation, z, &self.parameters[pooler + 1], keep);
        let mask = self.kernels.mask(dropout.rates.classifier, pooled.dims(), dropout, &self.device);
        let dropped = self.apply(pooled, &mask);
        let logits = self.dense(dropped.clone(), classifier) + self.parameters[classifier + 1].clone();
        let kept = encoder.zip(slope).map(|(encoder, slope)| ClassifierKept {
            tokens,
            encoder,
            input_mask,
            input,
            slope,
            mask,
            dropped,
        });
        Ok((logits, kept))
    }

    pub(super) fn classifier_backward(&self, dlogits: Matrix, kept: ClassifierKept, gradients: &mut Gradients) {
        let ClassifierKept { tokens, encoder, input_mask, input, slope, mask, dropped } = kept;
        let d = self.dense_backward(dlogits, dropped, self.layout.classifier(), gradients);
        let d = self.apply(d, &mask) * slope;
        let d = self.dense_backward(d, input, self.layout.pooler(), gradients);
        self.encoder_backward(self.apply(d, &input_mask), encoder, &tokens, gradients);
    }

    /// The activation of `z + bias`, and its derivative if `keep`.
    fn activate(&self, form: HeadActivation, z: Matrix, bias: &Matrix, keep: bool) -> (Matrix, Option<Matrix>) {
        match form {
            HeadActivation::Tanh => {
                let y = (z + bias.clone()).tanh();
                let slope = keep.then(|| y.clone() * y.clone() * -1.0 + 1.0);
                (y, slope)
            }
            HeadActivation::Relu => {
                let z = z + bias.clone();
                let slope = keep.then(|| z.clone().greater_elem(0.0).float());
                (z.clamp_min(0.0), slope)
            }
            HeadActivation::Gelu => self.kernels.gelu(z, bias, Activation::Erf, keep),
        }
    }
}
