//! The house style: one palette, two widths, few and thin lines. Lengths are points (1/72 inch) at print size.

use super::ink::Ink;
use crate::words::words;

words! {
    /// Printed width of a figure.
    #[derive(Default)]
    pub enum Width {
        /// One column of a two-column page, 3.25 inches.
        #[default]
        Column = "column",
        /// The whole page, both columns, 6.75 inches.
        Page = "page",
    }
}

impl Width {
    pub(super) fn points(self) -> f64 {
        match self {
            Width::Column => 234.0,
            Width::Page => 486.0,
        }
    }

    /// Height of the plotting area of a figure with two axes.
    pub(super) fn plot_height(self) -> f64 {
        match self {
            Width::Column => 150.0,
            Width::Page => 240.0,
        }
    }
}

pub(super) const MARGIN: f64 = 6.0;
pub(super) const TICK_TEXT: f64 = 7.0;
pub(super) const LABEL_TEXT: f64 = 8.0;
pub(super) const LEGEND_TEXT: f64 = 7.5;
pub(super) const TITLE_TEXT: f64 = 9.0;
pub(super) const TICK_LENGTH: f64 = 3.0;
pub(super) const AXIS_LINE: f64 = 0.6;
pub(super) const MEAN_LINE: f64 = 1.8;
pub(super) const PAIR_LINE: f64 = 0.4;

pub(super) const TEXT: Ink = Ink::solid(0x26, 0x26, 0x26);
pub(super) const AXIS: Ink = Ink::solid(0x4d, 0x4d, 0x4d);
pub(super) const QUIET: Ink = Ink::solid(0x80, 0x80, 0x80);
pub(super) const WHITE: Ink = Ink::solid(0xff, 0xff, 0xff);

/// Okabe and Ito's palette, told apart with any colour vision; its yellow is left out, too faint on white paper.
const PALETTE: [Ink; 7] = [
    Ink::solid(0x00, 0x72, 0xb2),
    Ink::solid(0xd5, 0x5e, 0x00),
    Ink::solid(0x00, 0x9e, 0x73),
    Ink::solid(0xcc, 0x79, 0xa7),
    Ink::solid(0xe6, 0x9f, 0x00),
    Ink::solid(0x56, 0xb4, 0xe9),
    Ink::solid(0x00, 0x00, 0x00),
];

/// Shapes that stay apart in grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Disc,
    Triangle,
    Square,
    Diamond,
    Wedge,
}

const MARKERS: [Marker; 5] = [Marker::Disc, Marker::Triangle, Marker::Square, Marker::Diamond, Marker::Wedge];

/// Lengths of ink and gap, alternating; empty is a solid line.
const DASHES: [&[f64]; 5] = [&[], &[6.0, 2.5], &[1.8, 1.8], &[7.0, 2.0, 1.8, 2.0], &[3.5, 2.0]];

// The three lists have lengths 7, 5 and 5, so colour and shape first repeat together at the 36th group.

pub(super) fn colour(group: usize) -> Ink {
    PALETTE[group % PALETTE.len()]
}

pub(super) fn marker(group: usize) -> Marker {
    MARKERS[group % MARKERS.len()]
}

pub(super) fn dash(group: usize) -> &'static [f64] {
    DASHES[group % DASHES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_differ_without_colour() {
        for a in 0..5 {
            for b in a + 1..5 {
                assert!(marker(a) != marker(b) && dash(a) != dash(b));
            }
        }
        let looks: std::collections::HashSet<_> = (0..35).map(|group| (colour(group).rgb, group % 5)).collect();
        assert_eq!(looks.len(), 35);
    }
}
