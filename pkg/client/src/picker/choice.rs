//! Random choice by the power of two choices.
//!
//! M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (IEEE Transactions on Parallel and
//! Distributed Systems 12.10, 2001).

/// How many random draws are made before the list is searched.
const DRAWS: usize = 4;

/// Draws two of the indexes below `count` that are `eligible` and returns the one with the lower `load`. Returns the
/// only one if there is no second, and nothing if none is eligible.
pub(super) fn two_choices(
    count: usize,
    eligible: impl Fn(usize) -> bool,
    load: impl Fn(usize) -> usize,
) -> Option<usize> {
    let first = draw(count, &eligible)?;
    match draw(count, |index| index != first && eligible(index)) {
        Some(second) if load(second) < load(first) => Some(second),
        _ => Some(first),
    }
}

/// Returns a random eligible index. The chances are equal if most indexes are eligible.
fn draw(count: usize, eligible: impl Fn(usize) -> bool) -> Option<usize> {
    if count == 0 {
        return None;
    }
    let drawn = (0..DRAWS).map(|_| rand::random_range(0..count)).find(|index| eligible(*index));
    drawn.or_else(|| from_random_start(count).find(|index| eligible(*index)))
}

/// Returns all indexes below `count` in order, starting at a random one and wrapping around.
pub(super) fn from_random_start(count: usize) -> impl Iterator<Item = usize> {
    let start = if count == 0 { 0 } else { rand::random_range(0..count) };
    (start..count).chain(0..start)
}
