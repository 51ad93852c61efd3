//! The plane through three models in weight space, in which surfaces of loss are drawn.

use crate::model::{Geometry, HostTensor, ModelError, Weights};

/// A plane with the anchor `a` at its origin and directions `v₁` and `v₂`, at right angles to each other and not
/// normalised: the point `(x, y)` is the model `a + x·v₁ + y·v₂`. The reference for [`crate::model::TransformerPlane`].
#[derive(Debug, Clone)]
pub struct WeightPlane {
    anchor: Weights,
    first: Weights,
    second: Weights,
    pub geometry: Geometry,
}

impl WeightPlane {
    /// # Errors
    /// The models do not hold the same tensors, or they stand on one line.
    pub fn new(anchor: Weights, first: Weights, second: Weights) -> Result<Self, ModelError> {
        let (firsts, seconds) = (anchor.pairs(&first)?, anchor.pairs(&second)?);
        let geometry = Geometry::new(|see| {
            let pieces = firsts.iter().zip(&seconds);
            pieces.for_each(|((_, a, b1), (_, _, b2))| see([&a.data, &b1.data, &b2.data]));
            Ok(())
        })?;
        drop((firsts, seconds));
        let (first, second) = if geometry.swapped { (second, first) } else { (first, second) };
        Ok(Self { anchor, first, second, geometry })
    }

    /// The model `a + x·v₁ + y·v₂`, computed in f64.
    pub fn point(&self, x: f64, y: f64) -> Weights {
        let x = x - y * self.geometry.removed;
        let others = self.first.tensors.values().zip(self.second.tensors.values());
        let tensors = self.anchor.tensors.iter().zip(others).map(|((name, anchor), (first, second))| {
            let values = anchor.data.iter().zip(first.data.iter().zip(&second.data));
            let data = values.map(|(a, (b1, b2))| {
                let [a, b1, b2] = [a, b1, b2].map(|value| f64::from(*value));
                (a + x * (b1 - a) + y * (b2 - a)) as f32
            });
            (name.clone(), HostTensor { shape: anchor.shape.clone(), data: data.collect() })
        });
        Weights { tensors: tensors.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    struct Fixture {
        shapes: serde_json::Map<String, serde_json::Value>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        models: [BTreeMap<String, Vec<f32>>; 3],
        lines: Vec<OnLine>,
        distances: [f64; 3],
        swapped: bool,
        removed: f64,
        scale: f64,
        length: f64,
        points: Vec<InPlane>,
    }

    #[derive(Deserialize)]
    struct OnLine {
        t: f64,
        point: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct InPlane {
        x: f64,
        y: f64,
        point: Vec<f64>,
    }

    impl Fixture {
        fn read() -> Self {
            serde_json::from_str(include_str!("../../../tests/reference/plane.json")).unwrap()
        }

        fn models(&self, case: &Case) -> [Weights; 3] {
            case.models.clone().map(|model| {
                let tensor = |(name, data): (String, Vec<f32>)| {
                    let shape = serde_json::from_value(self.shapes[&name].clone()).unwrap();
                    (name, HostTensor { shape, data })
                };
                Weights { tensors: model.into_iter().map(tensor).collect() }
            })
        }

        /// The largest difference of a model from the fixture's flat list, relative for values beyond 1.
        fn difference(&self, found: &Weights, wanted: &[f64]) -> f64 {
            let found: Vec<f32> = self.shapes.keys().flat_map(|name| found.tensors[name].data.clone()).collect();
            assert_eq!(found.len(), wanted.len());
            found.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
        }
    }

    #[test]
    fn lines_planes_and_distances_agree_with_numpy() {
        let fixture = Fixture::read();
        let mut worst = 0f64;
        for case in &fixture.cases {
            let [a, b1, b2] = fixture.models(case);
            let distances = [a.distance(&b1), a.distance(&b2), b1.distance(&b2)];
            for (found, wanted) in distances.into_iter().zip(case.distances) {
                assert!((found.unwrap() / wanted - 1.0).abs() < 1e-12);
            }
            for line in &case.lines {
                worst = worst.max(fixture.difference(&a.lerp(&b1, line.t).unwrap(), &line.point));
            }
            let plane = WeightPlane::new(a, b1, b2).unwrap();
            let Geometry { swapped, removed, scale, length, distances } = plane.geometry;
            assert_eq!(swapped, case.swapped);
            let numbers = [removed, scale, length].into_iter().chain(distances);
            for (found, wanted) in
                numbers.zip([case.removed, case.scale, case.length].into_iter().chain(case.distances))
            {
                assert!((found / wanted - 1.0).abs() < 1e-12, "{found} {wanted}");
            }
            for point in &case.points {
                worst = worst.max(fixture.difference(&plane.point(point.x, point.y), &point.point));
            }
        }
        println!("largest difference of an interpolated weight: {worst:e}");
        assert!(worst < 1e-6, "{worst}");
    }

    #[test]
    fn the_three_models_stand_where_the_axes_say() {
        let fixture = Fixture::read();
        for case in &fixture.cases {
            let models = fixture.models(case);
            let [a, b1, b2] = models.clone();
            let plane = WeightPlane::new(a, b1, b2).unwrap();
            for (model, (x, y)) in models.iter().zip(plane.geometry.places()) {
                assert!(plane.point(x, y / plane.geometry.scale).distance(model).unwrap() < 1e-5);
            }
            let [_, (x1, y1), (x2, y2)] = plane.geometry.places();
            let apart = (x1 - x2).hypot(y1 - y2) * plane.geometry.length;
            assert!((apart / models[1].distance(&models[2]).unwrap() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn models_on_one_line_have_no_plane() {
        let fixture = Fixture::read();
        let [a, b, _] = fixture.models(&fixture.cases[0]);
        let middle = a.lerp(&b, 0.3).unwrap();
        for (anchor, first, second) in [(&a, &a, &b), (&a, &b, &a), (&a, &b, &b), (&a, &b, &middle), (&a, &a, &a)] {
            let error = WeightPlane::new(anchor.clone(), first.clone(), second.clone()).unwrap_err().to_string();
            assert!(error.contains("on one line"), "{error}");
        }
        let mut other = b.clone();
        other.tensors.remove("bert.a.bias");
        assert!(WeightPlane::new(a, b, other).unwrap_err().to_string().contains("bert.a.bias"));
    }
}
