//! What `tests/reference/clusters.py` says, and its matrices made again from their seeds.

use serde::Deserialize;

#[derive(Deserialize)]
pub struct Fixture {
    pub partitions: Vec<Partition>,
    small: Vec<Small>,
}

/// Seed, labels as digits, eigenvalues after the first, projections of the embedding's columns after the first with
/// whether their sign is undecided, mean silhouette.
#[derive(Deserialize)]
pub struct Partition(pub u64, pub String, pub Vec<f64>, pub Vec<(f64, f64, u8)>, pub f64);

/// Numbers that are told of a clustering of few models.
#[derive(Deserialize)]
pub struct Small {
    pub seed: u64,
    pub one: Vec<usize>,
    pub other: Vec<usize>,
    pub values: Vec<f64>,
    pub silhouettes: Vec<f64>,
    pub rand: f64,
    pub transitivity: Triangles,
    pub p: f64,
    pub density: Vec<f64>,
    pub overlaps: Vec<Vec<i64>>,
    pub most: i64,
}

#[derive(Debug, Deserialize)]
pub struct Triangles {
    pub coefficient: f64,
    pub violations: usize,
    pub triangles: usize,
    pub mean: Option<f64>,
    pub max: Option<f64>,
}

pub fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/reference/clusters.json")).unwrap()
}

pub fn small() -> Vec<Small> {
    let small = fixture().small;
    assert!(small.len() >= 20);
    small
}

/// Knuth's 64-bit linear congruential generator; the upper 31 bits.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }

    pub fn share(&mut self) -> f64 {
        self.below(1_000_001) as f64 / 1_000_000.0
    }
}

pub struct Matrix {
    pub n: usize,
    pub k: usize,
    pub delta: f64,
    /// `[n, n]`, flat.
    pub distances: Vec<f64>,
}

pub fn matrix(seed: u64) -> Matrix {
    let mut numbers = Numbers::new(seed);
    let kind = numbers.below(4);
    let k = 2 + numbers.below(4) as usize;
    let delta = [1.0, 0.5, 2.0, 0.25][numbers.below(4) as usize];
    let scale = [1.0, 0.2, 0.04][numbers.below(3) as usize];
    let size = numbers.below(1000);
    let n = (5 + 145 * size * size * size / 1_000_000_000).max(2 * k as u64) as usize;
    let mut groups: Vec<usize> =
        (0..n).map(|place| if place < 2 * k { place / 2 } else { numbers.below(k as u64) as usize }).collect();
    for place in (1..n).rev() {
        groups.swap(place, numbers.below(place as u64 + 1) as usize);
    }
    let points: Vec<[f64; 3]> = (0..n).map(|_| [(); 3].map(|()| numbers.below(2001) as f64 - 1000.0)).collect();
    let mut distances = vec![0.0; n * n];
    for row in 0..n {
        for column in row + 1..n {
            let share = numbers.share();
            let value = match kind {
                0 => (share + 0.5) * if groups[row] == groups[column] { 0.25 } else { 1.0 },
                1 => share,
                2 => {
                    let squares: f64 = points[row].iter().zip(&points[column]).map(|(a, b)| (a - b) * (a - b)).sum();
                    squares.sqrt() / 1000.0
                }
                _ => share * share * (share * share),
            };
            distances[row * n + column] = value * scale;
            distances[column * n + row] = value * scale;
        }
    }
    Matrix { n, k, delta, distances }
}
