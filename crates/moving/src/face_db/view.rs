use std::cell::Cell as Counter;

use super::{FaceDb, FaceDbError};
use crate::pickle::{Array, Cell, Heap, Object, ObjectId, Value};

/// Something in a pickle: a value, or a part of an array.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Value(Value),
    /// A row of a matrix, or an element of an array.
    Part(ObjectId, usize),
}

/// Things one after the other, and how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    id: ObjectId,
    len: usize,
}

impl Sequence {
    pub(super) fn len(self) -> usize {
        self.len
    }
}

/// A pickle's heap, looked at as names and encodings. A list may hold the same thing many times, or itself: what is looked at is
/// counted, and nothing is looked into deeper than the forms ask for.
pub(super) struct View<'p> {
    heap: &'p Heap<'p>,
    dim: usize,
    looks_left: Counter<usize>,
}

/// Looks at things: a record of a list takes some twenty.
const MOST_LOOKS: usize = 50 * FaceDb::MOST_ENCODINGS;

/// Names are cut here; a name that is so long is refused anyway.
const LONGEST_NAME: usize = 300;

/// No network gives a larger number; dlib's are below 1.
const LARGEST_NUMBER: f32 = 1e3;

impl<'p> View<'p> {
    pub(super) fn new(heap: &'p Heap<'p>, dim: usize) -> Self {
        Self { heap, dim, looks_left: Counter::new(MOST_LOOKS) }
    }

    fn look(&self) -> Result<(), FaceDbError> {
        let left = self.looks_left.get().checked_sub(1);
        self.looks_left.set(left.ok_or(FaceDbError::TooMany { most: MOST_LOOKS })?);
        Ok(())
    }

    fn object(&self, item: Item) -> Option<(ObjectId, &'p Object<'p>)> {
        if let Item::Value(Value::Object(id)) = item { Some((id, self.heap.get(id))) } else { None }
    }

    /// The entries of a dict.
    pub(super) fn entries(&self, item: Item) -> Option<Sequence> {
        match self.object(item)? {
            (id, Object::Dict(pairs)) => Some(Sequence { id, len: pairs.len() }),
            _ => None,
        }
    }

    /// Key and value of an entry.
    pub(super) fn entry(&self, entries: Sequence, at: usize) -> Result<(Item, Item), FaceDbError> {
        self.look()?;
        let pair = if let Object::Dict(pairs) = self.heap.get(entries.id) { pairs.get(at).copied() } else { None };
        let (key, value) = pair.unwrap_or((Value::None, Value::None));
        Ok((Item::Value(key), Item::Value(value)))
    }

    /// The entry of a dict under one of these names, whatever their case.
    pub(super) fn entry_named(&self, item: Item, names: &[&str]) -> Result<Option<Item>, FaceDbError> {
        let Some((_, Object::Dict(pairs))) = self.object(item) else { return Ok(None) };
        for name in names {
            for (key, value) in pairs {
                self.look()?;
                if self.heap.text(*key).is_some_and(|key| key.eq_ignore_ascii_case(name)) {
                    return Ok(Some(Item::Value(*value)));
                }
            }
        }
        Ok(None)
    }

    /// What a list, a tuple, a matrix or an array of texts or objects is made of.
    pub(super) fn sequence(&self, item: Item) -> Option<Sequence> {
        let (id, object) = self.object(item)?;
        let len = match object {
            Object::List(items) | Object::Tuple(items) => items.len(),
            Object::Array(array) => match array.shape() {
                [len] if !array.is_of_numbers() => *len,
                [rows, _] => *rows,
                _ => return None,
            },
            _ => return None,
        };
        Some(Sequence { id, len })
    }

    pub(super) fn item(&self, sequence: Sequence, at: usize) -> Result<Item, FaceDbError> {
        self.look()?;
        Ok(match self.heap.get(sequence.id) {
            Object::List(items) | Object::Tuple(items) => Item::Value(items.get(at).copied().unwrap_or(Value::None)),
            Object::Array(array) => match (array.shape(), array.cell(self.heap, at)) {
                ([_], Some(Cell::Value(value))) => Item::Value(value),
                _ => Item::Part(sequence.id, at),
            },
            _ => Item::Value(Value::None),
        })
    }

    /// A row with a text and something that is none: a name with its encoding, in either order.
    pub(super) fn row(&self, item: Item) -> Result<Option<(Item, Item)>, FaceDbError> {
        let Some(row) = self.sequence(item).filter(|row| (2..=8).contains(&row.len())) else { return Ok(None) };
        let items = (0..row.len()).map(|at| self.item(row, at)).collect::<Result<Vec<_>, _>>()?;
        let name = items.iter().find(|item| self.text(**item).is_some());
        let encoding = items.iter().find(|item| self.is_vector(**item) || self.sequence(**item).is_some());
        Ok(name.copied().zip(encoding.copied()))
    }

