use std::path::PathBuf;

/// What can go wrong between a file's bytes and a face's embedding.
#[derive(Debug, thiserror::Error)]
pub enum FaceError {
    /// The bytes are no picture that anybody knows.
    #[error("this is not an image: send a JPEG, PNG, WebP or BMP file")]
    NotAnImage,
    /// A picture, but of a kind that is not read.
    #[error("{format} images are not supported: convert it to JPEG, PNG, WebP or BMP")]
    UnsupportedFormat {
        /// The format's usual name.
        format: &'static str,
    },
    /// More pixels than the limit allows: refused before they are decoded.
    #[error("the image has {size}, more than the {limit} megapixels allowed: scale it down")]
    TooManyPixels {
        /// Its size in words.
        size: String,
        /// The limit in millions of pixels.
        limit: u32,
    },
    /// The file starts like a picture and then breaks off or makes no sense.
    #[error("the image file is damaged or cut short ({0}): save it or send it again")]
    Damaged(String),
    /// No face in the picture.
    #[error("no face found in the image: use a photo with one clearly visible face")]
    NoFace,
    /// The only faces are smaller than the pack can use.
    #[error(
        "the face is too small ({width} pixels wide, {min} are needed): use a photo in which it is {good} pixels wide or more"
    )]
    TooSmall {
        /// Width of the largest face's box in pixels.
        width: u32,
        /// The least that is accepted.
        min: u32,
        /// From where on nothing is to be said against it.
        good: u32,
    },
    /// The face is there, but the photo is too poor to recognise anybody by (the pack's gate on the embedding's norm).
    #[error(
        "the face is too unclear to enrol (quality {norm:.2}, at least {min:.2} is needed, {good:.2} is good): use a sharp, well lit photo, \
         facing the camera"
    )]
    TooUnclear {
        /// Length of the raw embedding.
        norm: f32,
        /// The pack's gate.
        min: f32,
        /// From where on nothing is to be said against it.
        good: f32,
    },
    /// The inference library cannot be used.
    #[error("cannot load the inference library {path}: {reason}; run `vultus models pull`")]
    Runtime {
        /// The library's file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A model file cannot be used.
    #[error("cannot load the model {path}: {reason}; run `vultus models verify`")]
    Model {
        /// The model's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model file can be loaded and is another one than its pack describes.
    #[error(
        "the model {path} is not what its pack describes: {problem}. Correct the pack in models.toml, or take another file"
    )]
    NotAsDescribed {
        /// The model's file.
        path: PathBuf,
        /// What the pack says, and what the model has.
        problem: String,
    },
    /// A model beside the main path is wanted and not there.
    #[error(transparent)]
    SideModel(#[from] models::ModelsError),
    /// A model failed while it ran.
    #[error("inference failed: {0}")]
    Inference(String),
    /// The JPEG encoder failed.
    #[error("cannot encode a JPEG: {0}")]
    Jpeg(#[from] turbojpeg::Error),
}

impl From<ort::Error> for FaceError {
    fn from(error: ort::Error) -> Self {
        Self::Inference(error.to_string())
    }
}
