//! Clusters of the same models at several points of training: which cluster became which, and who changed.

/// Gives clusters the same number from one partition to the next: each partition's clusters are assigned to those of
/// the one after it so that as many models as possible keep their number. The last partition keeps its own numbers; a
/// cluster that nothing is left for gets a new one.
///
/// `partitions` is `[times][models]`, all of one length.
pub fn followed(partitions: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut numbered: Vec<Vec<usize>> = Vec::with_capacity(partitions.len());
    let mut fresh = partitions.last().and_then(|last| last.iter().max()).map_or(0, |largest| largest + 1);
    for partition in partitions.iter().rev() {
        let Some(next) = numbered.last() else {
            numbered.push(partition.clone());
            continue;
        };
        let (rows, columns) = (distinct(partition), distinct(next));
        let mut overlaps = vec![vec![0i64; columns.len()]; rows.len()];
        for (here, there) in partition.iter().zip(next) {
            if let (Ok(row), Ok(column)) = (rows.binary_search(here), columns.binary_search(there)) {
                overlaps[row][column] += 1;
            }
        }
        let numbers: Vec<usize> = assignment(&overlaps)
            .into_iter()
            .map(|column| {
                column.map(|column| columns[column]).unwrap_or_else(|| {
                    fresh += 1;
                    fresh - 1
                })
            })
            .collect();
        let number = |cluster: &usize| rows.binary_search(cluster).map_or(*cluster, |row| numbers[row]);
        numbered.push(partition.iter().map(number).collect());
    }
    numbered.reverse();
    numbered
}

fn distinct(labels: &[usize]) -> Vec<usize> {
    let mut distinct = labels.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

/// For each row a column of its own so that the sum of the weights is largest; `None` for rows that find no column
/// because there are more rows. The Hungarian method with potentials, O(n³).
///
/// `weights` is `[rows][columns]`, not negative.
pub fn assignment(weights: &[Vec<i64>]) -> Vec<Option<usize>> {
    let rows = weights.len();
    let columns = weights.first().map_or(0, Vec::len);
    let n = rows.max(columns);
    // Least cost is most weight; the missing rows and columns of the square cost nothing. Number 0 stands for "none".
    let cost =
        |row: usize, column: usize| -weights.get(row - 1).and_then(|row| row.get(column - 1)).copied().unwrap_or(0);
    let mut row_potential = vec![0i64; n + 1];
    let mut column_potential = vec![0i64; n + 1];
    let mut row_of = vec![0usize; n + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![i64::MAX; n + 1];
        let mut came_from = vec![0usize; n + 1];
        let mut used = vec![false; n + 1];
        // Grows a tree of alternating edges until it meets a free column.
        while row_of[column] != 0 {
            used[column] = true;
            let from = row_of[column];
            let (mut step, mut next) = (i64::MAX, 0);
            for other in (1..=n).filter(|other| !used[*other]) {
                let reduced = cost(from, other) - row_potential[from] - column_potential[other];
                if reduced < least[other] {
                    (least[other], came_from[other]) = (reduced, column);
                }
                if least[other] < step {
                    (step, next) = (least[other], other);
                }
            }
            for other in 0..=n {
                if used[other] {
                    row_potential[row_of[other]] += step;
                    column_potential[other] -= step;
                } else if other > 0 {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[came_from[column]];
            column = came_from[column];
        }
    }
    let mut column_of = vec![None; rows];
    for (column, row) in row_of[1..].iter().take(columns).enumerate() {
        if let Some(place) = row.checked_sub(1).and_then(|row| column_of.get_mut(row)) {
            *place = Some(column);
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use super::super::tests::small;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scipy_finds_no_better_assignment() {
        for case in small() {
            let found = assignment(&case.overlaps);
            let mut columns: Vec<usize> = found.iter().flatten().copied().collect();
            let total: i64 = found.iter().zip(&case.overlaps).filter_map(|(c, row)| c.map(|c| row[c])).sum();
            assert_eq!(total, case.most, "{}", case.seed);
            columns.sort_unstable();
            columns.dedup();
            assert_eq!(columns.len(), case.overlaps.len());
        }
    }

    #[test]
    fn numbers_are_kept_by_most_models() {
        let times = [vec![0, 0, 1, 1, 1], vec![0, 1, 1, 1, 1], vec![1, 0, 0, 0, 0]];
        assert_eq!(followed(&times), [vec![1, 1, 0, 0, 0], vec![1, 0, 0, 0, 0], vec![1, 0, 0, 0, 0]]);
        // Three clusters become two: the one that is left over gets a number of its own.
        let merged = [vec![0, 0, 1, 1, 2], vec![0, 0, 1, 1, 1]];
        assert_eq!(followed(&merged)[0], [0, 0, 1, 1, 2]);
        let split = [vec![0, 0, 0, 1, 1], vec![2, 2, 0, 1, 1]];
        assert_eq!(followed(&split)[0], [2, 2, 2, 1, 1]);
        assert!(followed(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn no_permutation_of_few_clusters_is_better(
            weights in (1..5usize, 1..5usize).prop_flat_map(|(rows, columns)| {
                prop::collection::vec(prop::collection::vec(0..20i64, columns), rows)
            })
        ) {
            let found = assignment(&weights);
            let total: i64 = found.iter().zip(&weights).filter_map(|(c, row)| c.map(|c| row[c])).sum();
            prop_assert_eq!(total, best(&weights, 0, &mut Vec::new()));
            let columns: Vec<usize> = found.iter().flatten().copied().collect();
            prop_assert_eq!(columns.len(), weights.len().min(weights[0].len()));
            prop_assert_eq!(distinct(&columns).len(), columns.len());
        }
    }

    fn best(weights: &[Vec<i64>], row: usize, taken: &mut Vec<usize>) -> i64 {
        let Some(values) = weights.get(row) else { return 0 };
        let mut most = best(weights, row + 1, taken);
        for (column, weight) in values.iter().enumerate() {
            if !taken.contains(&column) {
                taken.push(column);
                most = most.max(weight + best(weights, row + 1, taken));
                taken.pop();
            }
        }
        most
    }
}
