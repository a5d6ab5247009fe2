//! What a pickle calls, done here: arrays, dicts and texts are made of what it gives.

use std::borrow::Cow;

use super::super::array::{Array, Cell, ElementKind};
use super::super::callable::Callable;
use super::super::heap::{Object, Value};
use super::super::text::latin1;
use super::{ITEM, Machine, Step};

impl Machine<'_> {
    pub(super) fn global(&mut self, code: u8) -> Step {
        let callable = if code == 0x93 {
            let (name, module) = (self.pop()?, self.pop()?);
            let (Some(module), Some(name)) = (self.heap.text(module), self.heap.text(name)) else {
                return Err(self.reader.broken("it calls what has no name"));
            };
            Callable::named(module, name)?
        } else {
            let (module, name) = (self.reader.line()?, self.reader.line()?);
            Callable::named(&String::from_utf8_lossy(module), &String::from_utf8_lossy(name))?
        };
        if code == b'i' {
            return Err(self.reader.broken("it makes objects in a way that no face database does"));
        }
        self.push_object(Object::Callable(callable))
    }

    pub(super) fn reduce(&mut self) -> Step {
        let (given, called) = (self.pop()?, self.pop()?);
        let Some(Object::Callable(called)) = self.heap.object(called) else {
            return Err(self.reader.broken("it calls what cannot be called"));
        };
        let called = *called;
        let Some(arguments) = self.heap.tuple(given) else {
            return Err(self.reader.broken("it calls without arguments"));
        };
        let wrong = || self.reader.broken(format!("it calls {called:?} in a way that is not known"));
        let object = match (called, arguments) {
            (Callable::Reconstruct, _) => Object::Array(Array::default()),
            (Callable::DType, [code, ..]) => {
                let kind = self.heap.text(*code).and_then(ElementKind::of_code);
                Object::Elements(kind.ok_or_else(|| self.reader.broken("an array of neither numbers nor texts"))?)
            }
            (Callable::Scalar, [kind, bytes]) => return self.scalar(*kind, *bytes),
            (Callable::FromBuffer, [content, kind, shape, order]) => {
                let order = self.heap.text(*order).ok_or_else(wrong)?;
                let array = self.array(*shape, *kind, order == "F", *content);
                Object::Array(array.ok_or_else(wrong)?)
            }
            (Callable::OrderedDict | Callable::DefaultDict, []) | (Callable::DefaultDict, [_]) => {
                Object::Dict(Vec::new())
            }
            (Callable::OrderedDict, [pairs]) => return self.dict_of(*pairs),
            (Callable::Bytes, []) => Object::Bytes(Cow::Borrowed(&[])),
            (Callable::Encode, [text, ..]) => return self.encoded(*text),
            _ => return Err(wrong()),
        };
        self.push_object(object)
    }

    fn array(&self, shape: Value, kind: Value, is_columns_first: bool, content: Value) -> Option<Array> {
        let shape = self.heap.tuple(shape)?;
        let Object::Elements(kind) = self.heap.object(kind)? else { return None };
        let Value::Object(content) = content else { return None };
        Array::over(&self.heap, shape, *kind, is_columns_first, content)
    }

    /// One element of numpy, as the plain value that it stands for.
    fn scalar(&mut self, kind: Value, bytes: Value) -> Step {
        let (Some(Object::Elements(kind)), Some(Object::Bytes(bytes))) =
            (self.heap.object(kind), self.heap.object(bytes))
        else {
            return Err(self.reader.broken("a number of numpy without its bytes"));
        };
        match kind.read(bytes) {
            Some(Cell::Number(number)) => self.push(Value::Float(number)),
            Some(Cell::Text(kind, bytes)) => {
                let text = kind.text(bytes);
                self.heap.charge(text.len())?;
                self.push_object(Object::Text(Cow::Owned(text)))
            }
            _ => Err(self.reader.broken("a number of numpy with too few bytes")),
        }
    }

    /// `OrderedDict([[key, value], …])`, as Python 2 writes it.
    fn dict_of(&mut self, pairs: Value) -> Step {
        let Some(Object::List(items)) = self.heap.object(pairs) else {
            return Err(self.reader.broken("a dict of what are no pairs"));
        };
        let pair = |item: &Value| match self.heap.object(*item)? {
            Object::List(pair) | Object::Tuple(pair) => Some((*pair.first()?, *pair.get(1)?)),
            _ => None,
        };
        let pairs: Option<Vec<_>> = items.iter().map(pair).collect();
        let pairs = pairs.ok_or_else(|| self.reader.broken("a dict of what are no pairs"))?;
        self.heap.charge(ITEM * pairs.len())?;
        self.push_object(Object::Dict(pairs))
    }

    /// `_codecs.encode(text, "latin1")`
    fn encoded(&mut self, text: Value) -> Step {
        let length = self.heap.text(text).map_or(0, str::len);
        self.heap.charge(length)?;
        let bytes = self.heap.text(text).and_then(latin1);
        let bytes = bytes.ok_or_else(|| self.reader.broken("bytes that are written as no text of theirs"))?;
        self.push_object(Object::Bytes(Cow::Owned(bytes)))
    }

    /// Gives an array its content, or an element kind its byte order.
    pub(super) fn build(&mut self) -> Step {
        let state = self.pop()?;
        let built = self.top_object()?;
        let state = self.heap.tuple(state).ok_or_else(|| self.reader.broken("it builds without a state"))?;
        let object = match (self.heap.get(built), state) {
            (Object::Array(_), [_version, shape, kind, is_columns_first, content]) => {
                let array = self.array(*shape, *kind, *is_columns_first == Value::Bool(true), *content);
                array.map(Object::Array)
            }
            (Object::Elements(kind), [_version, order, ..]) => {
                self.heap.text(*order).map(|order| Object::Elements(kind.ordered(order)))
            }
            _ => None,
        };
        let object = object.ok_or_else(|| self.reader.broken("an array whose content does not fit its shape"))?;
        *self.heap.get_mut(built) = object;
        Ok(())
    }
}
