use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A place for one thing between the thread that reads and the thread that works: what is put there replaces what was
/// not taken in time, so that work is always done on the newest.
#[derive(Debug)]
pub struct Newest<T> {
    slot: Mutex<Slot<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Slot<T> {
    item: Option<T>,
    dropped: u64,
    closed: bool,
}

/// What [`Newest::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// The newest thing.
    Item(T),
    /// Nothing came in time.
    TimedOut,
    /// Nothing is there and nothing will come any more.
    Closed,
}

impl<T> Newest<T> {
    /// An empty place.
    pub fn new() -> Self {
        Self { slot: Mutex::new(Slot { item: None, dropped: 0, closed: false }), changed: Condvar::new() }
    }

    /// Puts `item` there. What it replaces is dropped and counted; so is `item` itself once the place is closed.
    pub fn put(&self, item: T) {
        let mut slot = self.lock();
        let loser = if slot.closed { Some(item) } else { slot.item.replace(item) };
        slot.dropped += u64::from(loser.is_some());
        drop(slot);
        self.changed.notify_one();
    }

    /// Takes what is there, or waits for it until `timeout` has passed or the place is closed. What was put before
    /// closing can still be taken.
    pub fn take(&self, timeout: Duration) -> Taken<T> {
        let (mut slot, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |slot| slot.item.is_none() && !slot.closed)
            .unwrap_or_else(PoisonError::into_inner);
        match slot.item.take() {
            Some(item) => Taken::Item(item),
            None if slot.closed => Taken::Closed,
            None => Taken::TimedOut,
        }
    }

    /// Says that nothing will come any more and wakes whoever waits.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Whether nothing will be taken or put any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many things were put here and never taken, so far.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// A slot is whole after every statement, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn only_the_newest_is_taken_and_the_others_are_counted() {
        let newest = Newest::new();
        for number in 1..=5 {
            newest.put(number);
        }
        assert_eq!(newest.take(SOON), Taken::Item(5));
        assert_eq!(newest.take(SOON), Taken::TimedOut);
        assert_eq!(newest.dropped(), 4);
    }

    #[test]
    fn a_waiting_thread_gets_what_another_puts() {
        let newest = Newest::new();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| newest.take(LONG));
            newest.put("frame");
            assert_eq!(waiting.join().unwrap(), Taken::Item("frame"));
        });
    }

    #[test]
    fn closing_wakes_the_waiting_thread() {
        let newest = Newest::<u8>::new();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| newest.take(LONG));
            newest.close();
            assert_eq!(waiting.join().unwrap(), Taken::Closed);
        });
    }

    #[test]
    fn what_was_put_before_closing_is_still_delivered_and_nothing_after() {
        let newest = Newest::new();
        newest.put(1);
        newest.close();
        newest.put(2);
        assert_eq!(newest.take(SOON), Taken::Item(1));
        assert_eq!(newest.take(SOON), Taken::Closed);
        assert_eq!(newest.dropped(), 1);
    }

    #[test]
    fn a_thread_that_panicked_while_holding_it_does_not_break_it() {
        let newest = Newest::new();
        thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                let _held = newest.slot.lock();
                panic!("on purpose");
            });
            assert!(panicking.join().is_err());
        });
        newest.put(7);
        assert_eq!(newest.take(SOON), Taken::Item(7));
    }
}
