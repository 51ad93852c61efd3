//! Axes with the ticks a person would choose: steps of 1, 2, 2.5 or 5 times a power of ten, short labels.

use super::fonts;
use super::style::TICK_TEXT;

/// One axis: its range, and its ticks as values with labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<(f64, String)>,
    /// What the labels leave out: subtract the first, divide by ten to the power of the second.
    offset: Option<String>,
    exponent: i32,
}

impl Axis {
    /// An axis of `length` points over the data's range from `low` to `high` with `padding` (a share of the range) at
    /// both ends. `along` says that labels stand one after another along the axis rather than above each other. A range
    /// without extent is widened around its value.
    pub fn over(low: f64, high: f64, padding: f64, length: f64, along: bool) -> Axis {
        let (low, high) = widened(low, high);
        let pad = (high - low) * padding;
        let (low, high) = (low - pad, high + pad);
        let pitch = if along { 34.0 } else { 24.0 };
        let mut count = ((length / pitch) as usize).clamp(2, 9);
        loop {
            let axis = Axis::with_about(low, high, count);
            if !along || count == 1 || axis.has_room(length, along) {
                return axis.or_finer(count, length, along);
            }
            count -= 1;
        }
    }

    /// Rounding the step up to a nice one can leave two or three ticks on a long axis.
    fn or_finer(self, count: usize, length: f64, along: bool) -> Axis {
        const FEW: usize = 4;
        if self.ticks.len() >= FEW || length < 100.0 {
            return self;
        }
        let (low, high) = (self.low, self.high);
        let mut finer = (count + 1..=2 * count).map(|count| Axis::with_about(low, high, count));
        finer.find(|axis| axis.ticks.len() >= FEW && axis.has_room(length, along)).unwrap_or(self)
    }

    fn has_room(&self, length: f64, along: bool) -> bool {
        let label = if along { self.widest_label() + 5.0 } else { TICK_TEXT + 5.0 };
        label <= length / self.ticks.len().max(1) as f64
    }

    /// Place of a value between `low` (0) and `high` (1).
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub fn widest_label(&self) -> f64 {
        fonts::widest(self.ticks.iter().map(|(_, label)| label.as_str()), TICK_TEXT)
    }

    /// What has to be undone to read a value from a label, for the end of the axis's name.
    pub fn note(&self) -> String {
        let mut note = String::new();
        if let Some(offset) = &self.offset {
            note += &match offset.strip_prefix('−') {
                Some(magnitude) => format!(" + {magnitude}"),
                None => format!(" − {offset}"),
            };
        }
        if self.exponent != 0 {
            note += &format!(", in 1e{}", signed(self.exponent.to_string()));
        }
        note
    }

    /// Labels that hold the power of ten themselves, `2e−5`, where the axis's name has no room for it.
    pub fn with_whole_labels(mut self) -> Axis {
        if self.exponent != 0 {
            let power = signed(format!("e{}", self.exponent));
            let zero = |label: &str| label.chars().all(|sign| matches!(sign, '0' | '.'));
            for (_, label) in &mut self.ticks {
                *label = if zero(label) { "0".to_owned() } else { format!("{label}{power}") };
            }
            self.exponent = 0;
        }
        self
    }

    fn with_about(low: f64, high: f64, count: usize) -> Axis {
        let (step, power, quarter) = nice_step((high - low) / count as f64);
        // Ends within rounding of a tick get it: 0.1 + 0.2 is not quite 0.3.
        let first = (low / step - 1e-9).ceil();
        let last = (high / step + 1e-9).floor();
        // A step as wide as the range can miss it; one of at most two thirds of it cannot.
        if last < first && count < 3 {
            return Axis::with_about(low, high, count + 1);
        }
        let values: Vec<f64> = (0..=(last - first).max(0.0) as usize).map(|i| (first + i as f64) * step).collect();

        let (offset, offset_label) = offset(low, high, power);
        let largest = values.iter().map(|value| (value - offset).abs()).fold(0.0, f64::max);
        // Less than that is a rounding residue, and the only label is 0.
        let labelled = largest > 0.25 * step;
        let magnitude = if labelled { (largest * (1.0 + 1e-9)).log10().floor() as i32 } else { 0 };
        let exponent = if (-3..5).contains(&magnitude) { 0 } else { magnitude };
        let decimals = if labelled { (exponent - power + i32::from(quarter)).max(0) as usize } else { 0 };
        let label = |value: f64| {
            let scaled = scale(value - offset, -exponent);
            // Rounding residues must not print as −0.0.
            let scaled = if scaled.abs() < 0.5 * 10f64.powi(-(decimals as i32)) { 0.0 } else { scaled };
            signed(format!("{scaled:.decimals$}"))
        };
        let ticks = values.iter().map(|value| (*value, label(*value))).collect();
        Axis { low, high, ticks, offset: offset_label, exponent }
    }
}

/// A typographic minus.
fn signed(number: String) -> String {
    number.replace('-', "−")
}

/// value · 10^power, in two halves: 1e−300 has no finite reciprocal power to spare.
fn scale(value: f64, power: i32) -> f64 {
    value * 10f64.powi(power / 2) * 10f64.powi(power - power / 2)
}

fn widened(low: f64, high: f64) -> (f64, f64) {
    let largest = low.abs().max(high.abs());
    if largest < 1e-290 {
        return (-0.5, 0.5);
    }
    if high - low > largest * 1e-12 {
        return (low, high);
    }
    let middle = low + (high - low) / 2.0;
    (middle - largest * 0.1, middle + largest * 0.1)
}

