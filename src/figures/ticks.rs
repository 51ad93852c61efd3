//! Axes with the ticks a person would choose: steps of 1, 2, 2.5 or 5 times a power of ten, short labels.

use super::look::AxisLook;
use super::style::TICK_TEXT;
use super::{PlotError, fonts};

/// One axis: its range, and its ticks as values with labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<(f64, String)>,
    /// What the labels leave out and has to be added to them.
    offset: Option<String>,
    log: bool,
}

/// How low, as a share of the axis, lies what a logarithmic axis has no place for.
const BELOW: f64 = -1e3;

impl Axis {
    /// The same with what was asked for: a range of its own, powers instead of sums.
    ///
    /// # Errors
    /// The range holds nothing, or something that has no logarithm.
    pub fn asked(
        look: &AxisLook,
        (low, high, padding): (f64, f64, f64),
        length: f64,
        along: bool,
    ) -> Result<Axis, PlotError> {
        let [first, last] = look.limits;
        if !look.log && first.is_none() && last.is_none() {
            return Ok(Axis::over(low, high, padding, length, along));
        }
        let (data_low, data_high) = (first.unwrap_or(low), last.unwrap_or(high));
        if look.log && data_low <= 0.0 {
            return Err(PlotError::NotLogarithmic { value: data_low });
        }
        if (first.is_some() || last.is_some()) && data_low >= data_high {
            return Err(PlotError::OutsideLimits { low: data_low, high: data_high });
        }
        let padded = |end: Option<f64>, value: f64, pad: f64| if end.is_some() { value } else { value + pad };
        if look.log {
            let (low, high) =
                if data_low < data_high { (data_low, data_high) } else { (data_low / 2.0, data_high * 2.0) };
            let pad = (high / low).log10() * padding;
            let (low, high) = (padded(first, low.log10(), -pad), padded(last, high.log10(), pad));
            return Ok(Axis::of_powers(low, high, length, along));
        }
        let (low, high) = widened(data_low, data_high);
        let pad = (high - low) * padding;
        Ok(Axis::over(padded(first, low, -pad), padded(last, high, pad), 0.0, length, along))
    }

    /// A logarithmic axis between two powers of ten: ticks at whole ones, and at 2 and 5 times them where those are few.
    fn of_powers(low: f64, high: f64, length: f64, along: bool) -> Axis {
        let (first, last) = ((low - 1e-9).floor() as i32, (high + 1e-9).ceil() as i32);
        let ticks = |leads: &[f64], every: usize| -> Vec<(f64, String)> {
            let powers = (first..=last).filter(|power| power.rem_euclid(every as i32) == 0);
            let all = powers.flat_map(|power| leads.iter().map(move |lead| (scale(*lead, power), power, *lead)));
            let inside = all.filter(|(value, ..)| (low - 1e-9..=high + 1e-9).contains(&value.log10()));
            inside.map(|(value, power, lead)| (value, power_label(lead, power))).collect()
        };
        let axis = |ticks| Axis { low: 10f64.powf(low), high: 10f64.powf(high), ticks, offset: None, log: true };
        let spread = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0][..], &[1.0, 2.0, 5.0], &[1.0, 3.0]];
        if last - first <= 2 {
            for leads in spread {
                let axis = axis(ticks(leads, 1));
                if axis.ticks.len() <= 7 && axis.ticks.len() > 1 && axis.apart(length, along) {
                    return axis;
                }
            }
        }
        let sparse = (1..=64).map(|every| axis(ticks(&[1.0], every)));
        let sparse = sparse.into_iter().find(|axis| axis.apart(length, along)).filter(|axis| axis.ticks.len() > 1);
        // Within less than a power, the ticks of sums.
        sparse.unwrap_or_else(|| {
            let sums = Axis::over(10f64.powf(low), 10f64.powf(high), 0.0, length / 2.0, along);
            Axis { log: true, ..sums }
        })
    }

    /// Whether no two labels touch, wherever the ticks stand.
    fn apart(&self, length: f64, along: bool) -> bool {
        let places: Vec<f64> = self.ticks.iter().map(|(value, _)| self.share(*value) * length).collect();
        let room = if along { self.widest_label() + 5.0 } else { TICK_TEXT + 2.0 };
        places.windows(2).all(|pair| (pair[1] - pair[0]).abs() >= room)
    }

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
        if self.log {
            let share = (value / self.low).log10() / (self.high / self.low).log10();
            return if value > 0.0 { share.max(BELOW) } else { BELOW };
        }
        (value - self.low) / (self.high - self.low)
    }

    pub fn is_log(&self) -> bool {
        self.log
    }

    /// The value at a share of the axis.
    pub fn value(&self, share: f64) -> f64 {
        if self.log {
            return self.low * (self.high / self.low).powf(share);
        }
        self.low + share * (self.high - self.low)
    }

    /// Whether a value has a place between the ends.
    pub fn holds(&self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.share(value))
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
        note
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
        // The labels of very small and very large values hold the power of ten, `2e−5`: nobody has to look for it.
        let exponent = if (-4..5).contains(&magnitude) { 0 } else { magnitude };
        let power_of_ten = if exponent == 0 { String::new() } else { format!("e{exponent}") };
        let decimals = if labelled { (exponent - power + i32::from(quarter)).max(0) as usize } else { 0 };
        let label = |value: f64| {
            let scaled = scale(value - offset, -exponent);
            // Rounding residues must not print as −0.0.
            if scaled.abs() < 0.5 * 10f64.powi(-(decimals as i32)) && exponent != 0 {
                return "0".to_owned();
            }
            let scaled = if scaled.abs() < 0.5 * 10f64.powi(-(decimals as i32)) { 0.0 } else { scaled };
            signed(format!("{scaled:.decimals$}{power_of_ten}"))
        };
        let ticks = values.iter().map(|value| (*value, label(*value))).collect();
        Axis { low, high, ticks, offset: offset_label, log: false }
    }
}

