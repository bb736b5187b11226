//! Services that fail for some ids, for all, or now and then, and responses with other rows: what the readers get, and
//! how many calls that takes.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn calls(numbers: &Merged) -> usize {
    std::mem::take(&mut *numbers.source.sizes.lock().unwrap()).len()
}

/// Even numbers below 1000, and others.
fn five_hundred(others: &[&str]) -> Vec<RecordId> {
    let even = (0..500 - others.len()).map(|number| id(2 * number));
    even.chain(others.iter().map(id)).collect()
}

/// Those of `answers` that are failures, after checking the others.
fn failures(ids: &[RecordId], answers: Vec<Result<Option<Number>, Error>>) -> Vec<(&str, Kind)> {
    let mut failures = Vec::new();
    for (id, answer) in ids.iter().zip(answers) {
        match answer {
            Ok(number) => assert_eq!(&number.unwrap().id, id),
            Err(error) => failures.push((id.as_str(), error.kind())),
        }
    }
    failures
}

#[tokio::test(start_paused = true)]
async fn a_few_poisoned_ids_of_500_fail_alone_and_are_remembered_for_a_while() {
    for poisoned in [&["poison"][..], &["poison", "poison2", "poison3"]] {
        let numbers = merged(Numbers::default());
        let ids = five_hundred(poisoned);
        let expected: Vec<_> = poisoned.iter().map(|id| (*id, Kind::Internal)).collect();
        assert_eq!(failures(&ids, read_all(&numbers, &ids).await), expected);
        let asked = calls(&numbers);
        assert!(asked <= 1 + 18 * poisoned.len(), "{asked} calls");

        assert_eq!(failures(&ids, read_all(&numbers, &ids).await), expected);
        assert_eq!(calls(&numbers), 1, "known by now");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(failures(&ids, read_all(&numbers, &ids).await), expected);
        assert_eq!(calls(&numbers), 1 + poisoned.len(), "one more try for each");

        sleep(Duration::from_secs(1)).await;
        numbers.source.cured.store(true, Ordering::SeqCst);
        let answers = read_all(&numbers, &ids).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(calls(&numbers), 1 + poisoned.len());
        read_all(&numbers, &ids).await;
        assert_eq!(calls(&numbers), 1, "they go with the others again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_for_all_is_asked_hardly_more_often() {
    let numbers = merged(Numbers::default());
    numbers.source.fails.store(100, Ordering::SeqCst);
    let ids = five_hundred(&[]);
    for (rounds, size, pause) in
        [(100, 40, 10), (1000, 40, 10), (1000, 2, 1), (100, 3, 1000), (100, 500, 1000)]
    {
        for _ in 0..rounds {
            assert_eq!(failures(&ids, read_all(&numbers, &ids[..size]).await).len(), size);
            sleep(Duration::from_millis(pause)).await;
        }
        let asked = calls(&numbers);
        assert!(asked * 10 <= rounds * 12, "{asked} calls for {rounds} batches of {size}");
    }
    numbers.source.fails.store(0, Ordering::SeqCst);
    assert!(failures(&ids, read_all(&numbers, &ids).await).is_empty());
    let ids = five_hundred(&["poison"]);
    assert_eq!(
        failures(&ids, read_all(&numbers, &ids).await),
        [("poison", Kind::Internal)],
        "it is well again"
    );
}

/// One of two instances fails whatever it is asked: parts of a batch that succeed lead on to others, and the budget
/// alone is what ends it.
#[tokio::test(start_paused = true)]
async fn a_service_that_fails_every_other_time_is_asked_as_often_as_the_budget_pays() {
    let numbers = merged(Numbers::default());
    numbers.source.fails.store(50, Ordering::SeqCst);
    let ids = five_hundred(&[]);
    let (began, rounds) = (Instant::now(), 3000);
    let mut random = StdRng::seed_from_u64(5);
    for _ in 0..rounds {
        let first = random.random_range(0..460);
        failures(&ids[first..], read_all(&numbers, &ids[first..first + 40]).await);
        sleep(Duration::from_millis(5)).await;
    }
    let asked = calls(&numbers) as f64;
    let (free, saved) = (began.elapsed().as_secs_f64() * 4.0, 240.0);
    assert!(asked <= f64::from(rounds) * 1.17 + free + saved, "{asked} calls, {free} of them free");
}

#[tokio::test(start_paused = true)]
async fn any_order_of_rows_is_right_and_a_row_too_many_never_reaches_a_reader() {
    let mut random = StdRng::seed_from_u64(3);
    for _ in 0..300 {
        let numbers = merged(Numbers::default());
        let distortion = [Distortion::Reverse, Distortion::Foreign, Distortion::Repeat, Distortion::Rename]
            [random.random_range(0..4)];
        *numbers.source.distortion.lock().unwrap() = Some(distortion);
        let count = random.random_range(1..30);
        let ids = five_hundred(&[])[..count].to_vec();
        let failed = failures(&ids, read_all(&numbers, &ids).await);
        if distortion == Distortion::Reverse {
            assert_eq!((failed.len(), calls(&numbers)), (0, 1));
        }
        // A single row has no room for another: parts of one id are right then.
        if matches!(distortion, Distortion::Foreign | Distortion::Rename) {
            assert_eq!(failed.len(), count, "{distortion:?}");
        }
        assert!(failed.iter().all(|(_, kind)| *kind == Kind::Unavailable), "{distortion:?}");
    }
}
