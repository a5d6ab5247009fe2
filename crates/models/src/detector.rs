use serde::Deserialize;

use crate::pack::{Input, ModelFile};

/// The model that finds faces.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorModel {
    /// The model.
    pub file: ModelFile,
    /// How its output is read.
    pub kind: DetectorKind,
    /// How it is fed.
    pub input: Input,
    /// How a picture of another shape is brought into the input; without it, as its kind was trained.
    #[serde(default)]
    pub fit: Option<Fit>,
    /// Boxes scored below this, 0–1, are no faces.
    pub min_score: f32,
    /// Of two boxes that overlap by more than this (intersection over union, 0–1) the better one stays.
    pub nms_iou: f32,
}

impl DetectorModel {
    /// How a picture of another shape is brought into the input.
    pub fn fit(&self) -> Fit {
        self.fit.unwrap_or(self.kind.fit())
    }
}

/// How a picture of another shape than a detector's input is brought into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Stretched to the whole input: faces become wider or narrower.
    Stretch,
    /// As large as it fits, in the upper left corner; black pixels at the right or below.
    Letterbox,
}

/// How a detector's output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetectorKind {
    /// Scores 1×N×2 and normalised corners 1×N×4.
    Ultraface,
    /// CenterFace: heatmap, size, offset and points on a grid of every fourth pixel.
    Centerface,
    /// OpenCV's YuNet (2023 and later): class, object, box and points on grids of every 8th, 16th and 32nd pixel.
    Yunet,
    /// SCRFD with points, as InsightFace exports it: score, box and points for two anchors on the same three grids.
    Scrfd,
    /// dlib's max-margin CNN: a plane of scores over all sizes of the picture side by side.
    Mmod,
}

impl DetectorKind {
    /// Whether it finds the five points of a face as well, so that a pack needs no landmark model.
    pub fn gives_points(self) -> bool {
        match self {
            Self::Ultraface | Self::Mmod => false,
            Self::Centerface | Self::Yunet | Self::Scrfd => true,
        }
    }

    /// Width and height of its input are multiples of this many pixels.
    pub fn step(self) -> u32 {
        match self {
            Self::Ultraface | Self::Mmod => 1,
            Self::Centerface | Self::Yunet | Self::Scrfd => 32,
        }
    }

    /// Its name in a catalogue.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ultraface => "ultraface",
            Self::Centerface => "centerface",
            Self::Yunet => "yunet",
            Self::Scrfd => "scrfd",
            Self::Mmod => "mmod",
        }
    }

    /// How its network was trained to see pictures.
    fn fit(self) -> Fit {
        match self {
            Self::Ultraface => Fit::Stretch,
            Self::Centerface | Self::Yunet | Self::Scrfd | Self::Mmod => Fit::Letterbox,
        }
    }
}
