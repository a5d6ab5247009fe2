use face::Rect;

/// A face's box between detections: centre and size each move with a speed of their own, which is estimated from the boxes seen so
/// far (three Kalman filters with constant velocity; SORT, Bewley et al. 2016, without its aspect ratio, since our boxes are
/// square).
#[derive(Clone, Debug)]
pub(crate) struct BoxFilter {
    x: Axis,
    y: Axis,
    size: Axis,
}

/// Uncertainties as shares of the box's size: of a detected box, of the first speed (a second), and of a change of speed
/// (a second squared). A face at a door crosses its own width in about half a second, and stops in as much.
const DETECTED: f32 = 0.05;
const FIRST_SPEED: f32 = 2.0;
const ACCELERATION: f32 = 4.0;

impl BoxFilter {
    pub(crate) fn new(area: &Rect) -> Self {
        let (x, y, size) = centre_and_size(area);
        Self { x: Axis::new(x, size), y: Axis::new(y, size), size: Axis::new(size, size) }
    }

    /// Moves on by `seconds`.
    pub(crate) fn predict(&mut self, seconds: f32) {
        let size = self.size.value.max(1.0);
        for axis in [&mut self.x, &mut self.y, &mut self.size] {
            axis.predict(seconds, ACCELERATION * size);
        }
        self.size.value = self.size.value.max(1.0);
    }

    /// Takes in a box that was detected now.
    pub(crate) fn correct(&mut self, area: &Rect) {
        let (x, y, size) = centre_and_size(area);
        let noise = DETECTED * size.max(1.0);
        self.x.correct(x, noise);
        self.y.correct(y, noise);
        self.size.correct(size, noise);
    }

    /// Where the box is now, as far as is known.
    pub(crate) fn area(&self) -> Rect {
        let half = self.size.value / 2.0;
        let (x, y) = (self.x.value, self.y.value);
        Rect { left: x - half, top: y - half, right: x + half, bottom: y + half }
    }
}

fn centre_and_size(area: &Rect) -> (f32, f32, f32) {
    let centre = area.centre();
    (centre.x, centre.y, area.width().max(area.height()))
}

/// One number, its speed a second, and the covariance of the two.
#[derive(Clone, Debug)]
struct Axis {
    value: f32,
    speed: f32,
    value_var: f32,
    covar: f32,
    speed_var: f32,
}

impl Axis {
    fn new(value: f32, size: f32) -> Self {
        let (noise, speed) = (DETECTED * size, FIRST_SPEED * size);
        Self { value, speed: 0.0, value_var: noise * noise, covar: 0.0, speed_var: speed * speed }
    }

    /// `acceleration` is the standard deviation of the change of speed.
    fn predict(&mut self, t: f32, acceleration: f32) {
        let q = acceleration * acceleration;
        self.value += self.speed * t;
        self.value_var += t * (2.0 * self.covar + t * self.speed_var) + q * t.powi(4) / 4.0;
        self.covar += t * self.speed_var + q * t.powi(3) / 2.0;
        self.speed_var += q * t * t;
    }

    fn correct(&mut self, measured: f32, noise: f32) {
        let gain = self.value_var / (self.value_var + noise * noise);
        let speed_gain = self.covar / (self.value_var + noise * noise);
        let error = measured - self.value;
        self.value += gain * error;
        self.speed += speed_gain * error;
        // Rounding may take away more than there is.
        self.speed_var = (self.speed_var - speed_gain * self.covar).max(0.0);
        self.value_var *= 1.0 - gain;
        self.covar *= 1.0 - gain;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn square(x: f32, y: f32, size: f32) -> Rect {
        Rect { left: x - size / 2.0, top: y - size / 2.0, right: x + size / 2.0, bottom: y + size / 2.0 }
    }

    proptest! {
        #[test]
        fn a_face_that_moves_evenly_is_where_it_is_expected(
            vx in -200.0f32..200.0, vy in -200.0f32..200.0, size in 40.0f32..200.0, fps in 5.0f32..30.0,
        ) {
            let at = |frame: u32| {
                let t = frame as f32 / fps;
                square(500.0 + vx * t, 400.0 + vy * t, size)
            };
            let mut filter = BoxFilter::new(&at(0));
            for frame in 1..=15 {
                filter.predict(1.0 / fps);
                filter.correct(&at(frame));
            }
            filter.predict(1.0 / fps);
            prop_assert!(filter.area().iou(&at(16)) > 0.85, "{:?} is not {:?}", filter.area(), at(16));
        }

        #[test]
        fn the_uncertainty_stays_positive_and_everything_finite(
            steps in prop::collection::vec((0.0f32..2.0, prop::option::of((0.0f32..1920.0, 0.0f32..1080.0, 8.0f32..900.0))), 1..60),
        ) {
            let mut filter = BoxFilter::new(&square(100.0, 100.0, 50.0));
            for (seconds, seen) in steps {
                filter.predict(seconds);
                if let Some((x, y, size)) = seen {
                    filter.correct(&square(x, y, size));
                }
                for axis in [&filter.x, &filter.y, &filter.size] {
                    prop_assert!(axis.value.is_finite() && axis.speed.is_finite());
                    prop_assert!(axis.value_var >= 0.0 && axis.speed_var >= 0.0, "{axis:?}");
                }
                prop_assert!(filter.area().width() > 0.0);
            }
        }
    }
}
