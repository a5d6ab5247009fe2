use std::time::Duration;

use camera::CameraStatus;
use tokio::time::Instant;

use super::watching::Watching;
use super::{Definition, Here};

/// Before a camera is started again whose threads panicked, or that could not be started.
const REST: Duration = Duration::from_secs(5);

/// A camera that this process watches, or would.
pub struct Seat {
    /// As what it is watched.
    pub definition: Definition,
    /// How that goes.
    pub work: Work,
}

/// What comes of watching a camera.
pub enum Work {
    /// Its threads.
    Watched(Watching),
    /// It cannot be started, or broke down: why, and when it is tried again.
    Resting(CameraStatus, Instant),
}

impl Seat {
    /// As others see it.
    pub fn here(&self) -> Here {
        let (status, live) = match &self.work {
            Work::Watched(watching) => (watching.status(), Some(watching.live().clone())),
            Work::Resting(status, _) => (status, None),
        };
        let (id, name) = (self.definition.id.clone(), self.definition.name().to_owned());
        Here { id, name, status: status.clone(), live }
    }

    /// Whether it is a recording that has been played to its end.
    pub fn is_over(&self) -> bool {
        matches!(&self.work, Work::Watched(watching) if watching.is_over())
    }

    /// A camera that has ended though nobody told it to. A recording that is over stays, with its last picture.
    pub fn has_broken_down(&self) -> bool {
        matches!(&self.work, Work::Watched(watching) if watching.has_ended() && !watching.is_over())
    }

    /// Tells it to end; whether it has.
    pub fn leave(&self) -> bool {
        match &self.work {
            Work::Watched(watching) => {
                watching.stop();
                watching.has_ended()
            }
            Work::Resting(..) => true,
        }
    }
}

impl Work {
    /// No more until some time has passed.
    pub fn rest(id: &str, why: &str) -> Self {
        tracing::error!(camera = id, "{why}; starting again in {} s", REST.as_secs());
        Self::Resting(CameraStatus::failed(why), Instant::now() + REST)
    }

    /// Why it ended though it should not have.
    pub fn broken_down(self) -> String {
        match self {
            Self::Watched(watching) => {
                watching.join().err().map_or_else(|| "it ended by itself".to_owned(), |error| error.to_string())
            }
            Self::Resting(..) => "it could not be started".to_owned(),
        }
    }
}
