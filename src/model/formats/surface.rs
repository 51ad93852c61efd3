//! A published loss surface, as Python's `pickle` writes it: `((X, Y, values), {"w0": (x, y), "w1": …, "w2": …})`, where
//! X and Y are NumPy's `meshgrid(vec, vec)` and the values a PyTorch tensor; Y is already scaled so that distances are
//! Euclidean. Unlike X and Y, whose rows are y's, the values have x first: `values[i, j]` is at `(vec[i], scale · vec[j])`.

use super::pickle::{Class, Element, Id, Object, Pickle};
use super::{FormatError, torch};
use crate::model::floats::Float;
use crate::model::floats::elements;
use std::borrow::Cow;

/// Three lie in a plane, and a few more may be marked.
const MOST_MODELS: usize = 100;

/// A grid of numbers over a plane, and where the models lie.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedSurface {
    /// By column.
    pub x: Vec<f64>,
    /// By row.
    pub y: Vec<f64>,
    /// [rows, columns], flat
    pub values: Vec<f64>,
    /// Names and places of the models, in the file's order.
    pub models: Vec<(String, f64, f64)>,
}

/// An array as it was pickled, row-major.
struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

/// Reads one file. Nothing in it is executed.
///
/// # Errors
/// A pickle that is damaged, that asks for anything but numbers, or that is no surface.
pub fn read_surface(bytes: &[u8]) -> Result<PublishedSurface, FormatError> {
    surface(bytes).map_err(|error| match error {
        FormatError::Damaged { what, .. } => FormatError::Damaged { format: "surface", what },
        FormatError::Unsupported { what, .. } => FormatError::Unsupported { format: "surface", what },
        other => other,
    })
}

fn surface(bytes: &[u8]) -> Result<PublishedSurface, FormatError> {
    let pickle = Pickle::read_arrays(bytes)?;
    let form = || unsupported("it is not ((X, Y, values), {name: (x, y)})");
    let Object::Tuple(parts) = pickle.root() else { return Err(form()) };
    let (Some([grids, places]), 2) = (parts.first_chunk::<2>(), parts.len()) else { return Err(form()) };
    let Some(&[x, y, values]) = pickle.tuple(*grids) else { return Err(form()) };
    let Object::Dict(places) = pickle.get(*places) else { return Err(form()) };
    if places.len() > MOST_MODELS {
        return Err(unsupported("it marks more models than a plane can have"));
    }
    // Shared storages could unfold to far more than the file.
    let mut budget = bytes.len();
    let mut array = |id: Id, name: &str| {
        let array = array(&pickle, id).ok_or_else(|| unsupported(&format!("its {name} is no array of floats")))?;
        budget =
            budget.checked_sub(array.data.len()).ok_or_else(|| unsupported("its arrays are larger than the file"))?;
        Ok::<_, FormatError>(array)
    };
    let (x, y, values) = (array(x, "X")?, array(y, "Y")?, array(values, "grid of values")?);
    let [x, y, values] = grid(x, y, values)?;
    let mut models = Vec::with_capacity(places.len());
    for (name, place) in places {
        let at = match pickle.get(*place) {
            Object::Tuple(at) | Object::List(at) => at.as_slice(),
            _ => &[],
        };
        let numbers: Option<Vec<f64>> = at.iter().map(|id| number(&pickle, *id)).collect();
        match (pickle.text(*name), numbers.as_deref()) {
            (Some(name), Some([x, y])) => models.push((name.to_owned(), *x, *y)),
            _ => return Err(unsupported("a model in it has no name or no place")),
        }
    }
    Ok(PublishedSurface { x, y, values, models })
}

fn unsupported(what: &str) -> FormatError {
    FormatError::Unsupported { format: "surface", what: what.to_owned() }
}

/// Both axes, of a `meshgrid` with either indexing or given by themselves, and the values by row. The script writes
/// `values[i, j]` at the i-th x and the j-th y, whatever the order of its `meshgrid`, and its plotters turn them.
fn grid(x: Array, y: Array, values: Array) -> Result<[Vec<f64>; 3], FormatError> {
    let wrong = || unsupported("its X, Y and values are no grid");
    let [x, y] = axes(x, y).ok_or_else(wrong)?;
    match values.shape[..] {
        [first, second] if (first, second) == (x.len(), y.len()) => {}
        [first, second] => {
            return Err(unsupported(&format!(
                "its values are {first} × {second}, and {} places along x and {} along y make {0} × {1}",
                x.len(),
                y.len()
            )));
        }
        _ => return Err(wrong()),
    }
    let turned = (0..y.len()).flat_map(|row| values.data.iter().skip(row).step_by(y.len()).copied()).collect();
    Ok([x, y, turned])
}

