//! Where the stages of a study stand when it is drawn: in columns, so that every edge leads to the right.

use std::collections::BTreeMap;

/// Between two columns, between two boxes, and what an edge takes that only passes a column.
const APART: f64 = 44.0;
const BETWEEN: f64 = 12.0;
const PASSING: f64 = 6.0;
/// How often the order within columns is looked at again.
const SWEEPS: usize = 8;

pub type Point = (f64, f64);

pub struct Layout {
    pub size: Point,
    /// Upper left corners of the boxes, and their sizes: those of a column are as wide as the widest, so that no edge
    /// crosses one.
    pub boxes: Vec<(Point, Point)>,
    /// Of each edge the points that it goes through, from box to box.
    pub ways: Vec<Vec<Point>>,
}

/// A box, or the place where an edge passes a column.
struct Item {
    column: usize,
    size: Point,
    at: Point,
}

/// `edges` are pairs of boxes, by their place in `sizes`; none of them lead in a circle.
pub fn layout(sizes: &[Point], edges: &[(usize, usize)]) -> Layout {
    let columns = columns(sizes.len(), edges);
    let mut items: Vec<Item> = sizes
        .iter()
        .zip(&columns)
        .map(|(size, column)| Item { column: *column, size: *size, at: (0.0, 0.0) })
        .collect();
    // Every edge as the items that it leads over, one a column.
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for (from, to) in edges {
        let mut chain = vec![*from];
        for column in columns[*from] + 1..columns[*to] {
            chain.push(items.len());
            items.push(Item { column, size: (0.0, PASSING), at: (0.0, 0.0) });
        }
        chain.push(*to);
        chains.push(chain);
    }
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); columns.iter().max().map_or(0, |last| last + 1)];
    for (number, item) in items.iter().enumerate() {
        order[item.column].push(number);
    }
    untangle(&mut order, &chains);
    let size = place(&mut items, &order);
    let ways = chains.iter().map(|chain| way(&items, chain)).collect();
    Layout { size, boxes: items[..sizes.len()].iter().map(|item| (item.at, item.size)).collect(), ways }
}

/// Each box as far to the left as what it needs allows; what needs nothing stands right before what needs it.
fn columns(boxes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut columns = vec![0; boxes];
    for _ in 0..boxes {
        for (from, to) in edges {
            columns[*to] = columns[*to].max((columns[*from] + 1).min(boxes));
        }
    }
    let needy: Vec<bool> = (0..boxes).map(|number| edges.iter().any(|(_, to)| *to == number)).collect();
    for number in (0..boxes).filter(|number| !needy[*number]) {
        let users = edges.iter().filter(|(from, _)| *from == number).map(|(_, to)| columns[*to]);
        columns[number] = users.min().map_or(0, |first| first.saturating_sub(1));
    }
    columns
}

/// Orders each column by where its neighbours stand, to and fro.
fn untangle(order: &mut [Vec<usize>], chains: &[Vec<usize>]) {
    let mut near: BTreeMap<usize, [Vec<usize>; 2]> = BTreeMap::new();
    for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
        near.entry(pair[1]).or_default()[0].push(pair[0]);
        near.entry(pair[0]).or_default()[1].push(pair[1]);
    }
    for sweep in 0..SWEEPS {
        let side = sweep % 2;
        for step in 1..order.len() {
            let column = if side == 0 { step } else { order.len() - 1 - step };
            let beside = if side == 0 { column - 1 } else { column + 1 };
            let count = order[beside].len().max(1) as f64;
            let places: BTreeMap<usize, f64> =
                order[beside].iter().enumerate().map(|(at, item)| (*item, (at as f64 + 0.5) / count)).collect();
            let own = order[column].len() as f64;
            let mut ranked: Vec<(f64, usize)> = (order[column].iter().enumerate())
                .map(|(at, item)| {
                    let beside: Vec<f64> = near
                        .get(item)
                        .map_or(&[][..], |near| &near[side])
                        .iter()
                        .filter_map(|neighbour| places.get(neighbour).copied())
                        .collect();
                    let mean = beside.iter().sum::<f64>() / beside.len() as f64;
                    (if beside.is_empty() { (at as f64 + 0.5) / own } else { mean }, *item)
                })
                .collect();
            ranked.sort_by(|one, other| one.0.total_cmp(&other.0));
            order[column] = ranked.into_iter().map(|(_, item)| item).collect();
        }
    }
}

