//! Forms of values that tables of several kinds share.

use serde::Deserialize;

use super::shape::{Shape, Shaped};

/// One value or several: `models = "a"` and `models = ["a", "b"]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "one name, or a list of names")]
pub enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

impl<T: Shaped> Shaped for OneOrMany<T> {
    fn shape() -> Shape {
        Shape::Either(vec![T::shape(), Vec::<T>::shape()])
    }
}
