//! The memo beside reading anew, with bytes that come again at random.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cell::Cell;
use std::thread;

/// Numbers as text; anything else can't be read.
fn number(bytes: &[u8]) -> Result<u64, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not text")?;
    text.parse().map_err(|_| "not a number")
}

#[test]
fn the_same_bytes_share_one_value_with_its_json() {
    let memo = Memo::new(1 << 20, String::len);
    let read = |bytes: &[u8]| std::str::from_utf8(bytes).map(|text| text.trim().to_owned());
    let [one, again, other] = ["x", "x", " x"].map(|text| memo.get_or_read(text.as_bytes(), read).unwrap());
    let json = |text: &Shared<String>| text.to_json::<String>().unwrap();
    assert_eq!((&one, json(&one).as_ptr()), (&again, json(&again).as_ptr()));
    assert_eq!(one, other);
    assert_ne!(json(&one).as_ptr(), json(&other).as_ptr(), "other bytes are read for themselves");
}

#[test]
fn what_cannot_be_read_is_not_remembered() {
    let (memo, read) = (Memo::new(1 << 20, |_| 8), Cell::new(0));
    for _ in 0..2 {
        let refused = memo.get_or_read(b"x", |bytes| {
            read.set(read.get() + 1);
            number(bytes)
        });
        assert_eq!(refused.unwrap_err(), "not a number");
    }
    assert_eq!((read.get(), memo.bytes()), (2, 0));
}

#[test]
fn what_is_remembered_is_what_reading_gives_on_every_worker() {
    for seed in 0..4 {
        // So small that it forgets all the time.
        let memo = Memo::new(8 * 1024, |_| 8);
        thread::scope(|scope| {
            for worker in 0..2 {
                let (memo, mut random) = (&memo, StdRng::seed_from_u64(seed * 2 + worker));
                scope.spawn(move || {
                    for _ in 0..20_000 {
                        let number_or_not = random.random_range(0..200_u32);
                        let text =
                            format!("{number_or_not}{}", if number_or_not % 7 == 0 { "x" } else { "" });
                        let found = memo.get_or_read(text.as_bytes(), number).map(Shared::into_value);
                        assert_eq!(found, number(text.as_bytes()), "seed {seed}");
                    }
                });
            }
        });
        assert!((1..=8 * 1024).contains(&memo.bytes()), "seed {seed}: {}", memo.bytes());
    }
}

#[test]
fn what_is_remembered_is_bounded_in_bytes_with_those_it_is_found_by() {
    let (memo, bound) = (Memo::new(1 << 20, |_: &usize| 1024), 1 << 20);
    for number in 0..4000_usize {
        let bytes = [&number.to_le_bytes()[..], &[0; 1024]].concat();
        memo.get_or_read(&bytes, |bytes| Ok::<_, ()>(bytes.len())).unwrap();
    }
    assert!((bound / 2..=bound).contains(&memo.bytes()), "{}", memo.bytes());
}
