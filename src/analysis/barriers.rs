//! How far the loss rises between two models: distances from a line of losses ℓ₀…ℓₙ₋₁ at evenly spaced points.
//!
//! Every function returns NaN when a loss is NaN or infinite: such a line has no barrier, and 0 would claim that the
//! models are connected. Lines of fewer than three points have no interior, so every height is 0. Losses and heights
//! share one unit (nats for cross-entropy).

/// Largest barrier height of any contiguous part of the line, at least 0; reversing the line does not change it.
///
/// That is the maximum over i < k < j of ℓₖ − ((j−k)ℓᵢ + (k−i)ℓⱼ)/(j−i). For a fixed k the chords' smallest value is
/// the lower convex envelope of all points at k, so one pass that builds the envelope replaces the three loops.
///
/// Two copies of one model are at convexity gap 0: the caller, who knows the distance between the models, sees to that.
pub fn convexity_gap(losses: &[f64]) -> f64 {
    if !finite(losses) {
        return f64::NAN;
    }
    let mut envelope: Vec<usize> = Vec::with_capacity(losses.len());
    for right in 0..losses.len() {
        while let [.., left, middle] = envelope[..] {
            if losses[middle] < chord(losses, left, right, middle) {
                break;
            }
            envelope.pop();
        }
        envelope.push(right);
    }
    let mut gap = 0.0f64;
    for pair in envelope.windows(2) {
        for middle in pair[0] + 1..pair[1] {
            gap = gap.max(losses[middle] - chord(losses, pair[0], pair[1], middle));
        }
    }
    gap
}

/// Barrier height (BaH) of the whole line: how far the loss rises above the chord between the two models, at least 0.
pub fn barrier_height(losses: &[f64]) -> f64 {
    if !finite(losses) {
        return f64::NAN;
    }
    if losses.len() < 3 {
        return 0.0;
    }
    let last = losses.len() - 1;
    (1..last).map(|middle| losses[middle] - chord(losses, 0, last, middle)).fold(0.0, f64::max)
}

/// Bump height (BH): the largest over strict interior local maxima of the mean of the two drops, each found by walking
/// outwards while the loss does not rise. A plateau has no strict maximum and counts 0.
pub fn bump_height(losses: &[f64]) -> f64 {
    if !finite(losses) {
        return f64::NAN;
    }
    let mut highest = 0.0f64;
    for peak in 1..losses.len().saturating_sub(1) {
        if losses[peak] <= losses[peak - 1] || losses[peak] <= losses[peak + 1] {
            continue;
        }
        let mut left = peak;
        while left > 0 && losses[left - 1] <= losses[left] {
            left -= 1;
        }
        let mut right = peak;
        while right + 1 < losses.len() && losses[right + 1] <= losses[right] {
            right += 1;
        }
        highest = highest.max(losses[peak] - (losses[left] + losses[right]) / 2.0);
    }
    highest
}

/// Area under the curve (AUC): trapezoids of ℓ − min ℓ over a line of length `distance` (Euclidean, between the two
/// models' parameters). Its unit is that of the loss times that of the distance.
pub fn area_under_curve(losses: &[f64], distance: f64) -> f64 {
    if !finite(losses) || !distance.is_finite() {
        return f64::NAN;
    }
    if losses.len() < 2 {
        return 0.0;
    }
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let step = distance / (losses.len() - 1) as f64;
    losses.windows(2).map(|pair| step * ((pair[0] - lowest) + (pair[1] - lowest)) / 2.0).sum()
}

fn finite(losses: &[f64]) -> bool {
    losses.iter().all(|loss| loss.is_finite())
}

