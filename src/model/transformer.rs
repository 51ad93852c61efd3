//! A model on a device: its parameters, in and out of weights, and between two models.

use super::dropout::Dropout;
use super::layout::Layout;
use super::packed_model::PackedModel;
use super::report::{LoadReport, Purpose};
use super::{Activation, Architecture, Head, HostTensor, Kernels, Matrix, ModelError, TransformerConfig, Weights};
use crate::data::Batch;
use burn::DispatchDevice;
use burn::tensor::{Tensor, TensorData};

/// One gradient per parameter, in the order of [`Layout::slots`]; `None` where the loss does not depend on it.
pub type Gradients = Vec<Option<Matrix>>;

/// The tokens a masked language model has to guess.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaskedTargets {
    /// Places in the padded batch: `row × width + column`. At least one.
    pub places: Vec<usize>,
    /// The right token of each place.
    pub tokens: Vec<u32>,
}

/// A BERT, or one of its kin, with its parameters on a device.
///
/// Cloning shares the parameters until one of the two is trained.
#[derive(Debug, Clone)]
pub struct Transformer {
    pub(super) config: TransformerConfig,
    pub(super) head: Head,
    pub(super) layout: Layout,
    pub(super) parameters: Vec<Matrix>,
    pub(super) activation: Activation,
    pub(super) kernels: Kernels,
    pub(super) device: DispatchDevice,
    pub(super) packed: PackedModel,
}

impl Transformer {
    /// Moves weights to a device.
    ///
    /// # Errors
    /// A missing tensor, one of the wrong shape, one that has no place (a pretraining head may be there: it is left
    /// behind), or an architecture whose masked language model is not implemented.
    pub fn new(
        config: &TransformerConfig,
        head: Head,
        weights: &Weights,
        device: &DispatchDevice,
    ) -> Result<Self, ModelError> {
        if head == Head::MaskedLanguageModel && config.model_type != Architecture::Bert {
            let name = config.model_type.name();
            let text = format!("masked language models are implemented for \"bert\" only, and this is \"{name}\"");
            return Err(ModelError::Head(text));
        }
        LoadReport::new(weights, config, head).check(Purpose::Use)?;
        let layout = Layout::new(config, head);
        let missing = |name: &String| ModelError::Missing(vec![name.clone()]);
        let load = |slot: &super::Slot| {
            let tensor = weights.tensors.get(&slot.name).ok_or_else(|| missing(&slot.name))?;
            Ok(Tensor::from_data(TensorData::new(tensor.data.clone(), slot.matrix()), device))
        };
        let parameters = layout.slots.iter().map(load).collect::<Result<_, ModelError>>()?;
        let (config, device) = (config.clone(), device.clone());
        let (activation, kernels) = (config.activation(), Kernels::of(&device));
        let packed = PackedModel::new(config.num_hidden_layers);
        Ok(Self { config, head, layout, parameters, activation, kernels, device, packed })
    }

    /// The parameters back on the host, under their names.
    pub fn to_weights(&self) -> Weights {
        let read = |(slot, parameter): (&super::Slot, &Matrix)| {
            let data = parameter.to_data().to_vec().expect("every float tensor here is f32");
            (slot.name.clone(), HostTensor { shape: slot.shape.clone(), data })
        };
        Weights { tensors: self.layout.slots.iter().zip(&self.parameters).map(read).collect() }
    }

    /// The model `(1−t)·a + t·b`, parameter by parameter, without leaving the device.
    ///
    /// # Errors
    /// The two models do not have the same parameters.
    pub fn lerp(a: &Self, b: &Self, t: f64) -> Result<Self, ModelError> {
        if a.layout != b.layout {
            return Err(ModelError::Mismatch("their sizes or heads differ".into()));
        }
        let mix = |(a, b): (&Matrix, &Matrix)| a.clone() * (1.0 - t) + b.clone() * t;
        // At the ends the copies are exact: 0·x would turn an infinite weight into a NaN.
        let parameters = match t {
            0.0 => a.parameters.clone(),
            1.0 => b.parameters.clone(),
            _ => a.parameters.iter().zip(&b.parameters).map(mix).collect(),
        };
        Ok(Self { parameters, ..a.clone() })
    }

    /// Logits `[rows, labels]`; the GELU form is the one of the configuration unless [`Self::with_activation`] chose.
    ///
    /// # Errors
    /// Tokens that the model cannot take, or a model without a classifier.
    pub fn forward(&self, batch: &Batch, dropout: Option<&mut Dropout>) -> Result<Matrix, ModelError> {
        match dropout {
            Some(dropout) => self.logits(batch, dropout, false).map(|(logits, _)| logits),
            None => self.logits(batch, &mut Dropout::off(), false).map(|(logits, _)| logits),
        }
    }

    /// The same model with one form of GELU: Google's recipe trains with the other one than `transformers` evaluates.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// The same model computed by the given kernels, to compare the two implementations on one device.
    #[cfg(test)]
    pub fn with_kernels(mut self, kernels: Kernels) -> Self {
        self.kernels = kernels;
        self
    }

    pub fn config(&self) -> &TransformerConfig {
        &self.config
    }

    pub fn head(&self) -> Head {
        self.head
    }

    pub fn device(&self) -> &DispatchDevice {
        &self.device
    }

    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// Names and shapes of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The parameters, in the order of the layout.
    pub fn parameters(&self) -> &[Matrix] {
        &self.parameters
    }

    /// For optimisers: the vector may be taken and must be put back whole.
    pub fn parameters_mut(&mut self) -> &mut Vec<Matrix> {
        self.packed = self.packed.clone();
        &mut self.parameters
    }

    /// `x·Wᵀ`, without the bias.
    pub(super) fn dense(&self, x: Matrix, place: usize) -> Matrix {
        x.matmul(self.parameters[place].clone().transpose())
    }
}