/// `0.01`, `20`, `2e−7`
fn power_label(lead: f64, power: i32) -> String {
    if (-4..5).contains(&power) {
        return format!("{:.*}", (-power).max(0) as usize, scale(lead, power));
    }
    signed(format!("{lead}e{power}"))
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
        assert_eq!(labels(&tiny), ["0", "1e−6", "2e−6", "3e−6", "4e−6"]);
        assert_eq!(tiny.note(), "");
        let huge = Axis::with_about(0.0, 1e7, 4);
        assert_eq!(labels(&huge), ["0", "0.25e7", "0.50e7", "0.75e7", "1.00e7"]);
        let sharpness = Axis::with_about(-1e-4, 3e-4, 4);
        assert_eq!(labels(&sharpness), ["−0.0001", "0.0000", "0.0001", "0.0002", "0.0003"]);
    }

    #[test]
    fn an_axis_has_the_limits_and_powers_that_are_asked_for() {
        let limits = |limits| AxisLook { limits, ..AxisLook::default() };
        let axis = Axis::asked(&limits([Some(0.0), None]), (0.4, 1.0, 0.1), 150.0, false).unwrap();
        assert!(axis.low == 0.0 && (axis.high - 1.1).abs() < 1e-9, "{axis:?}");
        let axis = Axis::asked(&limits([Some(0.0), Some(1.0)]), (-5.0, 9.0, 0.1), 150.0, false).unwrap();
        assert_eq!(
            (labels(&axis), axis.holds(1.0), axis.holds(1.1)),
            (vec!["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], true, false)
        );
        let outside = Axis::asked(&limits([Some(3.0), None]), (0.0, 1.0, 0.0), 150.0, false);
        assert_eq!(outside, Err(PlotError::OutsideLimits { low: 3.0, high: 1.0 }));

        let log = AxisLook { log: true, ..AxisLook::default() };
        let axis = Axis::asked(&log, (1e-4, 100.0, 0.0), 150.0, false).unwrap();
        assert_eq!(labels(&axis), ["0.0001", "0.001", "0.01", "0.1", "1", "10", "100"]);
        assert!((axis.share(0.1) - 0.5).abs() < 1e-12 && axis.share(0.0) < -1.0 && !axis.holds(-3.0));
        assert!((axis.value(axis.share(0.3)) - 0.3).abs() < 1e-12);
        assert_eq!(labels(&Axis::asked(&log, (0.2, 4.0, 0.0), 150.0, false).unwrap()), ["0.2", "0.5", "1", "2"]);
        assert_eq!(
            labels(&Axis::asked(&log, (1e-9, 1e-6, 0.0), 150.0, true).unwrap()),
            ["1e−9", "1e−8", "1e−7", "1e−6"]
        );
        assert!(Axis::asked(&log, (0.6, 0.7, 0.0), 150.0, false).unwrap().ticks.len() > 1);
        assert_eq!(Axis::asked(&log, (0.0, 1.0, 0.0), 150.0, false), Err(PlotError::NotLogarithmic { value: 0.0 }));
    }

    #[test]
    fn a_narrow_range_far_from_zero_is_shown_from_an_offset() {
        let axis = Axis::with_about(0.7, 0.700004, 4);
        assert_eq!(axis.note(), " − 0.7");
        assert_eq!(labels(&axis), ["0", "1e−6", "2e−6", "3e−6", "4e−6"]);
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
