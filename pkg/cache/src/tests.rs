//! The cache beside a plain store, with concurrent random readers and writers.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// A store of versions: committed ones, and those acknowledged to their writers.
#[derive(Default)]
struct Store {
    committed: [AtomicU64; 8],
    told: [AtomicU64; 8],
    turns: [Mutex<()>; 8],
}

fn pause(random: &mut StdRng) {
    for _ in 0..random.random_range(0..3) {
        thread::yield_now();
    }
}

impl Store {
    fn write(&self, cache: &Cache<usize, u64>, key: usize, random: &mut StdRng) {
        let _turn = self.turns[key].lock().unwrap();
        let version = self.committed[key].fetch_add(1, Ordering::SeqCst) + 1;
        pause(random);
        cache.wrote(&key);
        self.told[key].store(version, Ordering::SeqCst);
    }

    fn read(&self, cache: &Cache<usize, u64>, key: usize, random: &mut StdRng) -> u64 {
        cache.get(&key).unwrap_or_else(|| {
            let reading = cache.read(&key);
            pause(random);
            let version = self.committed[key].load(Ordering::SeqCst);
            pause(random);
            cache.keep(reading, key, version);
            version
        })
    }
}

#[test]
fn reader_never_gets_older_value_than_last_acknowledged_write() {
    for seed in 0..4 {
        let (store, cache) = (Store::default(), Cache::new(1 << 20, None, |_, _| 16));
        let (ended, hits) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            for reader in 0..3 {
                let (store, cache, ended, hits) = (&store, &cache, &ended, &hits);
                scope.spawn(move || {
                    let mut random = StdRng::seed_from_u64(seed * 10 + reader);
                    while !ended.load(Ordering::SeqCst) {
                        let key = random.random_range(0..8);
                        let told = store.told[key].load(Ordering::SeqCst);
                        hits.fetch_add(u64::from(cache.get(&key).is_some()), Ordering::Relaxed);
                        let read = store.read(cache, key, &mut random);
                        assert!(read >= told, "seed {seed}: read {read} after {told} was told");
                    }
                });
            }
            let writers = (3..5).map(|writer| {
                let (store, cache) = (&store, &cache);
                scope.spawn(move || {
                    let mut random = StdRng::seed_from_u64(seed * 10 + writer);
                    for _ in 0..1000 {
                        store.write(cache, random.random_range(0..8), &mut random);
                        pause(&mut random);
                    }
                })
            });
            let ends: Vec<_> = writers.collect::<Vec<_>>().into_iter().map(|writer| writer.join()).collect();
            ended.store(true, Ordering::SeqCst);
            assert!(ends.iter().all(Result::is_ok));
        });
        assert!(hits.load(Ordering::Relaxed) > 0, "seed {seed}: nothing was ever kept");
    }
}

#[test]
fn value_read_before_write_is_not_cached_after_it() {
    let cache = Cache::new(1 << 20, None, |_: &u8, _: &u8| 2);
    let before = cache.read(&1);
    cache.wrote(&1);
    cache.keep(before, 1, 10);
    assert_eq!(cache.get(&1), None);
    cache.keep(cache.read(&1), 1, 11);
    assert_eq!(cache.get(&1), Some(11));
    cache.wrote(&1);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn cache_is_bounded_in_bytes() {
    let cache = Cache::new(100_000, None, |_: &u32, value: &Vec<u8>| value.len());
    for key in 0..10_000 {
        cache.keep(cache.read(&key), key, vec![0; 100]);
        let bytes = cache.statistics().bytes;
        assert!(bytes <= 100_000, "{bytes}");
    }
    let bytes = cache.statistics().bytes;
    assert!(bytes > 50_000, "{bytes}");
    cache.keep(cache.read(&0), 0, vec![0; 200_000]);
    assert_eq!(cache.get(&0), None);
}

#[test]
fn value_of_maximum_age_is_read_again() {
    let age = Duration::from_millis(20);
    let cache = Cache::new(1 << 20, Some(age), |_: &u8, _: &u8| 2);
    let reading = cache.read(&1);
    cache.keep(reading, 1, 10);
    while reading.since.elapsed() < age {
        // The age counts from before the read.
        thread::yield_now();
    }
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
async fn only_uncached_keys_are_read() {
    let cache = Cache::new(1 << 20, None, |_: &u8, _: &u8| 2);
    let read = async |keys: Vec<u8>| Ok::<_, ()>(keys.iter().map(|key| key * 10).collect());
    assert_eq!(cache.get_or_read_all(&[1, 3], read).await, Ok(vec![10, 30]));
    let rest = async |keys: Vec<u8>| {
        assert_eq!(keys, [2, 4]);
        read(keys).await
    };
    assert_eq!(cache.get_or_read_all(&[2, 1, 4, 3], rest).await, Ok(vec![20, 10, 40, 30]));
    assert_eq!(cache.get_or_read(&4, async || Err("not asked")).await, Ok(40));
    assert_eq!(cache.get_or_read(&5, async || Err("failed")).await, Err("failed"));
    assert_eq!(cache.get_or_read(&5, async || Ok::<_, ()>(50)).await, Ok(50));
}

#[tokio::test]
async fn found_values_are_in_order_of_keys_and_missing_ones_are_cached_as_missing() {
    let cache = Cache::new(1 << 20, None, |_: &u8, _: &Option<u8>| 2);
    let thirds =
        async |keys: Vec<u8>| Ok::<_, ()>(keys.into_iter().rev().filter(|key| key % 3 == 0).collect());
    assert_eq!(cache.get_or_read_found(&[9, 1, 3, 9], thirds, |key| key).await, Ok(vec![9, 3, 9]));
    assert_eq!((cache.get(&1), cache.get(&3)), (Some(None), Some(Some(3))));
    let rest = async |keys: Vec<u8>| {
        assert_eq!(keys, [6, 2]);
        thirds(keys).await
    };
    assert_eq!(cache.get_or_read_found(&[3, 6, 1, 2], rest, |key| key).await, Ok(vec![3, 6]));
}

#[tokio::test]
async fn cache_is_empty_after_write_of_unknown_keys() {
    let cache = Cache::new(1 << 20, None, |_: &u8, _: &u8| 2);
    assert_eq!(cache.get_or_read(&1, async || Ok::<_, ()>(10)).await, Ok(10));
    let before = cache.read(&2);
    cache.wrote_all();
    cache.keep(before, 2, 20);
    assert_eq!((cache.get(&1), cache.get(&2)), (None, None));
}

#[test]
fn expired_value_is_a_miss_in_statistics() {
    let cache = Cache::<u32, u32>::new(1 << 20, Some(Duration::from_millis(20)), |_, _| 8);
    assert_eq!(cache.get(&1), None);
    let reading = cache.read(&1);
    cache.keep(reading, 1, 7);
    assert_eq!(cache.get(&1), Some(7));
    while cache.get(&1).is_some() {
        thread::yield_now();
    }
    let Statistics { hits, misses, entries, bytes, max_bytes } = cache.statistics();
    assert_eq!((misses, entries, bytes, max_bytes), (2, 1, 8 + OVERHEAD, 1 << 20));
    assert!(hits >= 1);
}
