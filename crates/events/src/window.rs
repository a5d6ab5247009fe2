use std::sync::{Arc, Mutex, PoisonError};

use camera::Newest;
use face::YuvImage;

/// The way to the local window, which shows one camera at a time. Clones lead to the same window: every camera's flow may
/// have one, and the flow of the camera that is to be shown puts its pictures there.
#[derive(Clone, Debug)]
pub struct WindowSlot {
    pictures: Arc<Newest<YuvImage>>,
    shown: Arc<Mutex<Option<String>>>,
}

impl WindowSlot {
    /// Leads to whoever takes the newest of `pictures`. Shows no camera yet.
    pub fn new(pictures: Arc<Newest<YuvImage>>) -> Self {
        Self { pictures, shown: Arc::default() }
    }

    /// Shows `camera` from now on, and no other.
    pub fn show(&self, camera: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_deref() != Some(camera) {
            *shown = Some(camera.to_owned());
        }
    }

    /// Puts a picture there, which is made only if it is this camera's turn and somebody takes it.
    pub(crate) fn put(&self, camera: &str, picture: impl FnOnce() -> YuvImage) {
        let is_shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(camera);
        if is_shown && !self.pictures.is_closed() {
            self.pictures.put(picture());
        }
    }

    /// Ends the window.
    pub fn close(&self) {
        self.pictures.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use camera::Taken;

    use super::*;

    /// A picture that can be told by its width.
    fn picture(width: u32) -> YuvImage {
        YuvImage::new(width, 2, vec![0; YuvImage::len_for(width, 2)]).unwrap()
    }

    #[test]
    fn the_window_shows_one_camera_and_goes_on_with_the_next_when_that_is_the_first_one() {
        let pictures = Arc::new(Newest::new());
        let window = WindowSlot::new(Arc::clone(&pictures));
        let shown = || {
            window.put("gate", || picture(2));
            window.clone().put("door", || picture(4));
            match pictures.take(Duration::ZERO) {
                Taken::Item(picture) => Some(picture.width()),
                Taken::TimedOut | Taken::Closed => None,
            }
        };
        assert_eq!(shown(), None);
        window.show("gate");
        assert_eq!((shown(), shown()), (Some(2), Some(2)));
        window.show("door");
        assert_eq!(shown(), Some(4));
        window.close();
        assert_eq!(shown(), None);
        window.put("door", || panic!("nobody looks any more"));
    }
}
