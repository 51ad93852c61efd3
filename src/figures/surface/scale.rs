//! What the colours of surfaces mean.

use super::super::colormap::viridis;
use super::super::ink::Ink;
use super::super::ticks::Axis;

/// The ends of the scale, and the values at which they change.
pub(super) struct Scale {
    pub low: f64,
    pub high: f64,
    /// Rising; one colour more than levels.
    pub levels: Vec<f64>,
    /// Whether values lie beyond the lower and the upper end.
    pub open: [bool; 2],
}

impl Scale {
    /// Two colours from each tick of the bar to the next, or four where ticks are few.
    pub fn new(axis: &Axis, (least, most): (f64, f64)) -> Scale {
        let (low, high) = (axis.low, axis.high);
        let step = match axis.ticks.as_slice() {
            [first, second, ..] => {
                let step = second.0 - first.0;
                if axis.ticks.len() < 5 { step / 4.0 } else { step / 2.0 }
            }
            _ => (high - low) / 8.0,
        };
        let first = axis.ticks.first().map_or(low, |(value, _)| *value);
        let slack = step * 1e-6;
        let start = ((low - first) / step).floor() as i64;
        let inner = (start..start + 64).map(|number| first + number as f64 * step);
        let inner = inner.filter(|level| *level > low + slack && *level < high - slack);
        let open = [least < low, most > high];
        let ends = |open: bool, end: f64| open.then_some(end);
        let levels = ends(open[0], low).into_iter().chain(inner).chain(ends(open[1], high)).collect();
        Scale { low, high, levels, open }
    }

    /// What the bar calls a level; `None` for those between its ticks.
    pub fn text(&self, level: usize, axis: &Axis) -> Option<String> {
        let slack = (self.high - self.low) * 1e-6;
        let tick = axis.ticks.iter().find(|(value, _)| (value - self.levels[level]).abs() < slack);
        tick.map(|(_, label)| label.clone())
    }

    pub fn ink(&self, band: usize) -> Ink {
        viridis((band as f64 + 0.5) / (self.levels.len() + 1) as f64)
    }
}
