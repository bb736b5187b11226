//! The process's allocator, the same as the services', which counts each thread's allocations.

#![expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait, and so are its methods")]

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // Neither initialised lazily nor dropped, so that accessing it never allocates.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: every method passes its arguments to mimalloc unchanged and returns its result, so that the
// contract is mimalloc's; counting touches only a thread-local number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc_zeroed`'s contract.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `realloc`'s contract, and every block is mimalloc's.
        unsafe { MiMalloc.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract, and every block is mimalloc's.
        unsafe { MiMalloc.dealloc(block, layout) }
    }
}

/// Returns the number of allocations and reallocations of `work` on this thread.
pub fn during(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn allocation_and_growth_are_counted_and_free_is_not() {
        assert_eq!(during(|| drop(black_box(Box::new(1_u64)))), 1);
        let grows = || {
            let mut bytes: Vec<u8> = black_box(Vec::with_capacity(1));
            bytes.extend_from_slice(black_box(&[0; 1000]));
            drop(black_box(bytes));
        };
        assert_eq!(during(grows), 2);
        assert_eq!(during(|| ()), 0);
    }
}