    /// Whether all of these are names, and there is one.
    pub(super) fn is_of_names(&self, sequence: Sequence) -> Result<bool, FaceDbError> {
        for at in 0..sequence.len() {
            if self.name(self.item(sequence, at)?).is_none() {
                return Ok(false);
            }
        }
        Ok(sequence.len() > 0)
    }

    /// A name; some projects number people.
    pub(super) fn name(&self, item: Item) -> Option<String> {
        if let Item::Value(Value::Int(number)) = item {
            return Some(number.to_string());
        }
        self.text(item)
    }

    fn text(&self, item: Item) -> Option<String> {
        let cut = |text: &str| text.chars().take(LONGEST_NAME).collect();
        match item {
            Item::Value(value) => self.heap.text(value).map(cut),
            Item::Part(id, at) => match self.array(id)?.cell(self.heap, at)? {
                Cell::Text(kind, bytes) => Some(cut(&kind.text(bytes))),
                _ => None,
            },
        }
    }

    fn array(&self, id: ObjectId) -> Option<&'p Array> {
        if let Object::Array(array) = self.heap.get(id) { Some(array) } else { None }
    }

    /// Whether something is numbers in a row, however many.
    pub(super) fn is_vector(&self, item: Item) -> bool {
        match item {
            Item::Part(id, _) => self.array(id).is_some_and(|array| array.shape().len() == 2),
            Item::Value(_) => match self.object(item) {
                Some((_, Object::List(items) | Object::Tuple(items))) => items.first().is_some_and(is_number),
                Some((_, Object::Array(array))) if array.is_of_numbers() => array.shape().len() == 1,
                Some((_, Object::Array(array))) => {
                    matches!((array.shape(), array.cell(self.heap, 0)), ([_], Some(Cell::Value(first))) if is_number(&first))
                }
                _ => false,
            },
        }
    }

    /// The numbers of a vector, or why they are no encoding.
    pub(super) fn vector(&self, item: Item) -> Result<Result<Vec<f32>, String>, FaceDbError> {
        self.look()?;
        let len = self.vector_len(item);
        if len != self.dim {
            return Ok(Err(format!("its encoding has {len} numbers instead of {}", self.dim)));
        }
        let numbers: Option<Vec<f32>> = (0..len).map(|at| self.number(item, at)).collect();
        Ok(match numbers {
            None => Err("its encoding holds something that is no number".to_owned()),
            Some(numbers) if !numbers.iter().all(|number| number.is_finite()) => {
                Err("its encoding holds a number that is not finite".to_owned())
            }
            Some(numbers) if numbers.iter().any(|number| number.abs() > LARGEST_NUMBER) => {
                Err("its encoding holds a number that no network gives".to_owned())
            }
            Some(numbers) if numbers.iter().all(|number| *number == 0.0) => {
                Err("its encoding is all zero, as of a photo without a face".to_owned())
            }
            Some(numbers) => Ok(numbers),
        })
    }

    fn vector_len(&self, item: Item) -> usize {
        match item {
            Item::Part(id, _) => self.array(id).and_then(|array| array.shape().get(1)).copied().unwrap_or(0),
            Item::Value(_) => match self.object(item) {
                Some((_, Object::List(items) | Object::Tuple(items))) => items.len(),
                Some((_, Object::Array(array))) => array.shape().first().copied().unwrap_or(0),
                _ => 0,
            },
        }
    }

    fn number(&self, item: Item, at: usize) -> Option<f32> {
        let cell = match item {
            Item::Part(id, row) => self.array(id)?.cell_of_row(self.heap, row, at)?,
            Item::Value(_) => match self.object(item)?.1 {
                Object::List(items) | Object::Tuple(items) => Cell::Value(*items.get(at)?),
                Object::Array(array) => array.cell(self.heap, at)?,
                _ => return None,
            },
        };
        let number = match cell {
            Cell::Number(number) | Cell::Value(Value::Float(number)) => number,
            #[expect(clippy::cast_precision_loss, reason = "no encoding has numbers that long")]
            Cell::Value(Value::Int(number)) => number as f64,
            _ => return None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "dlib's networks give 32 bits, which Python keeps in 64")]
        Some(number as f32)
    }

    /// What something is, for people.
    pub(super) fn kind(&self, item: Item) -> &'static str {
        let Item::Value(value) = item else { return "a part of an array" };
        match (value, self.heap.object(value)) {
            (Value::None, _) => "nothing (None)",
            (Value::Bool(_), _) => "True or False",
            (Value::Int(_) | Value::Float(_), _) => "a number",
            (_, Some(Object::Text(_))) => "a text",
            (_, Some(Object::Bytes(_))) => "bytes",
            (_, Some(Object::List(items) | Object::Tuple(items))) if items.is_empty() => "an empty list",
            (_, Some(Object::List(_) | Object::Tuple(_))) => "a list",
            (_, Some(Object::Dict(_))) => "a dict",
            (_, Some(Object::Array(_))) => "an array of another shape",
            _ => "something else",
        }
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Float(_))
}
