//! A row's outputs do not depend on what stands beside it in the batch.

use super::{BOTH, classifier, difference, values};
use crate::data::{Batch, Encoded, collate};
use crate::model::Dropout;
use crate::model::tests::reference::{batch, rows};

/// `padding` is the token that fills short rows up.
fn together(rows: &[Encoded], chosen: &[usize], padding: i32) -> Batch {
    let all: Vec<&Encoded> = chosen.iter().map(|row| &rows[*row]).collect();
    let labels: Vec<u32> = chosen.iter().map(|row| *row as u32 % 3).collect();
    collate(&all, &labels, chosen, padding)
}

#[test]
fn a_row_alone_and_in_any_batch_has_the_same_logits() {
    let rows = rows(&batch());
    for kernels in BOTH {
        let model = classifier(kernels);
        let logits = |chosen: &[usize], padding| {
            let found = values(&model.forward(&together(&rows, chosen, padding), None).unwrap());
            found.chunks(3).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect::<Vec<Vec<f64>>>()
        };
        let alone: Vec<Vec<f64>> = (0..rows.len()).map(|row| logits(&[row], 0).remove(0)).collect();
        let mut worst = 0f64;
        // Row 3 has two tokens, rows 0 and 4 nine.
        for chosen in [&[0, 1, 2, 3, 4, 5][..], &[5, 4, 3, 2, 1, 0], &[3, 0], &[3, 1], &[3, 3, 3, 4], &[2, 5]] {
            for padding in [0, 49] {
                for (row, found) in chosen.iter().zip(logits(chosen, padding)) {
                    let found: Vec<f32> = found.iter().map(|x| *x as f32).collect();
                    worst = worst.max(difference(&found, alone[*row].iter().copied()));
                }
            }
        }
        println!("{kernels:?}: logits of a row alone and in batches differ by {worst:.1e}");
        assert!(worst < 1e-5, "{kernels:?}: {worst}");
    }
}

#[test]
fn the_gradient_of_a_batch_is_the_mean_over_its_rows() {
    let rows = rows(&batch());
    for kernels in BOTH {
        let model = classifier(kernels);
        let gradients = |chosen: &[usize]| {
            let batch = together(&rows, chosen, 49);
            let (_, gradients) = model.loss_and_gradients(&batch, &mut Dropout::off()).unwrap();
            gradients.iter().map(|g| values(g.as_ref().unwrap())).collect::<Vec<_>>()
        };
        let all: Vec<usize> = (0..rows.len()).collect();
        let alone: Vec<_> = all.iter().map(|row| gradients(&[*row])).collect();
        for (place, found) in gradients(&all).iter().enumerate() {
            let mean = |i: usize| alone.iter().map(|one| f64::from(one[place][i])).sum::<f64>() / all.len() as f64;
            let worst = difference(found, (0..found.len()).map(mean));
            assert!(worst < 1e-5, "{kernels:?} {}: {worst}", model.layout().slots[place].name);
        }
    }
}
