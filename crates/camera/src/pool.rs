use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Memory for values that are shared for a moment, used again and again: in steady state nothing is allocated. A clone is the
/// same pool.
pub struct Pool<T>(Arc<Mutex<Vec<Arc<Option<T>>>>>);

/// A value that many hold, as an `Arc` is; when the last one lets go, its memory goes back to the pool that it came from.
pub struct Pooled<T> {
    place: Arc<Option<T>>,
    home: Option<Pool<T>>,
}

impl<T> Pool<T> {
    /// Enough for one value in each stage of a camera: being read, waiting, being worked on, being drawn, being encoded. More
    /// than that come from a burst and are let go.
    pub(crate) const KEPT: usize = 6;

    /// A place for `value`, in memory that one before it had, where there is such.
    pub fn put(&self, value: T) -> Pooled<T> {
        let mut place = self.with(Vec::pop).unwrap_or_default();
        match Arc::get_mut(&mut place) {
            Some(empty) => *empty = Some(value),
            // Who kept it for us has not let go of it yet.
            None => place = Arc::new(Some(value)),
        }
        Pooled { place, home: Some(self.clone()) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Vec<Arc<Option<T>>>) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Pooled<T> {
    /// A value that came from no pool: its memory is freed.
    pub fn alone(value: T) -> Self {
        Self { place: Arc::new(Some(value)), home: None }
    }

    /// How many hold it.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.place)
    }
}

impl<T> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        (*self.place).as_ref().expect("a value leaves its place only with its last holder")
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        // Of two last holders who let go at once each sees the other: then the memory is freed.
        if let Some(value) = Arc::get_mut(&mut self.place).and_then(Option::take) {
            drop(value);
            let Some(home) = &self.home else { return };
            home.with(|places| {
                if places.len() < Pool::<T>::KEPT {
                    places.push(Arc::clone(&self.place));
                }
            });
        }
    }
}

impl<T> Clone for Pooled<T> {
    fn clone(&self) -> Self {
        Self { place: Arc::clone(&self.place), home: self.home.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("kept", &self.with(|places| places.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_value_has_the_place_of_one_that_everybody_let_go() {
        let pool = Pool::default();
        let place = |value: &Pooled<u32>| &raw const **value;
        let first = pool.put(1);
        let (second_holder, here) = (first.clone(), place(&first));
        drop(first);
        let second = pool.put(2);
        assert_eq!((*second_holder, *second, second_holder.holders()), (1, 2, 1));
        assert_ne!(place(&second), here, "still held");
        drop(second_holder);
        let third = pool.put(3);
        assert_eq!((*third, place(&third)), (3, here));
    }

    #[test]
    fn a_burst_does_not_keep_its_memory_and_a_pool_that_is_gone_keeps_none() {
        let pool = Pool::default();
        let burst: Vec<_> = (0..100).map(|value| pool.put(value)).collect();
        drop(burst);
        assert_eq!(pool.with(|places| places.len()), Pool::<i32>::KEPT);
        let outlives_its_pool = pool.put(7);
        drop(pool);
        assert_eq!(*outlives_its_pool, 7);
    }

    #[test]
    fn a_value_is_dropped_with_its_last_holder_and_not_kept() {
        let (pool, inner) = (Pool::default(), Arc::new(()));
        let shared = pool.put(Arc::clone(&inner));
        let other = shared.clone();
        drop(shared);
        assert_eq!(Arc::strong_count(&inner), 2);
        drop(other);
        assert_eq!(Arc::strong_count(&inner), 1);
    }
}