fn axes(x: Array, y: Array) -> Option<[Vec<f64>; 2]> {
    if x.data.is_empty() || y.data.is_empty() {
        return None;
    }
    if x.shape.len() == 1 && y.shape.len() == 1 {
        return Some([x.data, y.data]);
    }
    let [_, columns] = x.shape[..] else { return None };
    if x.shape != y.shape {
        return None;
    }
    let along_row = |data: &[f64]| data.chunks_exact(columns).all(|row| row == &data[..columns]);
    let along_column = |data: &[f64]| data.chunks_exact(columns).all(|row| row.iter().all(|value| *value == row[0]));
    let first_row = |array: &Array| array.data[..columns].to_vec();
    let first_column = |array: &Array| array.data.iter().step_by(columns).copied().collect::<Vec<f64>>();
    match () {
        () if along_row(&x.data) && along_column(&y.data) => Some([first_row(&x), first_column(&y)]),
        () if along_column(&x.data) && along_row(&y.data) => Some([first_column(&x), first_row(&y)]),
        () => None,
    }
}

fn array(pickle: &Pickle<'_>, id: Id) -> Option<Array> {
    match pickle.get(id) {
        Object::Tensor(arguments) => torch_array(pickle, *arguments),
        Object::Call { class: Class::Reconstruct, state: Some(state), .. } => {
            let [_, shape, dtype, fortran, data] = *pickle.tuple(*state)? else { return None };
            numpy_array(pickle, data, dtype, shape, *pickle.get(fortran) == Object::Bool(true))
        }
        Object::Call { class: Class::FromBuffer, arguments, .. } => {
            let [data, dtype, shape, order] = *pickle.tuple(*arguments)? else { return None };
            numpy_array(pickle, data, dtype, shape, pickle.text(order)? == "F")
        }
        _ => None,
    }
}

fn numpy_array(pickle: &Pickle<'_>, data: Id, dtype: Id, shape: Id, fortran: bool) -> Option<Array> {
    let shape = pickle.tuple(shape)?.iter().map(|size| pickle.size(*size)).collect::<Option<Vec<usize>>>()?;
    let data = decode(float(pickle, dtype)?, &raw(pickle, data)?);
    if elements(&shape) != Some(data.len()) {
        return None;
    }
    match shape[..] {
        [rows, columns] if fortran => {
            let data = (0..rows).flat_map(|row| data.iter().skip(row).step_by(rows).take(columns).copied()).collect();
            Some(Array { shape, data })
        }
        _ => Some(Array { shape, data }),
    }
}

/// A tensor whose storage is a file inside this one.
fn torch_array(pickle: &Pickle<'_>, arguments: Id) -> Option<Array> {
    let (from, _) = pickle.tuple(arguments)?.split_first()?;
    let Object::Call { class: Class::LoadFromBytes, arguments: file, .. } = pickle.get(*from) else { return None };
    let [file] = *pickle.tuple(*file)? else { return None };
    let file = raw(pickle, file)?;
    let (element, storage) = torch::lone_storage(&file).ok()?;
    let Element::Float(float) = element else { return None };
    let (shape, bytes) = torch::view_of(pickle, arguments, storage, float.width())?;
    Some(Array { shape, data: decode(float, &bytes) })
}

/// Python's bytes. Old protocols write them as text, a character a byte.
fn raw<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Cow<'a, [u8]>> {
    match pickle.get(id) {
        Object::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        Object::Call { class: Class::Encode, arguments, .. } => {
            let [text, encoding] = *pickle.tuple(*arguments)? else { return None };
            let latin = matches!(pickle.text(encoding)?, "latin1" | "latin-1");
            let bytes =
                pickle.text(text)?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>();
            bytes.filter(|_| latin).map(Cow::Owned)
        }
        _ => None,
    }
}

fn float(pickle: &Pickle<'_>, dtype: Id) -> Option<Float> {
    let Object::Call { class: Class::Dtype, arguments, state } = pickle.get(dtype) else { return None };
    let little = match state {
        None => true,
        Some(state) => pickle.text(*pickle.tuple(*state)?.get(1)?)? == "<",
    };
    let float = match pickle.text(*pickle.tuple(*arguments)?.first()?)? {
        "f8" | "<f8" => Float::F64,
        "f4" | "<f4" => Float::F32,
        "f2" | "<f2" => Float::F16,
        _ => return None,
    };
    little.then_some(float)
}

