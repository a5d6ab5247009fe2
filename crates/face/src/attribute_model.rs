use models::{InstalledPack, SideModel, SideRole};

use crate::FaceError;
use crate::attributes::Estimate;
use crate::detect::Detection;
use crate::geometry::{Point, Similarity};
use crate::image::Picture;
use crate::landmark::FivePoints;
use crate::session::{Model, Runtime, shape_of};

/// The age model's outputs are in shares of so many years.
const OLDEST: f32 = 101.0;

/// Which of the expression model's seven classes is a smile: anger, disgust, fear, happy, sad, surprise, neutral.
const HAPPY: usize = 3;
const EXPRESSIONS: usize = 7;

/// Makes the estimate of a model's outputs and its middle; `None` for outputs of another form.
type Read = fn(&[&[f32]], f32) -> Option<f32>;

/// Estimates one attribute of a face.
#[derive(Debug)]
pub(crate) struct AttributeModel {
    model: Model,
    settings: SideModel,
    error: f32,
    read: Read,
    input: Vec<f32>,
}

impl AttributeModel {
    pub(crate) fn open(runtime: &Runtime, installed: &InstalledPack, role: SideRole) -> Result<Self, FaceError> {
        let (settings, path) = installed.side(role)?;
        let read: Read = match role {
            SideRole::Age => {
                |outputs: &[&[f32]], _| stagewise(outputs).map(|share| (share * OLDEST).clamp(0.0, OLDEST))
            }
            SideRole::Gender => |outputs: &[&[f32]], middle| stagewise(outputs).map(|share| centred(share, middle)),
            _ => |outputs: &[&[f32]], middle| happy(outputs).map(|share| centred(share, middle)),
        };
        // A catalogue without it is not read.
        let error = settings.error.unwrap_or(f32::INFINITY);
        let shape = shape_of(&settings.input);
        let model = Model::open(runtime, path, shape)?;
        let input = vec![0.0; shape.iter().product::<i64>() as usize];
        let mut opened = Self { model, settings: settings.clone(), error, read, input };
        // What it says of nothing does not matter, only that it says something of the kind.
        opened.run()?;
        Ok(opened)
    }

    /// `None` when the five points make no face.
    pub(crate) fn look(
        &mut self,
        picture: &dyn Picture,
        face: &Detection,
        five: &FivePoints,
    ) -> Result<Option<Estimate>, FaceError> {
        match self.settings.template {
            Some(template) => {
                let template = template.map(|[x, y]| Point { x, y });
                let Some(to_chip) = Similarity::between(five, &template) else { return Ok(None) };
                picture.warp_into(&to_chip.inverse(), &self.settings.input, &mut self.input);
            }
            None => picture.resize_into(face.pixels(), &self.settings.input, &mut self.input),
        }
        let value = self.run()?;
        Ok(value.is_finite().then_some(Estimate { value, error: self.error }))
    }

    /// The estimate of what lies in `input`.
    fn run(&mut self) -> Result<f32, FaceError> {
        let (read, middle) = (self.read, self.settings.middle);
        self.model.run_as("an attribute model of the kind that is known", &self.input, |outputs| read(outputs, middle))
    }
}

/// Reads a soft stagewise regression (SSR-Net, Yang et al. 2018) of three stages with three bins each: p₁ p₂ p₃, then δ₁ δ₂ δ₃, then η₁ η₂ η₃.
/// The answer is Σₖ Σᵢ pₖᵢ·(i + ηₖᵢ) / Πⱼ≤ₖ 3·(1 + δⱼ), about 0–1. `None` for outputs of another form.
fn stagewise(outputs: &[&[f32]]) -> Option<f32> {
    let [p @ .., d1, d2, d3, o1, o2, o3] = outputs else { return None };
    let [p1, p2, p3] = p else { return None };
    let mut width = 1.0;
    let mut sum = 0.0;
    for (shares, delta, offsets) in [(p1, d1, o1), (p2, d2, o2), (p3, d3, o3)] {
        let ([delta], 3, 3) = (*delta, shares.len(), offsets.len()) else { return None };
        width *= 3.0 * (1.0 + delta);
        let bins = shares.iter().zip(*offsets).enumerate();
        sum += bins.map(|(bin, (share, offset))| share * (bin as f32 + offset)).sum::<f32>() / width;
    }
    Some(sum)
}

/// The softmax's share of the class "happy". `None` for outputs of another form.
fn happy(outputs: &[&[f32]]) -> Option<f32> {
    let [classes] = outputs else { return None };
    let largest = classes.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = classes.iter().map(|class| (class - largest).exp()).sum();
    (classes.len() == EXPRESSIONS).then(|| (classes[HAPPY] - largest).exp() / sum)
}

/// Moves the odds of `share`, 0–1, so that `middle` becomes a half: a model that was trained on other shares of its classes than it meets
/// leans to one side.
fn centred(share: f32, middle: f32) -> f32 {
    let share = share.clamp(0.0, 1.0);
    let (yes, no) = (share * (1.0 - middle), (1.0 - share) * middle);
    yes / (yes + no)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three stages with the same bins, widths and offsets.
    fn stages(shares: [f32; 3], delta: f32, offset: f32) -> Option<f32> {
        let (delta, offsets) = ([delta], [offset; 3]);
        stagewise(&[&shares, &shares, &shares, &delta, &delta, &delta, &offsets, &offsets, &offsets])
    }

    #[test]
    fn the_stages_are_digits_of_a_number_in_base_three() {
        let close = |value: Option<f32>, wanted: f32| (value.unwrap() - wanted).abs() < 1e-6;
        assert!(close(stages([1.0, 0.0, 0.0], 0.0, 0.0), 0.0));
        // 0.111 and 0.222 in base three.
        assert!(close(stages([0.0, 1.0, 0.0], 0.0, 0.0), 13.0 / 27.0));
        assert!(close(stages([0.0, 0.0, 1.0], 0.0, 0.0), 26.0 / 27.0));
        // Bins of half the number, shifted: 1.5/6 + 1.5/36 + 1.5/216.
        assert!(close(stages([0.0, 1.0, 0.0], 1.0, 0.5), 0.25 + 1.5 / 36.0 + 1.5 / 216.0));
    }

    #[test]
    fn a_smile_is_a_share_of_all_expressions() {
        let mut classes = [2.0; 7];
        assert!((happy(&[&classes]).unwrap() - 1.0 / 7.0).abs() < 1e-6);
        classes[3] = 200.0;
        assert_eq!(happy(&[&classes]), Some(1.0));
    }

    #[test]
    fn a_share_is_centred_on_the_models_middle() {
        for middle in [0.5, 0.75, 0.98] {
            assert!((centred(middle, middle) - 0.5).abs() < 1e-6);
            assert_eq!((centred(-0.1, middle), centred(1.2, middle)), (0.0, 1.0));
            assert!(centred(0.6, middle) < centred(0.7, middle));
        }
        assert_eq!(centred(0.3, 0.5), 0.3);
    }

    #[test]
    fn outputs_of_another_model_are_refused() {
        let three: &[f32] = &[0.3; 3];
        assert_eq!(stagewise(&[three; 9]), None);
        assert_eq!(stagewise(&[three; 8]), None);
        assert_eq!(stagewise(&[]), None);
        assert_eq!(happy(&[three]), None);
        assert_eq!(happy(&[]), None);
    }
}
