//! A layer on the host, on rows without padding, from product to product: what stands between two of them is done on a
//! few rows at a time, while they are in the cache. The general way is `forward.rs` and `backward.rs`, which say the same
//! in tensors; here are the same numbers, to the bit.

use super::dropout::Dropout;
use super::kernels::host::{
    HashMask, MOST_WIDTH, Packed, Panels, Side, Slab, Unit, bias_mask_rows, gelu_rows, layer_norm_backward,
    mask_and_sum, norm_rows, product, product_and_sum,
};
use super::layout::LayerSlots;
use super::packed_model::{Dense, PackedLayer};
use super::tokens::Tokens;
use super::transformer::{Gradients, Transformer};
use super::{Kernels, Matrix};
use burn::DispatchDevice;
use burn::tensor::{Tensor, TensorData};

/// Up to so many numbers in a product the library adds in another order; and these are small.
const SMALL: usize = 256;
/// The same for rows of tokens.
const NARROW: usize = 16;

/// What the gradients of a layer need.
pub(super) struct PackedKept {
    input: Slab,
    qkv: Slab,
    probabilities: Slab,
    attention_mask: Option<HashMask>,
    context: Slab,
    middle_mask: Option<HashMask>,
    middle_norm: NormKept,
    middle: Slab,
    inner: Slab,
    derivative: Slab,
    output_mask: Option<HashMask>,
    output_norm: NormKept,
}

struct NormKept {
    normalised: Slab,
    inverse: Slab,
}

impl Transformer {
    /// Whether layers can be computed this way, and with what.
    pub(super) fn packed_unit(&self, tokens: &Tokens) -> Option<Unit> {
        let (hidden, heads) = (self.config.hidden_size, self.config.num_attention_heads);
        let fits = !self.packed.layers.is_empty()
            && tokens.is_flush
            && (NARROW + 1..=MOST_WIDTH).contains(&tokens.width)
            && tokens.words.len() * hidden > SMALL
            && hidden / heads > 2;
        (fits && self.kernels == Kernels::Host).then(Unit::find).flatten()
    }

    /// The same model computed in the general way only, to compare the two.
    #[cfg(test)]
    pub fn in_tensors(mut self) -> Self {
        self.packed = super::packed_model::PackedModel::new(0);
        self
    }

    fn numbers(&self, place: usize) -> Vec<f32> {
        self.parameters[place].to_data().into_vec().expect("every float tensor here is f32")
    }

    fn slots_and_sizes(&self, layer: usize) -> (LayerSlots, usize, usize) {
        (self.layout.layer(layer), self.config.hidden_size, self.config.intermediate_size)
    }

    /// Each layer's parameters, made once for all batches that the model sees as it is.
    pub(super) fn packed_layer(&self, layer: usize) -> &PackedLayer {
        self.packed.layers[layer].get_or_init(|| {
            let (slots, hidden, wide) = self.slots_and_sizes(layer);
            let three = [slots.query, slots.key, slots.value];
            let weights = three.map(|place| self.numbers(place));
            let sides = weights.each_ref().map(|weights| Side::columns(weights, hidden));
            let dense = |place: usize, from: usize, to: usize| Dense {
                weights: Panels::of(Side::columns(&self.numbers(place), from), from, to),
                bias: self.numbers(place + 1),
            };
            let norm = |place: usize| [self.numbers(place), self.numbers(place + 1)];
            PackedLayer {
                qkv: Panels::beside(&sides, hidden, hidden),
                qkv_bias: three.map(|place| self.numbers(place + 1)).concat(),
                attention_output: dense(slots.attention_output, hidden, hidden),
                attention_norm: norm(slots.attention_norm),
                intermediate: dense(slots.intermediate, hidden, wide),
                output: dense(slots.output, wide, hidden),
                output_norm: norm(slots.output_norm),
            }
        })
    }