/// Columns beside each other, each in the middle; the size of the whole.
fn place(items: &mut [Item], order: &[Vec<usize>]) -> Point {
    let tall = |column: &Vec<usize>| column.iter().map(|item| items[*item].size.1 + BETWEEN).sum::<f64>() - BETWEEN;
    let height = order.iter().map(tall).fold(0.0, f64::max);
    let tops: Vec<f64> = order.iter().map(|column| (height - tall(column)) / 2.0).collect();
    let mut x = 0.0;
    for (column, top) in order.iter().zip(tops) {
        let width = column.iter().map(|item| items[*item].size.0).fold(0.0, f64::max);
        let mut y = top;
        for item in column {
            let item = &mut items[*item];
            item.size.0 = width;
            item.at = (x, y);
            y += item.size.1 + BETWEEN;
        }
        x += width + APART;
    }
    ((x - APART).max(0.0), height)
}

/// Out at the right side of each item, and in at the left of the next.
fn way(items: &[Item], chain: &[usize]) -> Vec<Point> {
    let middle = |item: &Item| item.at.1 + item.size.1 / 2.0;
    let mut points = Vec::new();
    for pair in chain.windows(2) {
        let (from, to) = (&items[pair[0]], &items[pair[1]]);
        points.push((from.at.0 + from.size.0, middle(from)));
        points.push((to.at.0, middle(to)));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_lead_to_the_right_and_boxes_stand_apart() {
        // fetch, pretrain, finetune, eval, lines, cluster, figure of both, late fetch.
        let edges = [(0, 1), (1, 2), (0, 2), (2, 3), (2, 4), (4, 5), (5, 6), (3, 6), (7, 3)];
        let sizes: Vec<Point> = (0..8).map(|number| (60.0 + 10.0 * f64::from(number), 30.0)).collect();
        let found = layout(&sizes, &edges);
        for way in &found.ways {
            assert!(way.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{way:?}");
        }
        for ((from, to), way) in edges.iter().zip(&found.ways) {
            let ((from, size), (to, _)) = (found.boxes[*from], found.boxes[*to]);
            assert_eq!((way[0], way[way.len() - 1]), ((from.0 + size.0, from.1 + 15.0), (to.0, to.1 + 15.0)));
        }
        for (one, ((x, y), size)) in found.boxes.iter().enumerate() {
            assert!(*x >= 0.0 && *y >= 0.0 && x + size.0 <= found.size.0 && y + size.1 <= found.size.1);
            assert!(size.0 >= sizes[one].0);
            for (other, ((their_x, their_y), their_size)) in found.boxes.iter().enumerate().skip(one + 1) {
                let beside = x + size.0 <= *their_x || their_x + their_size.0 <= *x;
                let above = y + size.1 <= *their_y || their_y + their_size.1 <= *y;
                assert!(beside || above, "{one} and {other}");
            }
        }
        // What only the evaluation reads stands right before it, not at the beginning.
        assert_eq!(columns(8, &edges), [0, 1, 2, 3, 3, 4, 5, 2]);
    }

    #[test]
    fn nothing_and_one_box_can_be_drawn_and_a_circle_ends() {
        assert_eq!(layout(&[], &[]).size, (0.0, 0.0));
        assert_eq!(layout(&[(9.0, 4.0)], &[]).size, (9.0, 4.0));
        assert_eq!(layout(&[(9.0, 4.0); 2], &[(0, 1), (1, 0)]).boxes.len(), 2);
    }
}
