use super::heap::{Heap, LONGEST_NAME, Object, ObjectId, Value};

/// What the elements of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementKind {
    kind: u8,
    /// Bytes of one.
    size: usize,
    is_big_endian: bool,
}

impl ElementKind {
    /// By numpy's code: `f8`, `<f4`, `U7`, `O8`. `None` for what is neither a number, nor a text, nor any object of Python.
    pub(super) fn of_code(code: &str) -> Option<Self> {
        let (is_big_endian, code) = match code.as_bytes().first()? {
            b'>' => (true, &code[1..]),
            b'<' | b'=' | b'|' => (false, &code[1..]),
            _ => (false, code),
        };
        let kind = *code.as_bytes().first()?;
        // An object's code may come without the size, which means nothing here.
        let count: usize = if kind == b'O' { 8 } else { code.get(1..)?.parse().ok()? };
        let size = match (kind, count) {
            (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1) | (b'O', _) | (b'S', 1..=LONGEST_NAME) => {
                count
            }
            (b'U', 1..=LONGEST_NAME) => 4 * count,
            _ => return None,
        };
        Some(Self { kind, size, is_big_endian })
    }

    /// With the byte order that is stated afterwards.
    pub(super) fn ordered(self, order: &str) -> Self {
        Self { is_big_endian: order == ">", ..self }
    }

    fn is_number(self) -> bool {
        matches!(self.kind, b'f' | b'i' | b'u')
    }

    /// One element.
    pub(super) fn read(self, bytes: &[u8]) -> Option<Cell<'_>> {
        let bytes = bytes.get(..self.size)?;
        if matches!(self.kind, b'U' | b'S') {
            return Some(Cell::Text(self, bytes));
        }
        let mut ordered = [0; 8];
        let ordered = &mut ordered[..self.size];
        ordered.copy_from_slice(bytes);
        if self.is_big_endian {
            ordered.reverse();
        }
        Some(Cell::Number(self.number(ordered)?))
    }

    /// A number whose bytes are in little-endian order.
    fn number(self, bytes: &[u8]) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no encoding has numbers that long")]
        let whole = |number: i64| number as f64;
        let unsigned = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let unused = 64 - 8 * self.size;
        Some(match (self.kind, self.size) {
            (b'f', 2) => half(u16::from_le_bytes(bytes.try_into().ok()?)),
            (b'f', 4) => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
            (b'f', _) => f64::from_le_bytes(bytes.try_into().ok()?),
            (b'i', _) => whole((unsigned << unused).cast_signed() >> unused),
            _ => whole(i64::try_from(unsigned).unwrap_or(i64::MAX)),
        })
    }

    /// The text in the bytes of an element, without the zeros that fill it up.
    pub(crate) fn text(self, bytes: &[u8]) -> String {
        let text: String = if self.kind == b'U' {
            let unit = |unit: &[u8]| {
                let unit = [unit[0], unit[1], unit[2], unit[3]];
                if self.is_big_endian { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) }
            };
            bytes.chunks_exact(4).map(|c| char::from_u32(unit(c)).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        } else {
            String::from_utf8_lossy(bytes).into_owned()
        };
        text.trim_end_matches('\0').to_owned()
    }
}

/// A number of two bytes.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f64::from(bits & 0x3FF) / 1024.0);
    let size = match exponent {
        0 => fraction * f64::powi(2.0, -14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * f64::powi(2.0, exponent - 15),
    };
    if bits >> 15 == 0 { size } else { -size }
}

/// An element of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A number.
    Number(f64),
    /// A text, in these bytes.
    Text(ElementKind, &'a [u8]),
    /// An object of Python.
    Value(Value),
}

/// An array of numpy.
#[derive(Clone, Debug, Default)]
pub struct Array {
    /// How long it is in each direction; empty for one that was never filled.
    shape: Vec<usize>,
    filled: Option<Filled>,
}

#[derive(Clone, Copy, Debug)]
struct Filled {
    elements: ElementKind,
    is_columns_first: bool,
    /// Bytes, or a list of objects.
    content: ObjectId,
}