    fn packed_shape<'a>(&self, unit: Unit, tokens: &'a Tokens, mask: Option<HashMask>) -> Packed<'a> {
        let heads = self.config.num_attention_heads;
        let size = self.config.hidden_size / heads;
        let scale = 1.0 / (size as f32).sqrt();
        Packed { unit, first: &tokens.bounds, heads, size, width: tokens.width, scale, mask }
    }

    /// A layer in which every token asks. Masks are drawn in the order of the general way.
    pub(super) fn packed_forward(
        &self,
        unit: Unit,
        layer: usize,
        input: Slab,
        tokens: &Tokens,
        dropout: &mut Dropout,
        keep: bool,
    ) -> (Slab, Option<PackedKept>) {
        let (_, hidden, wide) = self.slots_and_sizes(layer);
        let (layer, rows) = (self.packed_layer(layer), tokens.words.len());
        let rates = dropout.rates;
        let mut draw = |rate: f64, shape: [usize; 2]| self.kernels.mask(rate, shape, dropout, &self.device).hash();

        let mut qkv = Slab::take(rows * 3 * hidden);
        product(unit, Side::rows(&input, hidden), &layer.qkv, rows, [(&mut qkv, 3 * hidden)], |range, [qkv]| {
            bias_mask_rows(range.start, qkv, &layer.qkv_bias, None);
        });
        let heads = self.config.num_attention_heads;
        let attention_mask = draw(rates.attention, [tokens.rows * heads * tokens.width, tokens.width]);
        let shape = self.packed_shape(unit, tokens, attention_mask);
        let mut context = Slab::take(rows * hidden);
        let mut probabilities = Slab::take(if keep { shape.probabilities() } else { 0 });
        shape.forward(&qkv, &mut context, keep.then_some(&mut probabilities[..]));

        let dropped = self.config.model_type.description().attention_output_dropout;
        let middle_mask = if dropped { draw(rates.hidden, [rows, hidden]) } else { None };
        let (dense, norm) = (&layer.attention_output, &layer.attention_norm);
        let (middle, middle_norm) = self.sublayer_of(unit, &context, dense, middle_mask, &input, norm, keep);

        let mut inner = Slab::take(rows * wide);
        let mut derivative = Slab::take(if keep { rows * wide } else { 0 });
        let outputs = [(&mut inner[..], wide), (&mut derivative[..], wide)];
        let dense = &layer.intermediate;
        product(unit, Side::rows(&middle, hidden), &dense.weights, rows, outputs, |_, [inner, derivative]| {
            gelu_rows(inner, keep.then_some(derivative), &dense.bias, self.activation);
        });
        let output_mask = draw(rates.hidden, [rows, hidden]);
        let (dense, norm) = (&layer.output, &layer.output_norm);
        let (output, output_norm) = self.sublayer_of(unit, &inner, dense, output_mask, &middle, norm, keep);

        let kept = middle_norm.zip(output_norm).map(|(middle_norm, output_norm)| PackedKept {
            input,
            qkv,
            probabilities,
            attention_mask,
            context,
            middle_mask,
            middle_norm,
            middle,
            inner,
            derivative,
            output_mask,
            output_norm,
        });
        (output, kept)
    }

    /// A dense layer with bias and dropout, the residual, LayerNorm.
    #[allow(clippy::too_many_arguments)]
    fn sublayer_of(
        &self,
        unit: Unit,
        input: &[f32],
        dense: &Dense,
        mask: Option<HashMask>,
        residual: &[f32],
        [gamma, beta]: &[Vec<f32>; 2],
        keep: bool,
    ) -> (Slab, Option<NormKept>) {
        let width = gamma.len();
        let rows = residual.len() / width;
        let epsilon = self.config.layer_norm_eps as f32;
        let kept = if keep { rows } else { 0 };
        let (mut z, mut y, mut inverse) = (Slab::take(rows * width), Slab::take(kept * width), Slab::take(kept));
        let outputs = [(&mut z[..], width), (&mut y[..], width), (&mut inverse[..], 1)];
        let left = Side::rows(input, input.len() / rows);
        product(unit, left, &dense.weights, rows, outputs, |range, [z, y, inverse]| {
            bias_mask_rows(range.start, z, &dense.bias, mask);
            let residual = &residual[range.start * width..range.end * width];
            z.iter_mut().zip(residual).for_each(|(z, residual)| *z += residual);
            norm_rows(z, keep.then_some((y, inverse)), gamma, beta, epsilon);
        });
        match keep {
            true => (y, Some(NormKept { normalised: z, inverse })),
            false => (z, None),
        }
    }

    /// The gradient of a layer's input from that of its output.
    pub(super) fn packed_backward(
        &self,
        unit: Unit,
        layer: usize,
        d: Slab,
        kept: PackedKept,
        tokens: &Tokens,
        gradients: &mut Gradients,
    ) -> Slab {
        let (slots, hidden, wide) = self.slots_and_sizes(layer);
        let rows = tokens.words.len();
        let mut back = Back { unit, rows, of: self, gradients };

        let (residual, d) = back.norm(d, &kept.output_norm, kept.output_mask, slots.output, slots.output_norm);
        let mut d = back.dense(masked(&residual, &d), &kept.inner, slots.output, [wide, hidden], |_, _| {});
        back.set_row(slots.intermediate + 1, product_and_sum(&mut d, &kept.derivative, wide));
        let d = back.dense(&d, &kept.middle, slots.intermediate, [hidden, wide], |range, d| {
            add(d, &residual[range.start * hidden..range.end * hidden]);
        });

        let (place, norm) = (slots.attention_output, slots.attention_norm);
        let (residual, d) = back.norm(d, &kept.middle_norm, kept.middle_mask, place, norm);
        let d = back.dense(masked(&residual, &d), &kept.context, place, [hidden, hidden], |_, _| {});
        let shape = self.packed_shape(unit, tokens, kept.attention_mask);
        let [mut dquery, mut dkey, mut dvalue] = std::array::from_fn(|_| Slab::take(rows * hidden));
        shape.backward(&kept.qkv, &kept.probabilities, &d, [&mut dquery, &mut dkey, &mut dvalue]);
        for (place, d) in [(slots.query, &mut dquery), (slots.key, &mut dkey), (slots.value, &mut dvalue)] {
            back.set_row(place + 1, mask_and_sum(d, hidden, None));
        }
        let both = [hidden, hidden];
        let asking = back.dense(&dquery, &kept.input, slots.query, both, |range, d| {
            add(d, &residual[range.start * hidden..range.end * hidden]);
        });
        let of_keys = back.dense(&dkey, &kept.input, slots.key, both, |_, _| {});
        back.dense(&dvalue, &kept.input, slots.value, both, |range, d| {
            let range = range.start * hidden..range.end * hidden;
            for ((d, key), asking) in d.iter_mut().zip(&of_keys[range.clone()]).zip(&asking[range]) {
                *d = (key + *d) + asking;
            }
        })
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// What went through dropout; without it the two are the same.
fn masked<'a>(residual: &'a Slab, masked: &'a Option<Slab>) -> &'a Slab {
    masked.as_ref().unwrap_or(residual)
}

/// The way back through a layer's parts.
struct Back<'a> {
    unit: Unit,
    rows: usize,
    of: &'a Transformer,
    gradients: &'a mut Gradients,
}