fn number(pickle: &Pickle<'_>, id: Id) -> Option<f64> {
    match pickle.get(id) {
        Object::Float(value) => Some(*value),
        Object::Int(value) => Some(*value as f64),
        Object::Call { class: Class::Scalar, arguments, .. } => {
            let [dtype, data] = *pickle.tuple(*arguments)? else { return None };
            match decode(float(pickle, dtype)?, &raw(pickle, data)?)[..] {
                [one] => Some(one),
                _ => None,
            }
        }
        _ => match array(pickle, id)?.data[..] {
            [one] => Some(one),
            _ => None,
        },
    }
}

/// Without rounding, unlike a model's weights.
fn decode(float: Float, bytes: &[u8]) -> Vec<f64> {
    match float {
        Float::F64 => {
            let double = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
            bytes.chunks_exact(8).map(double).collect()
        }
        _ => float.decode(bytes).into_iter().map(f64::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &[u8]); 4] = [
        ("protocol 2", include_bytes!("../../../tests/reference/published/surface2.pkl")),
        ("protocol 4", include_bytes!("../../../tests/reference/published/surface4.pkl")),
        ("protocol 5", include_bytes!("../../../tests/reference/published/surface5.pkl")),
        ("numpy 1's names", include_bytes!("../../../tests/reference/published/surface_old.pkl")),
    ];

    #[test]
    fn surfaces_are_what_python_pickled() {
        for (name, bytes) in FILES {
            let surface = read_surface(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(surface.x, [-1.0, 0.0, 1.0, 2.0], "{name}");
            assert_eq!(surface.y, [-1.5, 0.75, 3.0], "{name}");
            let values: Vec<f64> = (0..12).map(|place| f64::from(place) / 8.0).collect();
            assert_eq!(surface.values, values, "{name}");
            let models = [("w0", 0.0, 0.0), ("w1", 1.0, 0.0), ("w2", 0.25, 1.2)];
            assert_eq!(surface.models, models.map(|(name, x, y)| (name.to_owned(), x, y)), "{name}");
        }
    }

    #[test]
    fn the_values_first_place_is_x() {
        let square = include_bytes!("../../../tests/reference/published/surface_square.pkl");
        let surface = read_surface(square).unwrap();
        let w1 = (surface.models[1].1, surface.models[1].2);
        let at = |x: f64, y: f64| {
            let place = |axis: &[f64], wanted| axis.iter().position(|value| *value == wanted).unwrap();
            surface.values[place(&surface.y, y) * surface.x.len() + place(&surface.x, x)]
        };
        assert_eq!((w1, at(w1.0, w1.1), at(0.0, 1.0)), ((1.0, 0.0), 5.0, 0.0));
    }

    #[test]
    fn values_of_another_layout_are_refused() {
        let array = |shape: &[usize], data: Vec<f64>| Array { shape: shape.to_vec(), data };
        let (x, y) = (vec![0.0, 1.0, 2.0], vec![5.0, 6.0]);
        let meshed = |first: bool| {
            let [rows, columns] = if first { [3, 2] } else { [2, 3] };
            let each = |of: &dyn Fn(usize, usize) -> f64| {
                array(&[rows, columns], (0..6).map(|at| of(at / columns, at % columns)).collect())
            };
            let place = |row: usize, column: usize| if first { (row, column) } else { (column, row) };
            [each(&|row, column| x[place(row, column).0]), each(&|row, column| y[place(row, column).1])]
        };
        let values = || array(&[3, 2], (0..6).map(f64::from).collect());
        let turned = vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0];
        for [x_given, y_given] in [meshed(true), meshed(false), [array(&[3], x.clone()), array(&[2], y.clone())]] {
            assert_eq!(grid(x_given, y_given, values()).unwrap(), [x.clone(), y.clone(), turned.clone()]);
        }
        let [x_given, y_given] = meshed(false);
        let error = grid(x_given, y_given, array(&[2, 3], vec![0.0; 6])).unwrap_err().to_string();
        let message = "its values are 2 × 3, and 3 places along x and 2 along y make 3 × 2";
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn anything_else_is_refused() {
        let bytes = FILES[1].1;
        for cut in 0..bytes.len() {
            assert!(read_surface(&bytes[..cut]).is_err(), "{cut}");
        }
        let trap = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.";
        assert!(read_surface(trap).unwrap_err().to_string().contains("the class `posix.system`"));
        assert!(read_surface(b"\x80\x02K\x01.").unwrap_err().to_string().contains("it is not ((X, Y, values)"));
        // No byte that is changed may end the program, whatever the answer is.
        for place in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[place] ^= 0x55;
            let _ = read_surface(&changed);
        }
        // What only surfaces need, no model's file may have.
        assert!(Pickle::read(bytes).is_err());
    }
}
