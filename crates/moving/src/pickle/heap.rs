use std::borrow::Cow;

use super::array::{Array, ElementKind};
use super::callable::Callable;
use super::error::PickleError;

/// A value of Python. Small ones stand here, all others lie in the [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// Anything else.
    Object(ObjectId),
}

/// Which object of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectId(u32);

/// An object. Those that hold others name them by number, so that an object may be held by many, itself included, and nothing is
/// copied or walked through when all of them go.
#[derive(Debug)]
pub enum Object<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes, or a text of Python 2.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dict of any kind, in its order.
    Dict(Vec<(Value, Value)>),
    /// An array of numpy.
    Array(Array),
    /// What the elements of an array are.
    Elements(ElementKind),
    /// Something that may be called.
    Callable(Callable),
}

/// Where all objects of a pickle lie. What they take is counted before it is taken, and never given back.
#[derive(Debug)]
pub struct Heap<'a> {
    objects: Vec<Object<'a>>,
    left: usize,
    allowed: usize,
}

/// Memory that any pickle may take, in bytes.
const BASE: usize = 16 << 20;
/// Memory that each byte of the file may take: a list of small numbers takes 24 for one.
const EACH_BYTE: usize = 32;
/// Memory that no pickle may exceed.
const MOST: usize = 512 << 20;
/// Longest bytes that may be a name, and longest element of an array of names.
pub(super) const LONGEST_NAME: usize = 4096;
/// What an object takes beside its content.
const OBJECT: usize = 96;

impl<'a> Heap<'a> {
    /// Of a file of this many bytes.
    pub(super) fn of_file(bytes: usize) -> Self {
        let allowed = bytes.saturating_mul(EACH_BYTE).saturating_add(BASE).min(MOST);
        Self { objects: Vec::new(), left: allowed, allowed }
    }

    /// Takes memory before it is used.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), PickleError> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(PickleError::TooMuch { megabytes: self.allowed >> 20 })?;
        Ok(())
    }

    /// Puts an object in, whose content is charged by whoever made it.
    pub(super) fn put(&mut self, object: Object<'a>) -> Result<Value, PickleError> {
        self.charge(OBJECT)?;
        // The memory allowed is spent long before the numbers are.
        let id =
            u32::try_from(self.objects.len()).map_err(|_| PickleError::TooMuch { megabytes: self.allowed >> 20 })?;
        self.objects.push(object);
        Ok(Value::Object(ObjectId(id)))
    }

    /// The object of this number.
    pub fn get(&self, id: ObjectId) -> &Object<'a> {
        &self.objects[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: ObjectId) -> &mut Object<'a> {
        &mut self.objects[id.0 as usize]
    }

    /// The object behind a value, if it is one.
    pub fn object(&self, value: Value) -> Option<&Object<'a>> {
        if let Value::Object(id) = value { Some(self.get(id)) } else { None }
    }

    /// A text; bytes count as one where they are UTF-8 and not long, since Python 2 had no other.
    pub fn text(&self, value: Value) -> Option<&str> {
        match self.object(value)? {
            Object::Text(text) => Some(text),
            // It may be asked of the same bytes very often.
            Object::Bytes(bytes) if bytes.len() <= LONGEST_NAME => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    pub(super) fn tuple(&self, value: Value) -> Option<&[Value]> {
        if let Object::Tuple(items) = self.object(value)? { Some(items) } else { None }
    }
}
