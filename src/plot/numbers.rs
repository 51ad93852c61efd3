//! The numbers that a figure shows.

/// The numbers of a figure as columns of equal length, for the CSV beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub columns: Vec<(String, Column)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    Text(Vec<String>),
    Number(Vec<f64>),
    Whole(Vec<i64>),
}