/// Height at `middle` of the straight line from point `left` to point `right`.
fn chord(losses: &[f64], left: usize, right: usize, middle: usize) -> f64 {
    let (before, after) = ((middle - left) as f64, (right - middle) as f64);
    (after * losses[left] + before * losses[right]) / (right - left) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_examples() {
        let table = [
            ([0.3, 0.5, 0.9, 0.4, 0.2, 0.3, 0.1, 0.2, 0.6, 0.3], [0.6667, 0.6, 0.65, 2.6]),
            ([0.2, 0.5, 0.1, 0.5, 0.1, 0.5, 0.1, 0.5, 0.1, 0.2], [0.4, 0.3, 0.4, 1.7]),
            ([0.1, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1], [0.4, 0.4, 0.0, 1.6]),
        ];
        for (losses, [gap, barrier, bump, area]) in table {
            assert!((convexity_gap(&losses) - gap).abs() < 5e-5, "CG of {losses:?}: {}", convexity_gap(&losses));
            assert!((barrier_height(&losses) - barrier).abs() < 1e-12, "BaH of {losses:?}");
            assert!((bump_height(&losses) - bump).abs() < 1e-12, "BH of {losses:?}: {}", bump_height(&losses));
            assert!((area_under_curve(&losses, 9.0) - area).abs() < 1e-12, "AUC of {losses:?}");
        }
    }

    #[test]
    fn short_and_convex_lines_have_no_barrier() {
        for losses in [&[][..], &[1.0], &[1.0, 5.0], &[4.0, 1.0, 0.0, 1.0, 4.0]] {
            assert_eq!((convexity_gap(losses), barrier_height(losses), bump_height(losses)), (0.0, 0.0, 0.0));
        }
    }

    #[test]
    fn a_diverged_point_is_never_zero() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for place in 0..3 {
                let mut losses = [0.1, 0.2, 0.1];
                losses[place] = bad;
                assert!(convexity_gap(&losses).is_nan() && barrier_height(&losses).is_nan());
                assert!(bump_height(&losses).is_nan() && area_under_curve(&losses, 1.0).is_nan());
            }
        }
        assert!(area_under_curve(&[0.1, 0.2], f64::NAN).is_nan());
    }

    /// The definition, literally: the barrier height of every contiguous sub-segment.
    fn convexity_gap_by_segments(losses: &[f64]) -> f64 {
        let mut gap = 0.0f64;
        for start in 0..losses.len() {
            for end in start + 1..=losses.len() {
                gap = gap.max(barrier_height(&losses[start..end]));
            }
        }
        gap
    }

    fn line() -> impl Strategy<Value = Vec<f64>> {
        prop_oneof![
            prop::collection::vec(0.0..10.0f64, 0..24),
            // Few distinct values: plateaus, ties and collinear points.
            prop::collection::vec((0..4u8).prop_map(|tenths| f64::from(tenths) / 10.0), 0..24),
        ]
    }

    proptest! {
        #[test]
        fn envelope_equals_the_definition(losses in line()) {
            prop_assert!((convexity_gap(&losses) - convexity_gap_by_segments(&losses)).abs() < 1e-12);
        }

        #[test]
        fn reversal_changes_nothing(losses in line(), distance in 0.0..30.0f64) {
            let mut reversed = losses.clone();
            reversed.reverse();
            prop_assert!((convexity_gap(&losses) - convexity_gap(&reversed)).abs() < 1e-12);
            prop_assert!((barrier_height(&losses) - barrier_height(&reversed)).abs() < 1e-12);
            prop_assert!((bump_height(&losses) - bump_height(&reversed)).abs() < 1e-12);
            let areas = (area_under_curve(&losses, distance), area_under_curve(&reversed, distance));
            prop_assert!((areas.0 - areas.1).abs() < 1e-9);
        }

        #[test]
        fn a_slope_changes_neither_gap_nor_barrier(losses in line(), slope in -5.0..5.0f64, level in -5.0..5.0f64) {
            let tilted: Vec<f64> = losses.iter().enumerate().map(|(i, l)| l + level + slope * i as f64).collect();
            prop_assert!((convexity_gap(&losses) - convexity_gap(&tilted)).abs() < 1e-10);
            prop_assert!((barrier_height(&losses) - barrier_height(&tilted)).abs() < 1e-10);
        }

        #[test]
        fn the_gap_bounds_the_barrier(losses in line()) {
            prop_assert!(convexity_gap(&losses) >= barrier_height(&losses) - 1e-12);
        }
    }
}
