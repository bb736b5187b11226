//! Placement of names beside crowded dots: the nearest free place for each.

use std::ops::Range;

/// The height of a name in pixels.
pub(super) const HEIGHT: i32 = 15;
/// The minimum distance of a name from dots and other names, in pixels.
const GAP: i32 = 3;
/// Half a dot's width, with its gap.
const DOT: i32 = 8;

/// The rectangle of a name, in pixels from the picture's left and top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) left: i32,
    pub(super) top: i32,
    width: i32,
}

/// Returns the approximate width of `text` in pixels.
pub(super) fn width(text: &str) -> i32 {
    text.chars().count() as i32 * 13 / 2
}

impl Place {
    fn hits(self, other: Self) -> bool {
        let apart = self.left + self.width + GAP < other.left
            || other.left + other.width + GAP < self.left
            || (self.top - other.top).abs() > HEIGHT;
        !apart
    }

    fn covers(self, (x, y): (i32, i32)) -> bool {
        (self.left - DOT..=self.left + self.width + DOT).contains(&x)
            && (self.top - DOT..=self.top + HEIGHT + DOT).contains(&y)
    }

    fn inside(self, (across, down): &(Range<i32>, Range<i32>)) -> bool {
        self.left >= across.start
            && self.left + self.width <= across.end
            && self.top >= down.start
            && self.top + HEIGHT <= down.end
    }

    /// Returns the end of the line from `dot` to the name; `None` if the name is adjacent.
    pub(super) fn line(self, (x, y): (i32, i32)) -> Option<(i32, i32)> {
        let end = (x.clamp(self.left, self.left + self.width), y.clamp(self.top, self.top + HEIGHT));
        let far = (end.0 - x).abs().max((end.1 - y).abs()) > 2 * DOT;
        far.then_some(end)
    }
}

/// Returns a place inside `bounds` for the name of each dot, without overlaps as long as there is room.
pub(super) fn places(dots: &[(i32, i32)], names: &[&str], bounds: (Range<i32>, Range<i32>)) -> Vec<Place> {
    let mut taken: Vec<Place> = Vec::new();
    for (dot, name) in dots.iter().zip(names) {
        let around: Vec<_> = around(*dot, width(name)).filter(|place| place.inside(&bounds)).collect();
        let free = |place: &&Place| {
            !taken.iter().any(|other| place.hits(*other)) && !dots.iter().any(|dot| place.covers(*dot))
        };
        let beside = Place { left: dot.0 + DOT + 1, top: dot.1 - HEIGHT / 2, width: width(name) };
        taken.push(around.iter().find(free).copied().unwrap_or(beside));
    }
    taken
}

/// Returns places around a dot, the nearest first: right, left, below, above and between, in widening rings.
fn around((x, y): (i32, i32), width: i32) -> impl Iterator<Item = Place> {
    const STEPS: [(i32, i32); 12] = [
        (1, 0),
        (-1, 0),
        (0, 1),
        (0, -1),
        (1, 1),
        (1, -1),
        (-1, 1),
        (-1, -1),
        (2, 1),
        (2, -1),
        (-2, 1),
        (-2, -1),
    ];
    (0..12).flat_map(move |ring| {
        let reach = DOT + 1 + 11 * ring;
        STEPS.into_iter().map(move |(across, down)| {
            let left = match across {
                0 => x - width / 2,
                1 | 2 => x + reach * across,
                _ => x + reach * across - width,
            };
            let top = match down {
                0 => y - HEIGHT / 2,
                1 => y + reach,
                _ => y - reach - HEIGHT,
            };
            Place { left, top, width }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: (Range<i32>, Range<i32>) = (0..600, 0..400);

    #[test]
    fn isolated_name_is_at_the_right_without_line() {
        let [place] = places(&[(100, 100)], &["JSON"], BOUNDS)[..] else { panic!("one") };
        assert_eq!((place.left, place.top), (109, 93));
        assert_eq!(place.line((100, 100)), None);
    }

    #[test]
    fn name_at_right_edge_is_at_the_left() {
        let [place] = places(&[(590, 100)], &["JSON"], BOUNDS)[..] else { panic!("one") };
        assert!(place.left + place.width < 590, "{place:?}");
    }

    #[test]
    fn names_of_crowded_dots_overlap_nothing() {
        let dots: Vec<_> = (0..14).map(|nth| (300 + nth % 4 * 9, 200 + nth / 4 * 7)).collect();
        let places = places(&dots, &["Thrift compact"; 14], BOUNDS);
        for (nth, place) in places.iter().enumerate() {
            assert!(place.inside(&BOUNDS), "{place:?}");
            assert!(!dots.iter().any(|dot| place.covers(*dot)), "{place:?}");
            assert!(!places[nth + 1..].iter().any(|other| place.hits(*other)), "{place:?} in {places:?}");
        }
    }
}
