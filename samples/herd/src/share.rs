// SPDX-License-Identifier: GPL-2.0

//! How evenly something is distributed.

/// The shares, relative to the fair one, the greatest first: 1 is fair. All are
/// 1 if there is nothing to share.
pub fn shares(parts: impl IntoIterator<Item = u64>) -> Vec<f64> {
    let mut parts: Vec<u64> = parts.into_iter().collect();
    parts.sort_unstable_by(|a, b| b.cmp(a));
    let fair = parts.iter().sum::<u64>() as f64 / parts.len() as f64;
    let share = |part| if fair > 0.0 { part as f64 / fair } else { 1.0 };
    parts.into_iter().map(share).collect()
}

/// The mean of each position.
pub fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    let places = rows.iter().map(Vec::len).min().unwrap_or(0);
    let at = |place: usize| rows.iter().map(|row| row[place]).sum::<f64>() / rows.len() as f64;
    (0..places).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_one_is_fair() {
        assert_eq!(shares([5, 5, 5, 5]), [1.0; 4]);
        assert_eq!(shares([7]), [1.0]);
    }

    #[test]
    fn who_gets_all_gets_as_many_shares_as_there_are() {
        assert_eq!(shares([0, 0, 12, 0]), [4.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_greatest_is_first() {
        assert_eq!(shares([1, 3, 2]), [1.5, 1.0, 0.5]);
    }

    #[test]
    fn nothing_is_spread_evenly() {
        assert_eq!(shares([0, 0]), [1.0, 1.0]);
        assert_eq!(shares([]), [0.0; 0]);
    }

    #[test]
    fn the_mean_is_taken_place_by_place() {
        assert_eq!(mean(&[vec![2.0, 0.0], vec![1.0, 1.0]]), [1.5, 0.5]);
        assert_eq!(mean(&[]), [0.0; 0]);
    }
}