impl Array {
    /// More directions than any array of encodings has.
    const MOST_DIRECTIONS: usize = 4;

    /// An array over `content`; `None` when that is not what an array of this shape has.
    pub(super) fn over(
        heap: &Heap<'_>,
        shape: &[Value],
        elements: ElementKind,
        is_columns_first: bool,
        content: ObjectId,
    ) -> Option<Self> {
        if shape.len() > Self::MOST_DIRECTIONS {
            return None;
        }
        let length = |value: &Value| if let Value::Int(n) = value { usize::try_from(*n).ok() } else { None };
        let mut shape: Vec<usize> = shape.iter().map(length).collect::<Option<_>>()?;
        let count = shape.iter().try_fold(1_usize, |count, length| count.checked_mul(*length))?;
        let is_whole = match (heap.get(content), elements.kind) {
            (Object::List(items), b'O') => items.len() == count,
            (Object::Bytes(bytes), b'f' | b'i' | b'u' | b'b' | b'S' | b'U') => {
                count.checked_mul(elements.size) == Some(bytes.len())
            }
            _ => false,
        };
        if count == 0 {
            // However long it claims to be.
            shape = vec![0];
        }
        is_whole.then_some(Self { shape, filled: Some(Filled { elements, is_columns_first, content }) })
    }

    /// How long it is in each direction.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether it holds numbers.
    pub fn is_of_numbers(&self) -> bool {
        self.filled.is_some_and(|filled| filled.elements.is_number())
    }

    /// The element in this place of the array's memory.
    pub fn cell<'h>(&self, heap: &'h Heap<'_>, at: usize) -> Option<Cell<'h>> {
        let Filled { elements, content, .. } = self.filled?;
        match heap.get(content) {
            Object::Bytes(bytes) => elements.read(bytes.get(at.checked_mul(elements.size)?..)?),
            Object::List(items) => items.get(at).copied().map(Cell::Value),
            _ => None,
        }
    }

    /// The element of a matrix.
    pub fn cell_of_row<'h>(&self, heap: &'h Heap<'_>, row: usize, column: usize) -> Option<Cell<'h>> {
        let (&[rows, columns], Some(filled)) = (self.shape.as_slice(), self.filled) else { return None };
        let at = if filled.is_columns_first { column * rows + row } else { row * columns + column };
        self.cell(heap, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(code: &str, bytes: &[u8]) -> f64 {
        match ElementKind::of_code(code).unwrap().read(bytes) {
            Some(Cell::Number(number)) => number,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_of_every_size_and_order_are_read() {
        assert_eq!(number("<f8", &(-1.5_f64).to_le_bytes()), -1.5);
        assert_eq!(number(">f8", &(-1.5_f64).to_be_bytes()), -1.5);
        assert_eq!(number("f4", &0.25_f32.to_le_bytes()), 0.25);
        assert_eq!(number("f2", &[0x00, 0xC0]), -2.0);
        assert_eq!(number("f2", &[0x01, 0x00]), f64::powi(2.0, -24));
        assert!(number("f2", &[0x00, 0x7C]).is_infinite());
        assert_eq!(number("i2", &(-3_i16).to_le_bytes()), -3.0);
        assert_eq!(number(">i4", &(-3_i32).to_be_bytes()), -3.0);
        assert_eq!(number("u1", &[200]), 200.0);
        assert_eq!(number("i8", &i64::MIN.to_le_bytes()), -9_223_372_036_854_775_808.0);
    }

    #[test]
    fn texts_come_without_what_fills_them_up() {
        let wide = ElementKind::of_code("<U3").unwrap();
        assert_eq!(wide.text(&[b'J', 0, 0, 0, 0xE9, 0, 0, 0, 0, 0, 0, 0]), "Jé");
        assert_eq!(ElementKind::of_code("S4").unwrap().text(b"Jo\0\0"), "Jo");
    }

    #[test]
    fn other_kinds_are_none() {
        for code in ["", "f", "f3", "V8", "M8", "c16", "U0", "S0", "U99999999999999999999", "é", ">"] {
            assert_eq!(ElementKind::of_code(code), None, "{code}");
        }
    }
}
