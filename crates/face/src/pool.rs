use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use models::InstalledPack;

use crate::{Engine, FaceError, OtherPacks, Runtime};

/// A few engines shared by many callers. One who finds all of them busy waits; whoever has waited longest is next, so that
/// among cameras that always have another frame each gets its turn. Engines are opened when they are first needed.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct EnginePool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    installed: InstalledPack,
    others: Option<OtherPacks>,
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    idle: Vec<Engine>,
    /// Engines that exist, lent or not.
    opened: usize,
    /// Tickets of those who wait, the oldest first.
    waiting: VecDeque<u64>,
    next_ticket: u64,
}

impl EnginePool {
    /// A pool that grows to `most` engines (at least one): as many as pictures shall be looked at at the same time. Opens the
    /// first at once, so that what is wrong with the models is known. `others`: packs that are used beside this one.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open(
        runtime: &Runtime,
        installed: &InstalledPack,
        most: usize,
        others: Option<OtherPacks>,
    ) -> Result<Self, FaceError> {
        let pool = Self { shared: Arc::new(Shared::new(runtime.clone(), installed.clone(), others, most)) };
        pool.get_ready()?;
        Ok(pool)
    }

    /// A pool of the same models for others, who do not wait for the callers of this one. None of its engines is open yet.
    pub fn apart(&self, most: usize) -> Self {
        let Shared { runtime, installed, others, .. } = &*self.shared;
        Self { shared: Arc::new(Shared::new(runtime.clone(), installed.clone(), others.clone(), most)) }
    }

    /// Opens an engine where there is none yet, so that the first caller need not wait for it.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn get_ready(&self) -> Result<(), FaceError> {
        let is_ready = self.shared.state().opened > 0;
        if is_ready { Ok(()) } else { self.with(|_| Ok(())) }
    }

    /// Runs `work` with an engine of its own. Blocks until it is the caller's turn, so call it from a thread that may block.
    ///
    /// # Errors
    /// As `work`, and as [`Engine::open`].
    pub fn with<R>(&self, work: impl FnOnce(&mut Engine) -> Result<R, FaceError>) -> Result<R, FaceError> {
        let mut borrowed = Borrowed { engine: Some(self.shared.take()?), shared: &self.shared };
        match borrowed.engine.as_mut() {
            Some(engine) => {
                engine.follow_spaces();
                work(engine)
            }
            None => unreachable!("an engine is taken back only on drop"),
        }
    }
}

impl Shared {
    fn new(runtime: Runtime, installed: InstalledPack, others: Option<OtherPacks>, most: usize) -> Self {
        let state = State { idle: Vec::new(), opened: 0, waiting: VecDeque::new(), next_ticket: 0 };
        Self { runtime, installed, others, most: most.max(1), state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Engine, FaceError> {
        let mut state = self.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push_back(ticket);
        let is_next = |state: &State| state.waiting.front() == Some(&ticket);
        let can_go = |state: &State| is_next(state) && (!state.idle.is_empty() || state.opened < self.most);
        state = self.changed.wait_while(state, |state| !can_go(state)).unwrap_or_else(PoisonError::into_inner);
        state.waiting.pop_front();
        let idle = state.idle.pop();
        state.opened += usize::from(idle.is_none());
        drop(state);
        // The one behind may find another engine.
        self.changed.notify_all();
        idle.map_or_else(|| self.open_another(), Ok)
    }

    fn open_another(&self) -> Result<Engine, FaceError> {
        let mut place = Place { of: Some(self) };
        let opened = Engine::open(&self.runtime, &self.installed)?;
        place.of = None;
        Ok(match &self.others {
            Some(others) => opened.beside(&self.runtime, others),
            None => opened,
        })
    }
}

/// That of an engine which is being opened. Free again where that fails, also by a panic.
struct Place<'a> {
    of: Option<&'a Shared>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.of {
            shared.state().opened -= 1;
            shared.changed.notify_all();
        }
    }
}

/// Brings the engine back also when `work` panics.
struct Borrowed<'a> {
    engine: Option<Engine>,
    shared: &'a Shared,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.shared.state().idle.push(engine);
            self.shared.changed.notify_all();
        }
    }
}
