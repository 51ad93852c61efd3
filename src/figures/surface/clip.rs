//! Lines that leave a panel.

use super::super::drawing::Point;

/// The part of a line within a rectangle (Liang and Barsky); `None` where it has none.
pub(super) fn clipped(
    (a, b): (Point, Point),
    (left, right): (f64, f64),
    (low, high): (f64, f64),
) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0f64, 1f64);
    for (toward, room) in [(-dx, a.0 - left), (dx, right - a.0), (-dy, a.1 - low), (dy, high - a.1)] {
        if toward == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if toward < 0.0 {
            enter = enter.max(room / toward);
        } else {
            leave = leave.min(room / toward);
        }
    }
    let at = |share: f64| (a.0 + share * dx, a.1 + share * dy);
    (enter <= leave).then(|| (at(enter), at(leave)))
}
