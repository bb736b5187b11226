//! Services that fail for some ids, for all, or sometimes, and responses with unexpected rows: the results of the
//! readers, and the number of calls.

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

/// Returns the failures among `results`, after checking the others.
fn failures(ids: &[RecordId], results: Vec<Result<Option<Number>, Error>>) -> Vec<(&str, Kind)> {
    let mut failures = Vec::new();
    for (id, result) in ids.iter().zip(results) {
        match result {
            Ok(number) => assert_eq!(&number.unwrap().id, id),
            Err(error) => failures.push((id.as_str(), error.kind())),
        }
    }
    failures
}

#[tokio::test(start_paused = true)]
async fn few_failing_ids_of_500_fail_alone_and_are_remembered() {
    for poisoned in [&["poison"][..], &["poison", "poison2", "poison3"]] {
        let numbers = merged(Numbers::default());
        let ids = five_hundred(poisoned);
        let expected: Vec<_> = poisoned.iter().map(|id| (*id, Kind::Internal)).collect();
        assert_eq!(failures(&ids, read_all(&numbers, &ids).await), expected);
        let made = calls(&numbers);
        assert!(made <= 1 + 18 * poisoned.len(), "{made} calls");

        assert_eq!(failures(&ids, read_all(&numbers, &ids).await), expected);
        assert_eq!(calls(&numbers), 1, "the failures are remembered");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(failures(&ids, read_all(&numbers, &ids).await), expected);
        assert_eq!(calls(&numbers), 1 + poisoned.len(), "one more call for each id");

        sleep(Duration::from_secs(1)).await;
        numbers.source.cured.store(true, Ordering::SeqCst);
        let results = read_all(&numbers, &ids).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(calls(&numbers), 1 + poisoned.len());
        read_all(&numbers, &ids).await;
        assert_eq!(calls(&numbers), 1, "all ids share one batch again");
    }
}

#[tokio::test(start_paused = true)]
async fn service_failing_for_all_ids_gets_few_additional_calls() {
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
        let made = calls(&numbers);
        assert!(made * 10 <= rounds * 12, "{made} calls for {rounds} batches of {size}");
    }
    numbers.source.fails.store(0, Ordering::SeqCst);
    assert!(failures(&ids, read_all(&numbers, &ids).await).is_empty());
    let ids = five_hundred(&["poison"]);
    assert_eq!(
        failures(&ids, read_all(&numbers, &ids).await),
        [("poison", Kind::Internal)],
        "the service has recovered"
    );
}

/// One of two instances fails for all ids: parts of a batch that succeed lead to further splits, which only the budget
/// limits.
#[tokio::test(start_paused = true)]
async fn additional_calls_to_flapping_service_stay_within_budget() {
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
    let made = calls(&numbers) as f64;
    let (free, saved) = (began.elapsed().as_secs_f64() * 4.0, 240.0);
    assert!(made <= f64::from(rounds) * 1.17 + free + saved, "{made} calls, {free} of them free");
}

#[tokio::test(start_paused = true)]
async fn rows_come_in_any_order_and_unexpected_rows_reach_no_reader() {
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
        // With `Repeat`, parts of one id are correct: a single row has no room for another.
        if matches!(distortion, Distortion::Foreign | Distortion::Rename) {
            assert_eq!(failed.len(), count, "{distortion:?}");
        }
        assert!(failed.iter().all(|(_, kind)| *kind == Kind::Unavailable), "{distortion:?}");
    }
}
