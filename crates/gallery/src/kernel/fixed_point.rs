//! Numbers of a vector as fixed-point numbers of 32 bits, all of one vector in the same unit.

/// What a head of 1 is worth in units.
const HEAD: f32 = (1 << 24) as f32;

/// The largest head: of vectors with larger numbers the unit is larger.
pub(crate) const MOST_IN_HEAD: i8 = i8::MAX;

/// The least worth of a head of 1, 2⁻¹⁰⁰: a unit, and how many of those come to 1, are still floats.
pub(crate) const LEAST_STEP: f32 = f32::from_bits(27 << 23);

/// The parts of a vector's numbers; as many places in each as it has numbers.
pub(crate) struct Parts<'a> {
    /// The upper eight bits, rounded: one more where the rest, as a signed number of 24 bits, takes it away again.
    pub heads: &'a mut [i8],
    /// The upper eight bits of the rest.
    pub middles: &'a mut [i8],
    /// The lower sixteen.
    pub ends: &'a mut [u16],
}

/// What a head of 1 stands for: a power of two of which no number of the vector is more than [`MOST_IN_HEAD`]; not a number where one of
/// those is none.
pub(crate) fn step_of(vector: &[f32]) -> f32 {
    const EXPONENT: u32 = 0x7F80_0000; // of a float's bits
    let least = largest(vector) / f32::from(MOST_IN_HEAD);
    let power_below = f32::from_bits(least.to_bits() & EXPONENT);
    if least.is_finite() { (2.0 * power_below).max(LEAST_STEP) } else { f32::NAN }
}

/// The size of the largest number; not a number, or infinite, where one is that.
pub(crate) fn largest(vector: &[f32]) -> f32 {
    let bits_of_size = |number: &f32| number.abs().to_bits().cast_signed();
    f32::from_bits(vector.iter().map(bits_of_size).max().unwrap_or_default().cast_unsigned())
}

/// Puts a vector's numbers into their parts; returns the square of the length of what is not in the heads. Units are powers of two, so no bit is lost
/// but what is smaller than one.
#[inline(always)]
pub(crate) fn split(vector: &[f32], step: f32, parts: Parts<'_>) -> f32 {
    const CHUNK: usize = 64;
    const LANES: usize = 8;
    let Parts { heads, middles, ends } = parts;
    let places = heads.chunks_mut(CHUNK).zip(middles.chunks_mut(CHUNK)).zip(ends.chunks_mut(CHUNK));
    let mut squares = [0.0; LANES];
    for (vector, ((heads, middles), ends)) in vector.chunks(CHUNK).zip(places) {
        let mut fixed = [0; CHUNK];
        let mut rests = [0.0; CHUNK];
        for (fixed, number) in fixed.iter_mut().zip(vector) {
            *fixed = of(*number, step);
        }
        for (((head, middle), end), fixed) in heads.iter_mut().zip(middles).zip(ends).zip(&fixed) {
            *head = (fixed.wrapping_add(1 << 23) >> 24) as i8;
            *middle = (fixed >> 16) as i8;
            *end = *fixed as u16;
        }
        for ((rest, number), head) in rests.iter_mut().zip(vector).zip(heads) {
            *rest = number - f32::from(*head) * step;
        }
        for rests in rests.as_chunks::<LANES>().0 {
            squares.iter_mut().zip(rests).for_each(|(square, rest)| *square += rest * rest);
        }
    }
    squares.iter().sum()
}

/// A number in units. In two parts, both small enough for [`whole`]: a loop of it is vectorised, where `as i32` is not.
#[inline(always)]
fn of(number: f32, step: f32) -> i32 {
    const LOWER: f32 = (1 << 16) as f32;
    let upper_unit = step * (LOWER / HEAD);
    let upper = whole(number / upper_unit);
    let rest = number - upper as f32 * upper_unit;
    (upper << 16).wrapping_add(whole(rest * (HEAD / step)))
}

/// The whole number nearest to one that is less than 2²²: next to 1.5 × 2²³ floats are a whole number apart.
#[inline(always)]
pub(crate) fn whole(number: f32) -> i32 {
    const MIDDLE: f32 = 12_582_912.0;
    (number + MIDDLE).to_bits().wrapping_sub(MIDDLE.to_bits()).cast_signed()
}

/// The number of these parts.
#[inline]
pub(crate) fn joined(head: i8, middle: i8, end: u16, step: f32) -> f32 {
    let fixed = (i32::from(head) << 24) + (i32::from(middle) << 16) + i32::from(end);
    fixed as f32 * (step / HEAD)
}
