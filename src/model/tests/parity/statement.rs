//! BERT stated plainly: one token at a time, loops, double precision, dropout masks from outside.

use crate::data::Batch;
use crate::model::{TransformerConfig, Weights};

/// Where BERT has dropout, and nowhere else; layers count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// After the embeddings' LayerNorm.
    Embeddings,
    /// On a layer's attention probabilities.
    Probabilities(usize),
    /// On the output of the attention's dense layer, before the residual.
    AttentionOutput(usize),
    /// On the output of the feed-forward block, before the residual.
    Output(usize),
    /// Between the pooler and the classifier.
    Pooled,
}

pub struct Statement<'a> {
    pub config: &'a TransformerConfig,
    pub weights: &'a Weights,
}

impl Statement<'_> {
    /// A batch's logits, `[rows, labels]` flat.
    ///
    /// `mask(place, index)` is what the value at an index is multiplied with. Hidden values are numbered by real
    /// token and column, in the last layer by row and column; probabilities by row, head, query and key, of which the
    /// padded batch has `width`, in the last layer with one query.
    pub fn logits(&self, batch: &Batch, mask: &dyn Fn(Place, usize) -> f64) -> Vec<f64> {
        let (hidden, width) = (self.config.hidden_size, batch.width);
        let (heads, layers) = (self.config.num_attention_heads, self.config.num_hidden_layers);
        let size = hidden / heads;
        let (mut all, mut before) = (Vec::new(), 0);
        for row in 0..batch.rows {
            let count = batch.attention_mask[row * width..][..width].iter().filter(|mask| **mask > 0.5).count();
            let drop = |place, token: usize, x: &mut [f64]| {
                x.iter_mut().enumerate().for_each(|(j, x)| *x *= mask(place, token * hidden + j));
            };
            let mut states: Vec<Vec<f64>> = (0..count)
                .map(|t| {
                    let mut x = self.embedding(batch, row * width + t, t);
                    drop(Place::Embeddings, before + t, &mut x);
                    x
                })
                .collect();
            for layer in 0..layers {
                let name = |part: &str| format!("bert.encoder.layer.{layer}.{part}");
                let project = |part: &str| -> Vec<Vec<f64>> {
                    states.iter().map(|x| self.dense(&name(&format!("attention.self.{part}")), x)).collect()
                };
                let (queries, keys, values) = (project("query"), project("key"), project("value"));
                let last = layer + 1 == layers;
                let (asking, query_width) = if last { (1, 1) } else { (count, width) };
                let mut outputs = Vec::new();
                for t in 0..asking {
                    let mut context = vec![0.0; hidden];
                    for head in 0..heads {
                        let part = head * size..(head + 1) * size;
                        let score = |key: &Vec<f64>| {
                            let product = queries[t][part.clone()].iter().zip(&key[part.clone()]).map(|(a, b)| a * b);
                            product.sum::<f64>() / (size as f64).sqrt()
                        };
                        let exponentials: Vec<f64> = keys.iter().map(|key| score(key).exp()).collect();
                        let total: f64 = exponentials.iter().sum();
                        for (key, (e, value)) in exponentials.iter().zip(&values).enumerate() {
                            let index = ((row * heads + head) * query_width + t) * width + key;
                            let p = e / total * mask(Place::Probabilities(layer), index);
                            part.clone().for_each(|j| context[j] += p * value[j]);
                        }
                    }
                    let token = if last { row } else { before + t };
                    let mut attended = self.dense(&name("attention.output.dense"), &context);
                    drop(Place::AttentionOutput(layer), token, &mut attended);
                    let middle = self.norm(&name("attention.output.LayerNorm"), &add(&attended, &states[t]));
                    let inner: Vec<f64> =
                        self.dense(&name("intermediate.dense"), &middle).iter().map(|x| gelu(*x)).collect();
                    let mut output = self.dense(&name("output.dense"), &inner);
                    drop(Place::Output(layer), token, &mut output);
                    outputs.push(self.norm(&name("output.LayerNorm"), &add(&output, &middle)));
                }
                states = outputs;
            }
            let mut pooled: Vec<f64> = self.dense("bert.pooler.dense", &states[0]).iter().map(|x| x.tanh()).collect();
            drop(Place::Pooled, row, &mut pooled);
            all.extend(self.dense("classifier", &pooled));
            before += count;
        }
        all
    }

    fn tensor(&self, name: &str) -> &[f32] {
        &self.weights.tensors[name].data
    }

    fn embedding(&self, batch: &Batch, place: usize, position: usize) -> Vec<f64> {
        let row = |table: &str, id: usize| {
            let hidden = self.config.hidden_size;
            let table = self.tensor(&format!("bert.embeddings.{table}_embeddings.weight"));
            table[id * hidden..][..hidden].iter().map(|x| f64::from(*x)).collect::<Vec<_>>()
        };
        let word = row("word", batch.input_ids[place] as usize);
        let kind = row("token_type", batch.token_type_ids[place] as usize);
        self.norm("bert.embeddings.LayerNorm", &add(&add(&word, &row("position", position)), &kind))
    }

    fn dense(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.tensor(&format!("{name}.weight")).chunks_exact(x.len());
        let bias = self.tensor(&format!("{name}.bias"));
        let product = |row: &[f32]| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
        weight.zip(bias).map(|(row, bias)| product(row) + f64::from(*bias)).collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
        let inverse = 1.0 / (variance + self.config.layer_norm_eps).sqrt();
        let (gain, bias) = (self.tensor(&format!("{name}.weight")), self.tensor(&format!("{name}.bias")));
        let scaled =
            |(x, (gain, bias)): (&f64, (&f32, &f32))| (x - mean) * inverse * f64::from(*gain) + f64::from(*bias);
        x.iter().zip(gain.iter().zip(bias)).map(scaled).collect()
    }
}

fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The form with a hyperbolic tangent, which the standard library has.
fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
}
