//! Networks as `dlib/dnn/core.h` writes them: from the loss down to the input each layer says its version, then come the
//! input and, from there upwards, what each layer consists of.

use super::layer::Layer;
use super::not_dlib;
use super::reader::Reader;
use crate::error::ModelsError;

/// Versions by which the kinds of steps are told apart on the way down.
const MARK: i64 = 1;
const LAYER: i64 = 2;
const BOTTOM_LAYER: i64 = 3;

/// dlib's face models have about 150.
const MOST_STEPS: usize = 1000;

/// A network, from its input upwards.
#[derive(Debug)]
pub(super) struct Network {
    /// Rows and columns of its pictures, where they are given.
    pub(super) size: Option<[usize; 2]>,
    pub(super) steps: Vec<Step>,
}

/// One step of a network.
#[derive(Debug)]
pub(super) enum Step {
    /// A layer that computes.
    Layer(Layer),
    /// A tag, by which what is there is remembered, or a skip, which goes on from what was. dlib's file does not say which.
    Mark,
}

pub(super) fn read(bytes: &[u8]) -> Result<Network, ModelsError> {
    let mut reader = Reader::new(bytes);
    reader.version("loss layer", 1)?;
    skip_loss(&mut reader)?;
    let marks = steps_down(&mut reader)?;
    let size = read_input(&mut reader)?;
    let mut steps = vec![Step::Layer(Layer::read(&mut reader)?)];
    skip_state(&mut reader)?;
    // Into how many samples the input makes one picture.
    reader.version("sample expansion", 1)?;
    for is_mark in marks.into_iter().rev() {
        steps.push(if is_mark { Step::Mark } else { read_layer(&mut reader)? });
    }
    reader.end()?;
    Ok(Network { size, steps })
}

/// Which of the steps above the lowest layer are marks, from the top down.
fn steps_down(reader: &mut Reader<'_>) -> Result<Vec<bool>, ModelsError> {
    let mut marks = Vec::new();
    loop {
        match reader.integer()? {
            BOTTOM_LAYER => return Ok(marks),
            step @ (MARK | LAYER) if marks.len() < MOST_STEPS => marks.push(step == MARK),
            other => return Err(not_dlib(format!("it has a step of version {other}, or too many steps"))),
        }
    }
}

fn read_layer(reader: &mut Reader<'_>) -> Result<Step, ModelsError> {
    let layer = Layer::read(reader)?;
    skip_state(reader)?;
    Ok(Step::Layer(layer))
}

/// What a layer keeps from its last run: three flags, two gradients, and its last output.
fn skip_state(reader: &mut Reader<'_>) -> Result<(), ModelsError> {
    for _ in 0..3 {
        reader.flag()?;
    }
    (0..3).try_for_each(|_| reader.tensor().map(drop))
}

/// The loss: of the ResNet its two thresholds, of the detector the size of its window and how it judged boxes.
fn skip_loss(reader: &mut Reader<'_>) -> Result<(), ModelsError> {
    let numbers = match reader.text()? {
        "loss_metric_2" => 2,
        "loss_mmod_" => {
            reader.version("detector's options", 1)?;
            reader.integer()?;
            reader.integer()?;
            7
        }
        other => return Err(not_dlib(format!("it has a loss `{}`, which is not known", other.escape_debug()))),
    };
    (0..numbers).try_for_each(|_| reader.float().map(drop))
}

/// Reads the input layer: its mean colour (which the pack states, too) and, of one that has it, its size.
fn read_input(reader: &mut Reader<'_>) -> Result<Option<[usize; 2]>, ModelsError> {
    let sized = match reader.text()? {
        "input_rgb_image_sized" => true,
        "input_rgb_image_pyramid" => false,
        other => return Err(not_dlib(format!("it has an input `{}`, which is not known", other.escape_debug()))),
    };
    for _ in 0..3 {
        reader.float()?;
    }
    Ok(if sized { Some([reader.size(4096)?, reader.size(4096)?]) } else { None })
}
