//! The plane through three models on a device: its points are models, made there without a way over the host.

use super::geometry::Geometry;
use super::transformer::Transformer;
use super::{Matrix, ModelError};

/// Everything on the device, in f32; the tests' `WeightPlane` says the same in f64 on the host.
#[derive(Debug, Clone)]
pub struct TransformerPlane {
    anchor: Transformer,
    /// The model that `v₁` leads to, and the other one.
    ends: [Transformer; 2],
    directions: [Vec<Matrix>; 2],
    pub geometry: Geometry,
}

impl TransformerPlane {
    /// # Errors
    /// The models do not have the same parameters, or they stand on one line.
    pub fn new(anchor: &Transformer, first: &Transformer, second: &Transformer) -> Result<Self, ModelError> {
        if anchor.layout != first.layout || anchor.layout != second.layout {
            return Err(ModelError::Mismatch("their sizes or heads differ".into()));
        }
        let geometry = Geometry::new(|see| {
            for ((a, b1), b2) in anchor.parameters.iter().zip(&first.parameters).zip(&second.parameters) {
                let data = [a, b1, b2].map(|parameter| parameter.to_data());
                let [a, b1, b2] = data.each_ref().map(|data| data.as_slice::<f32>());
                let wrong = |error| ModelError::Mismatch(format!("their weights are not f32: {error:?}"));
                see([a.map_err(wrong)?, b1.map_err(wrong)?, b2.map_err(wrong)?]);
            }
            Ok(())
        })?;
        let ends = if geometry.swapped { [second.clone(), first.clone()] } else { [first.clone(), second.clone()] };
        let away = |end: &Transformer| -> Vec<Matrix> {
            end.parameters.iter().zip(&anchor.parameters).map(|(end, anchor)| end.clone() - anchor.clone()).collect()
        };
        let [along, across] = ends.each_ref().map(away);
        let across = across.into_iter().zip(&along).map(|(v2, v1)| v2 - v1.clone() * geometry.removed).collect();
        Ok(Self { anchor: anchor.clone(), ends, directions: [along, across], geometry })
    }

    /// The model `a + x·v₁ + y·v₂`. Where one of the three models stands, it is that model exactly.
    pub fn point(&self, x: f64, y: f64) -> Transformer {
        let places = [(0.0, 0.0), (1.0, 0.0), (self.geometry.removed, 1.0)];
        let [first, second] = &self.ends;
        if let Some((_, model)) = places.into_iter().zip([&self.anchor, first, second]).find(|(at, _)| *at == (x, y)) {
            return model.clone();
        }
        let [along, across] = &self.directions;
        let parameters = self.anchor.parameters.iter().zip(along.iter().zip(across));
        // The directions are small beside the weights, so the rounding of large coefficients hardly shows.
        let mix =
            |(anchor, (v1, v2)): (&Matrix, (&Matrix, &Matrix))| anchor.clone() + (v1.clone() * x + v2.clone() * y);
        Transformer { parameters: parameters.map(mix).collect(), ..self.anchor.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::reference::{config, cpu, weights};
    use super::super::tests::weight_plane::WeightPlane;
    use super::super::{Head, Weights};
    use super::*;
    use crate::rng::stream;
    use rand::RngExt;

    const HEAD: Head = Head::Classifier { labels: 3 };

    /// The fixture's model and two others, as far from it as fine-tunes are.
    fn models() -> [Weights; 3] {
        let anchor = weights("model.safetensors");
        let away = |seed: u64, along: Option<&Weights>| {
            let mut random = stream("plane", seed, 0);
            let mut other = anchor.clone();
            for (name, tensor) in &mut other.tensors {
                for (place, value) in tensor.data.iter_mut().enumerate() {
                    let shared = along.map_or(0.0, |along| along.tensors[name].data[place] - *value);
                    *value += 1.6 * shared + 0.02 * (random.random::<f32>() - 0.5);
                }
            }
            other
        };
        let first = away(1, None);
        // Its projection lies beyond the first, so the two are swapped.
        let second = away(2, Some(&first));
        [anchor, first, second]
    }

    #[test]
    fn points_are_those_of_the_plane_on_the_host() {
        let [a, b1, b2] = models();
        let mut worst = 0f64;
        for [a, b1, b2] in [[&a, &b1, &b2], [&a, &b2, &b1], [&b1, &a, &b2]] {
            let on_device = [a, b1, b2].map(|weights| Transformer::new(&config(), HEAD, weights, &cpu()).unwrap());
            let [anchor, first, second] = &on_device;
            let found = TransformerPlane::new(anchor, first, second).unwrap();
            let wanted = WeightPlane::new(a.clone(), b1.clone(), b2.clone()).unwrap();
            assert!((found.geometry.scale / wanted.geometry.scale - 1.0).abs() < 1e-12);
            assert_eq!(found.geometry.swapped, wanted.geometry.swapped);
            let steps = [-4.0, -0.3, 0.0, 0.5, 1.0, 2.2, 4.0];
            for (x, y) in steps.into_iter().flat_map(|y| steps.map(|x| (x, y))) {
                let found = found.point(x, y).to_weights();
                let wanted = wanted.point(x, y);
                for (name, found) in &found.tensors {
                    let pairs = found.data.iter().zip(&wanted.tensors[name].data);
                    let difference = |(a, b): (&f32, &f32)| f64::from((a - b).abs() / b.abs().max(1.0));
                    worst = pairs.map(difference).fold(worst, f64::max);
                }
            }
            let ends = if found.geometry.swapped { [second, first] } else { [first, second] };
            let places = [(0.0, 0.0), (1.0, 0.0), (found.geometry.removed, 1.0)];
            for ((x, y), model) in places.into_iter().zip([anchor, ends[0], ends[1]]) {
                assert_eq!(found.point(x, y).to_weights(), model.to_weights());
            }
        }
        println!("largest difference of a weight in the plane: {worst:e}");
        assert!(worst < 1e-6, "{worst}");
    }

    #[test]
    fn the_second_model_is_swapped_where_it_reaches_beyond_the_first() {
        let [a, b1, b2] = models().map(|weights| Transformer::new(&config(), HEAD, &weights, &cpu()).unwrap());
        let swapped = TransformerPlane::new(&a, &b1, &b2).unwrap().geometry;
        let straight = TransformerPlane::new(&a, &b2, &b1).unwrap().geometry;
        assert!(swapped.swapped && !straight.swapped);
        assert_eq!((swapped.removed, swapped.scale), (straight.removed, straight.scale));
        assert_eq!(swapped.places(), [(0.0, 0.0), (swapped.removed, swapped.scale), (1.0, 0.0)]);
        assert!(TransformerPlane::new(&a, &b1, &b1).unwrap_err().to_string().contains("on one line"));
    }
}
