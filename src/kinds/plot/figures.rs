//! The kinds of figures, a line each.

use super::figure::FigureKind;
use super::{
    agreement, curves, distributions, heatmap, histogram, matrix, movement, scatter, sharpness, surface, training,
};

pub const FIGURES: [&FigureKind; 11] = [
    &curves::FIGURE,
    &heatmap::FIGURE,
    &agreement::FIGURE,
    &scatter::FIGURE,
    &histogram::FIGURE,
    &distributions::FIGURE,
    &movement::FIGURE,
    &sharpness::FIGURE,
    &training::FIGURE,
    &matrix::FIGURE,
    &surface::FIGURE,
];
