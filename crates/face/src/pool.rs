use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use models::InstalledPack;

use crate::{Engine, FaceError, Runtime};

/// A few engines shared by many callers; one who finds all of them busy waits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EnginePool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    idle: Mutex<Vec<Engine>>,
    returned: Condvar,
}

impl EnginePool {
    /// Opens `size` engines (at least one): as many as pictures shall be looked at at the same time.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open(runtime: &Runtime, installed: &InstalledPack, size: usize) -> Result<Self, FaceError> {
        let engines = (0..size.max(1)).map(|_| Engine::open(runtime, installed)).collect::<Result<_, _>>()?;
        Ok(Self { shared: Arc::new(Shared { idle: Mutex::new(engines), returned: Condvar::new() }) })
    }

    /// Runs `work` with an engine of its own. Blocks until one is free, so call it from a thread that may block.
    pub fn with<R>(&self, work: impl FnOnce(&mut Engine) -> R) -> R {
        let mut borrowed = Borrowed { engine: Some(self.shared.take()), shared: &self.shared };
        match borrowed.engine.as_mut() {
            Some(engine) => work(engine),
            None => unreachable!("an engine is taken back only on drop"),
        }
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Engine>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Engine {
        let mut idle = self.idle();
        loop {
            if let Some(engine) = idle.pop() {
                return engine;
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
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
            self.shared.idle().push(engine);
            self.shared.returned.notify_one();
        }
    }
}
