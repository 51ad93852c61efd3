//! What the colours of surfaces mean.

use super::super::colormap::Colours;
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
    colours: Colours,
    /// Colours run without steps.
    pub run: bool,
    /// What the levels are called.
    ticks: Vec<(f64, String)>,
}

/// Of a surface that would have fewer lines than this, they are its own.
const FEW_LINES: usize = 2;

impl Scale {
    /// Two colours from each tick of the bar to the next, or four where ticks are few. Values that hardly differ beside
    /// the bar, such as losses of which the least is far from 0, have their own lines on one run of colours.
    pub fn new(axis: &Axis, (least, most): (f64, f64), colours: Colours) -> Scale {
        let (low, high) = (axis.low, axis.high);
        let between = |axis: &Axis, (from, to): (f64, f64)| {
            axis.ticks.iter().filter(|(value, _)| from < *value && *value < to).count()
        };
        let own = (least.max(low), most.min(high));
        let fine = own.1 > own.0 && between(axis, own) < FEW_LINES && 3.0 * (own.1 - own.0) < high - low;
        let fine = fine.then(|| Axis::over(own.0, own.1, 0.0, 120.0, false));
        let ticks = fine.as_ref().unwrap_or(axis).ticks.clone();
        let step = match ticks.as_slice() {
            [first, second, ..] => {
                let step = second.0 - first.0;
                if ticks.len() < 5 { step / 4.0 } else { step / 2.0 }
            }
            _ => (high - low) / 8.0,
        };
        let first = ticks.first().map_or(low, |(value, _)| *value);
        let (low_line, high_line) = if fine.is_some() { own } else { (low, high) };
        let slack = step * 1e-6;
        let start = ((low_line - first) / step).floor() as i64;
        let inner = (start..start + 64).map(|number| first + number as f64 * step);
        let inner = inner.filter(|level| *level > low_line + slack && *level < high_line - slack);
        let open = [least < low, most > high];
        let ends = |open: bool, end: f64| open.then_some(end);
        let levels = ends(open[0], low).into_iter().chain(inner).chain(ends(open[1], high)).collect();
        Scale { low, high, levels, open, colours, run: fine.is_some(), ticks }
    }

    /// What a level is called; `None` for those between ticks.
    pub fn text(&self, level: usize) -> Option<String> {
        let slack = (self.high - self.low) * 1e-6;
        let tick = self.ticks.iter().find(|(value, _)| (value - self.levels[level]).abs() < slack);
        tick.map(|(_, label)| label.clone())
    }

    /// Between the colours of bands.
    pub fn blend(&self, value: f64) -> Ink {
        self.colours.at((value - self.low) / (self.high - self.low))
    }

    pub fn ink(&self, band: usize) -> Ink {
        if self.run {
            let end = |at: Option<usize>, own: f64| at.and_then(|at| self.levels.get(at)).copied().unwrap_or(own);
            // The outer bands hold only what is next to their line.
            let first = end(Some(band.saturating_sub(1)), self.low);
            let last = end(Some(band), end(band.checked_sub(1), self.high));
            return self.blend((first + last) / 2.0);
        }
        self.colours.at((band as f64 + 0.5) / (self.levels.len() + 1) as f64)
    }
}