/// The step at or above `raw`, the power of ten of its unit, and whether it has a quarter (2.5) to print.
pub(super) fn nice_step(raw: f64) -> (f64, i32, bool) {
    let mut power = raw.log10().floor() as i32;
    let lead = scale(raw, -power);
    let choice = [1.0, 2.0, 2.5, 5.0].into_iter().find(|choice| *choice >= lead * (1.0 - 1e-9));
    let lead = choice.unwrap_or_else(|| {
        power += 1;
        1.0
    });
    // Dividing by a power of ten rounds once, multiplying by its inverse twice.
    let step = if (-300..0).contains(&power) { lead / 10f64.powi(-power) } else { scale(lead, power) };
    (step, power, lead == 2.5)
}

/// A round number to subtract from labels that would need more than five digits, with its own label.
fn offset(low: f64, high: f64, step_power: i32) -> (f64, Option<String>) {
    let largest = low.abs().max(high.abs());
    if (largest.log10().floor() as i32) - step_power <= 4 {
        return (0.0, None);
    }
    let unit = step_power + 2;
    let middle = low + (high - low) / 2.0;
    let round = scale(scale(middle, -unit).round(), unit);
    if round == 0.0 {
        return (0.0, None);
    }
    let label = if unit.abs() <= 15 && largest < 1e15 {
        format!("{round:.decimals$}", decimals = (-unit).max(0) as usize)
    } else {
        format!("{round:e}")
    };
    let label = if label.contains('.') && !label.contains('e') {
        label.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        label
    };
    (round, Some(signed(label)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn usual_ranges_have_usual_ticks() {
        let unit = Axis::over(0.0, 1.0, 0.0, 200.0, true);
        assert_eq!(labels(&unit), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(unit.note(), "");
        assert_eq!(labels(&Axis::with_about(0.0, 0.1, 4)), ["0.000", "0.025", "0.050", "0.075", "0.100"]);
        assert_eq!(labels(&Axis::with_about(-1000.0, 1000.0, 4)), ["−1000", "−500", "0", "500", "1000"]);
    }

    #[test]
    fn a_long_axis_has_more_than_three_ticks() {
        // With steps of 0.5 there would be two.
        let axis = Axis::over(-0.42, 0.86, 0.0, 185.0, true);
        assert_eq!(labels(&axis), ["−0.25", "0.00", "0.25", "0.50", "0.75"]);
        assert_eq!(labels(&Axis::over(0.0, 0.53, 0.0, 155.0, false)), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
    }

    #[test]
    fn tiny_and_huge_values_share_an_exponent() {
        let tiny = Axis::with_about(0.0, 4e-6, 4);
        assert_eq!(labels(&tiny), ["0", "1", "2", "3", "4"]);
        assert_eq!(tiny.note(), ", in 1e−6");
        let huge = Axis::with_about(0.0, 1e7, 4);
        assert_eq!(labels(&huge), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(huge.note(), ", in 1e7");
    }

    #[test]
    fn labels_can_hold_the_exponent() {
        let rate = Axis::over(0.0, 2e-5, 0.0, 50.0, false).with_whole_labels();
        assert_eq!((labels(&rate), rate.note()), (vec!["0", "1e−5", "2e−5"], String::new()));
        let plain = Axis::over(0.0, 1.0, 0.0, 50.0, false);
        assert_eq!(plain.clone().with_whole_labels(), plain);
    }

    #[test]
    fn a_narrow_range_far_from_zero_is_shown_from_an_offset() {
        let axis = Axis::with_about(0.7, 0.700004, 4);
        assert_eq!(axis.note(), " − 0.7, in 1e−6");
        assert_eq!(labels(&axis), ["0", "1", "2", "3", "4"]);
        assert!(Axis::with_about(-1000.000001, -1000.0, 4).note().starts_with(" + 1000"));
    }

    #[test]
    fn a_range_without_extent_is_widened() {
        for value in [0.0, 0.3, -2e-9, 5e7] {
            let axis = Axis::over(value, value, 0.05, 100.0, false);
            assert!(axis.low < value && value < axis.high && axis.ticks.len() >= 2, "{axis:?}");
        }
    }

    #[test]
    fn a_tick_that_is_the_offset_is_zero() {
        let low = 936.593_707_957_988_6;
        let axis = Axis::over(low, low + 5.436_657_410_185_520_5e-8, 0.04, 68.149_562_129_702_52, false);
        assert_eq!(labels(&axis), ["0"]);
        assert_eq!(axis.note(), " − 936.593708");
    }

    #[test]
    fn a_short_axis_has_a_tick_inside() {
        let axis = Axis::over(-441.967, -412.087, 0.04, 40.0, true);
        assert_eq!(labels(&axis), ["−440", "−420"]);
    }

    proptest! {
        #[test]
        fn ticks_are_few_distinct_and_inside(
            low in -1e3..1e3f64, power in -9..9i32, lead in 1.0..10.0f64, length in 40.0..450.0f64, along: bool,
        ) {
            let axis = Axis::over(low, low + lead * 10f64.powi(power), 0.04, length, along);
            prop_assert!((1..=12).contains(&axis.ticks.len()), "{axis:?}");
            let slack = (axis.high - axis.low) * 1e-6;
            for (value, _) in &axis.ticks {
                prop_assert!(*value >= axis.low - slack && *value <= axis.high + slack, "{axis:?}");
            }
            for pair in axis.ticks.windows(2) {
                prop_assert!(pair[0].1 != pair[1].1, "{axis:?}");
            }
            prop_assert!(axis.ticks.iter().all(|(_, label)| label.chars().count() <= 9), "{axis:?}");
        }
    }
}
