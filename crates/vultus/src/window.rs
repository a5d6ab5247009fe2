//! The local window of SHOW_WINDOW: the annotated picture, on a thread of its own.

use std::sync::Arc;
use std::time::Duration;

use camera::{Newest, Taken, to_rgb0};
use events::WindowSlot;
use face::YuvImage;
use minifb::{Key, ScaleMode, Window, WindowOptions};

/// How long to wait for a frame before the window's own events are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Opens the window when the first frame comes. Without a display there is a line in the log and nothing else. Closing
/// it, Escape or Q ends the window, not the service.
pub fn open(title: String) -> Option<WindowSlot> {
    if cfg!(target_os = "macos") {
        // AppKit wants windows on the main thread, and ends the process otherwise.
        tracing::info!("there is no local window on macOS: open the live page instead");
        return None;
    }
    if !has_display() {
        tracing::info!("no display: the local window is off (SHOW_WINDOW=false says so for good)");
        return None;
    }
    let frames = Arc::new(Newest::new());
    let slot = WindowSlot::new(Arc::clone(&frames));
    let started = std::thread::Builder::new().name("window".to_owned()).spawn(move || {
        if let Err(error) = show(&title, &frames) {
            tracing::info!(%error, "the local window cannot be shown; everything else goes on");
        }
        frames.close();
    });
    started.is_ok().then_some(slot)
}

/// minifb would try for long on a machine without a display; on others than Linux there always is one.
fn has_display() -> bool {
    !cfg!(target_os = "linux") || std::env::var_os("DISPLAY").is_some_and(|display| !display.is_empty())
}

fn show(title: &str, frames: &Newest<YuvImage>) -> Result<(), minifb::Error> {
    let mut window: Option<Window> = None;
    let (mut pixels, mut size) = (Vec::new(), (0, 0));
    loop {
        match frames.take(TICK) {
            Taken::Item(frame) => {
                to_rgb0(&frame, &mut pixels);
                size = (frame.width() as usize, frame.height() as usize);
                if window.is_none() {
                    window = Some(Window::new(title, size.0, size.1, options())?);
                }
            }
            Taken::TimedOut => {}
            Taken::Closed => return Ok(()),
        }
        let Some(window) = &mut window else { continue };
        if !window.is_open() || window.is_key_down(Key::Escape) || window.is_key_down(Key::Q) {
            return Ok(());
        }
        window.update_with_buffer(&pixels, size.0, size.1)?;
    }
}

fn options() -> WindowOptions {
    WindowOptions { resize: true, scale_mode: ScaleMode::AspectRatioStretch, ..WindowOptions::default() }
}
