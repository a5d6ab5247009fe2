use super::error::PickleError;

/// What a pickle may name and call. All of it only makes data, and is done here, not by Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callable {
    /// `numpy.core.multiarray._reconstruct`: an array that is filled afterwards.
    Reconstruct,
    /// `numpy.ndarray`, named as what `_reconstruct` is to make.
    NdArray,
    /// `numpy.dtype`: what elements are.
    DType,
    /// `numpy.core.multiarray.scalar`: one element.
    Scalar,
    /// `numpy.core.numeric._frombuffer`: an array of protocol 5.
    FromBuffer,
    /// `collections.OrderedDict`
    OrderedDict,
    /// `collections.defaultdict`
    DefaultDict,
    /// `_codecs.encode`: bytes before protocol 3, written as a text.
    Encode,
    /// `bytes`: none at all, before protocol 3.
    Bytes,
    /// A built-in type that is named (as what a `defaultdict` makes) and never called.
    Type,
}

impl Callable {
    /// What a pickle calls by this name.
    ///
    /// # Errors
    /// Nothing that may be called.
    pub(super) fn named(module: &str, name: &str) -> Result<Self, PickleError> {
        Ok(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Self::Reconstruct,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::Scalar,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::FromBuffer,
            ("numpy", "ndarray") => Self::NdArray,
            ("numpy", "dtype") => Self::DType,
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "defaultdict") => Self::DefaultDict,
            ("_codecs", "encode") => Self::Encode,
            ("builtins" | "__builtin__", "bytes") => Self::Bytes,
            ("builtins" | "__builtin__", "list" | "dict" | "tuple" | "int" | "float" | "str") => Self::Type,
            _ => return Err(refused(module, name)),
        })
    }
}

fn refused(module: &str, name: &str) -> PickleError {
    /// Longer names are cut: they are shown to people.
    const LONGEST: usize = 80;
    let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>();
    let name = format!("{}.{}", shown(module), shown(name));
    if module.starts_with("sklearn") { PickleError::Classifier { name } } else { PickleError::Refused { name } }
}
