use face::YuvImage;

/// Blocks of this many pixels in a square are compared by their mean brightness: noise averages out, a face that moves
/// changes several of them.
const BLOCK: usize = 16;

/// Of a block's rows only each fourth is read: enough to see a change, and a quarter of the memory traffic.
const ROW_STEP: usize = 4;

/// A block has changed when its brightness differs by more than this (of 255), after what is common to all is taken away.
/// The mean of 64 pixels with noise of σ 10 has a σ of 1.25: at 6, one block in a million changes by chance.
const CHANGED: f32 = 6.0;

/// The picture as a whole has changed, as when a light is switched, when its mean brightness differs by more than this.
const LIGHT: f32 = 12.0;

/// When so many of the blocks have changed it is another scene: the camera was turned, or the recording was cut.
const OTHER_SCENE: f32 = 0.5;

/// How a frame differs from the one that was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// By nothing but noise.
    Nothing,
    /// Something has moved.
    Something,
    /// Nearly everything is different, so that what was where says nothing any more.
    Scene,
}

/// Tells whether anything has moved since the last frame that was looked at. Compared with that one, not with the frame
/// before, so that what creeps is seen too. Costs about as much as reading a quarter of the brightness plane.
#[derive(Debug, Default)]
pub(crate) struct MotionGate {
    blocks: Vec<f32>,
    reference: Vec<f32>,
}

impl MotionGate {
    /// How the frame differs from the last one that was [`looked_at`](Self::looked_at). The first frame is another scene, as is one
    /// of another size. `gain` is by how much its brightness is to be multiplied to be that of a JPEG.
    pub(crate) fn change(&mut self, image: &YuvImage, gain: f32) -> Change {
        block_means(image, gain, &mut self.blocks);
        if self.blocks.len() != self.reference.len() || self.blocks.is_empty() {
            return Change::Scene;
        }
        let count = self.blocks.len() as f32;
        let pairs = || self.blocks.iter().zip(&self.reference);
        let common = pairs().map(|(now, then)| now - then).sum::<f32>() / count;
        let changed = pairs().filter(|(now, then)| (*now - *then - common).abs() > CHANGED).count();
        match changed as f32 / count {
            share if share > OTHER_SCENE => Change::Scene,
            share if share > 0.0 || common.abs() > LIGHT => Change::Something,
            _ => Change::Nothing,
        }
    }

    /// The frame that was just asked about is looked at: others are compared with it from now on.
    pub(crate) fn looked_at(&mut self) {
        std::mem::swap(&mut self.blocks, &mut self.reference);
    }
}

/// Mean brightness of each whole block, row by row, times `gain`.
fn block_means(image: &YuvImage, gain: f32, means: &mut Vec<f32>) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let luma = &image.planes()[..width * height];
    means.clear();
    for rows in luma.chunks_exact(width * BLOCK) {
        let first = means.len();
        means.resize(first + width / BLOCK, 0.0);
        for row in rows.chunks_exact(width).step_by(ROW_STEP) {
            for (mean, pixels) in means[first..].iter_mut().zip(row.chunks_exact(BLOCK)) {
                *mean += pixels.iter().map(|&pixel| u32::from(pixel)).sum::<u32>() as f32;
            }
        }
        let share = gain / (BLOCK * BLOCK / ROW_STEP) as f32;
        means[first..].iter_mut().for_each(|mean| *mean *= share);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: (u32, u32) = (320, 240);

    fn picture(luma: impl Fn(usize, usize) -> u8) -> YuvImage {
        let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
        let mut planes = vec![128; YuvImage::len_for(SIZE.0, SIZE.1)];
        for y in 0..height {
            for x in 0..width {
                planes[y * width + x] = luma(x, y);
            }
        }
        YuvImage::new(SIZE.0, SIZE.1, planes).unwrap()
    }

    /// A wall with a square of another brightness at `x`.
    fn square_at(x: usize, brightness: u8) -> YuvImage {
        picture(|px, py| if (x..x + 40).contains(&px) && (100..140).contains(&py) { 180 } else { brightness })
    }

    fn moved(gate: &mut MotionGate, image: &YuvImage) -> bool {
        let moved = gate.change(image, 1.0) != Change::Nothing;
        if moved {
            gate.looked_at();
        }
        moved
    }

    #[test]
    fn the_first_frame_is_looked_at_and_the_same_again_is_not() {
        let mut gate = MotionGate::default();
        assert!(moved(&mut gate, &square_at(100, 90)));
        assert!(!moved(&mut gate, &square_at(100, 90)));
    }

    #[test]
    fn what_creeps_is_seen_before_it_has_gone_far() {
        let mut gate = MotionGate::default();
        moved(&mut gate, &square_at(100, 90));
        let first = (101..140).find(|&x| moved(&mut gate, &square_at(x, 90)));
        assert!(first.is_some_and(|x| x <= 104), "{first:?}");
    }

    #[test]
    fn slow_daylight_is_no_motion_and_a_light_that_is_switched_is() {
        let mut gate = MotionGate::default();
        moved(&mut gate, &picture(|x, _| (60 + x / 4) as u8));
        assert!(!moved(&mut gate, &picture(|x, _| (70 + x / 4) as u8)));
        assert!(moved(&mut gate, &picture(|x, _| (90 + x / 4) as u8)));
    }

    #[test]
    fn a_frame_in_the_cameras_own_colours_is_like_the_same_one_in_those_of_a_jpeg() {
        let (full, limited) = (|x: usize| (20 + x / 2) as f32, 219.0 / 255.0);
        let mut gate = MotionGate::default();
        gate.change(&picture(|x, _| full(x) as u8), 1.0);
        gate.looked_at();
        let as_sent = picture(|x, _| (full(x) * limited).round() as u8);
        assert_eq!(gate.change(&as_sent, 1.0 / limited), Change::Nothing);
        assert_ne!(gate.change(&as_sent, 1.0), Change::Nothing, "they differ by up to a seventh");
    }

    #[test]
    fn a_cut_is_another_scene_and_a_face_that_moves_is_not() {
        let mut gate = MotionGate::default();
        moved(&mut gate, &square_at(100, 90));
        assert_eq!(gate.change(&square_at(140, 90), 1.0), Change::Something);
        assert_eq!(gate.change(&picture(|x, y| ((x / 3) ^ (y / 2)) as u8), 1.0), Change::Scene);
    }

    #[test]
    fn a_picture_smaller_than_a_block_is_always_looked_at() {
        let tiny = YuvImage::new(8, 8, vec![1; YuvImage::len_for(8, 8)]).unwrap();
        let mut gate = MotionGate::default();
        assert!(moved(&mut gate, &tiny) && moved(&mut gate, &tiny));
    }

    proptest! {
        #[test]
        fn noise_of_a_camera_is_no_motion(seed in any::<u64>()) {
            // σ about 6, uniform.
            let noisy = |salt: u64| picture(move |x, y| {
                let mut hash = seed ^ salt ^ ((x as u64) << 32 | y as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                (90 + (hash >> 33) % 21) as u8
            });
            let mut gate = MotionGate::default();
            moved(&mut gate, &noisy(0));
            for salt in 1..5 {
                prop_assert!(!moved(&mut gate, &noisy(salt)));
            }
        }
    }
}