impl Back<'_> {
    fn set(&mut self, place: usize, values: Vec<f32>, shape: [usize; 2]) {
        self.gradients[place] = Some(Tensor::from_data(TensorData::new(values, shape), &self.of.device));
    }

    fn set_row(&mut self, place: usize, values: Vec<f32>) {
        let shape = [1, values.len()];
        self.set(place, values, shape);
    }

    /// Back through LayerNorm, residual, dropout and bias: the gradients of the residual and, where there is dropout, of
    /// the dense product.
    fn norm(
        &mut self,
        mut d: Slab,
        kept: &NormKept,
        mask: Option<HashMask>,
        dense: usize,
        norm: usize,
    ) -> (Slab, Option<Slab>) {
        let gamma = self.of.numbers(norm);
        let (dgamma, dbeta) = layer_norm_backward(&mut d, &kept.normalised, &kept.inverse, &gamma);
        self.set_row(norm, dgamma);
        self.set_row(norm + 1, dbeta);
        let mut masked = mask.map(|_| Slab::copy(&d));
        let sums = mask_and_sum(masked.as_mut().unwrap_or(&mut d), gamma.len(), mask);
        self.set_row(dense + 1, sums);
        (d, masked)
    }

    /// Back through `input·Wᵀ`, from `to` numbers a row to `from`.
    fn dense(
        &mut self,
        d: &[f32],
        input: &[f32],
        place: usize,
        [from, to]: [usize; 2],
        then: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync,
    ) -> Slab {
        let (unit, rows) = (self.unit, self.rows);
        let mut dweights = Slab::take(to * from);
        let inputs = Panels::of(Side::rows(input, from), rows, from);
        product(unit, Side::columns(d, to), &inputs, to, [(&mut dweights, from)], |_, _| {});
        drop(inputs);
        self.set(place, dweights.into_vec(), [to, from]);
        let weights = Panels::of(Side::rows(&self.of.numbers(place), from), to, from);
        let mut dinput = Slab::take(rows * from);
        product(unit, Side::rows(d, to), &weights, rows, [(&mut dinput, from)], |range, [d]| then(range, d));
        dinput
    }
}

/// A matrix's numbers, without a copy where nobody else has it.
pub(super) fn slab_of(x: Matrix) -> Slab {
    x.into_data().into_vec().expect("every float tensor here is f32").into()
}

/// The way back.
pub(super) fn matrix_of(x: Slab, width: usize, device: &DispatchDevice) -> Matrix {
    let shape = [x.len() / width, width];
    Tensor::from_data(TensorData::new(x.into_vec(), shape), device)
}
