mod calls;

use std::borrow::Cow;
use std::collections::HashMap;

use super::Pickle;
use super::error::PickleError;
use super::heap::{Heap, Object, ObjectId, Value};
use super::reader::Reader;
use super::text::{quoted, raw_unicode};

/// Runs the few instructions of a pickle that make data. It has no way to call anything: what a pickle calls is looked up in
/// [`Callable`](super::callable::Callable) and done in `calls`.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    reader: Reader<'a>,
    heap: Heap<'a>,
    stack: Vec<Value>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

/// What a value on the stack takes.
const PLACE: usize = 16;
/// What a value in a list takes, with the room that is kept for more.
const ITEM: usize = 32;
/// What a value in the memo takes.
const NOTE: usize = 48;

type Step = Result<(), PickleError>;

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let heap = Heap::of_file(bytes.len());
        Self { reader: Reader::new(bytes), heap, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    /// Runs to the end.
    pub(super) fn run(mut self) -> Result<Pickle<'a>, PickleError> {
        loop {
            let code = self.reader.byte()?;
            if code == b'.' {
                let root = self.pop()?;
                return Ok(Pickle { root, heap: self.heap });
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Step {
        match code {
            0x80 => self.protocol(),
            0x95 => self.reader.take(8).map(|_frame_length| ()),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'I' | b'L' | b'F' | b'J' | b'K' | b'M' | b'G' | 0x8A | 0x8B => self.number(code),
            b'V' | b'X' | 0x8C | 0x8D => self.text(code),
            b'S' | b'T' | b'U' | b'B' | b'C' | 0x8E | 0x96 => self.bytes(code),
            b'(' | b'0' | b'1' | b'2' => self.arrange(code),
            b']' | b')' | b'}' | b'l' | b't' | b'd' | 0x85..=0x87 => self.contain(code),
            b'a' | b'e' | b's' | b'u' => self.fill(code),
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.remember(code),
            b'c' | 0x93 | b'i' => self.global(code),
            b'R' => self.reduce(),
            b'b' => self.build(),
            0x98 => Ok(()),
            0x81 | 0x92 | b'o' => Err(self.reader.broken("it makes objects of classes that no face database has")),
            0x8F..=0x91 => Err(self.reader.broken("it holds a set, in which names and encodings have no order")),
            b'P' | b'Q' | 0x82..=0x84 | 0x97 => Err(self.reader.broken("it refers to something outside of the file")),
            _ => Err(self.reader.broken(format!("there is no instruction {code:#04x}"))),
        }
    }

    fn protocol(&mut self) -> Step {
        match self.reader.byte()? {
            0..=5 => Ok(()),
            newer => Err(self.reader.broken(format!("protocol {newer} is not known"))),
        }
    }

    fn push(&mut self, value: Value) -> Step {
        self.heap.charge(PLACE)?;
        self.stack.push(value);
        Ok(())
    }

    fn push_object(&mut self, object: Object<'a>) -> Step {
        let value = self.heap.put(object)?;
        self.push(value)
    }

    /// The value on top, which must not lie below the last mark.
    fn pop(&mut self) -> Result<Value, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = if self.stack.len() > floor { self.stack.pop() } else { None };
        top.ok_or_else(|| self.reader.broken("it takes from an empty stack"))
    }

    fn top(&self) -> Result<Value, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(<[Value]>::last).copied();
        top.ok_or_else(|| self.reader.broken("it looks at an empty stack"))
    }

    /// Everything above the last mark, which goes with it.
    fn pop_to_mark(&mut self) -> Result<Vec<Value>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| self.reader.broken("it looks for a mark that is not there"))?;
        self.heap.charge(PLACE * (self.stack.len() - mark))?;
        Ok(self.stack.split_off(mark))
    }

    fn number(&mut self, code: u8) -> Step {
        let value = match code {
            b'I' => match self.reader.word()? {
                "00" => Value::Bool(false),
                "01" => Value::Bool(true),
                digits => self.whole(digits)?,
            },
            b'L' => {
                let digits = self.reader.word()?;
                self.whole(digits.strip_suffix('L').unwrap_or(digits))?
            }
            b'F' => {
                let number = self.reader.word()?.parse();
                Value::Float(number.map_err(|_| self.reader.broken("a line that is no number"))?)
            }
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.reader.array()?))),
            b'K' => Value::Int(i64::from(self.reader.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.reader.array()?))),
            b'G' => Value::Float(f64::from_be_bytes(self.reader.array()?)),
            0x8A => self.long(1)?,
            _ => self.long(4)?,
        };
        self.push(value)
    }

    fn whole(&self, digits: &str) -> Result<Value, PickleError> {
        digits
            .parse()
            .map(Value::Int)
            .map_err(|_| self.reader.broken("a line that is no number, or far too large a one"))
    }

    /// A whole number of any length, of which eight bytes are taken.
    fn long(&mut self, length_bytes: usize) -> Result<Value, PickleError> {
        let length = if length_bytes == 1 { self.reader.unsigned::<1>()? } else { self.reader.unsigned::<4>()? };
        if length > 8 {
            return Err(self.reader.broken(format!("a number of {length} bytes is in no face database")));
        }
        let bytes = self.reader.take(length as usize)?;
        let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = if is_negative { [0xFF; 8] } else { [0; 8] };
        whole[..bytes.len()].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(whole)))
    }

    fn text(&mut self, code: u8) -> Step {
        let bytes = match code {
            b'V' => {
                let line = self.reader.line()?;
                self.heap.charge(2 * line.len())?;
                return self.push_object(Object::Text(Cow::Owned(raw_unicode(line))));
            }
            b'X' => self.reader.counted::<4>()?,
            0x8C => self.reader.counted::<1>()?,
            _ => self.reader.counted::<8>()?,
        };
        let text = String::from_utf8_lossy(bytes);
        if let Cow::Owned(text) = &text {
            // Python lets half characters pass; each is shown as one that is not known.
            self.heap.charge(text.len())?;
        }
        self.push_object(Object::Text(text))
    }

    fn bytes(&mut self, code: u8) -> Step {
        let bytes = match code {
            b'S' => {
                let line = self.reader.line()?;
                self.heap.charge(line.len())?;
                let bytes = quoted(line).ok_or_else(|| self.reader.broken("a text without its quotes"))?;
                return self.push_object(Object::Bytes(Cow::Owned(bytes)));
            }
            b'U' | b'C' => self.reader.counted::<1>()?,
            b'T' | b'B' => self.reader.counted::<4>()?,
            _ => self.reader.counted::<8>()?,
        };
        self.push_object(Object::Bytes(Cow::Borrowed(bytes)))
    }

    fn arrange(&mut self, code: u8) -> Step {
        match code {
            b'(' => {
                self.heap.charge(PLACE)?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_to_mark().map(|_| ()),
            _ => {
                let top = self.top()?;
                self.push(top)
            }
        }
    }

    fn contain(&mut self, code: u8) -> Step {
        let object = match code {
            b']' => Object::List(Vec::new()),
            b')' => Object::Tuple(Vec::new()),
            b'}' => Object::Dict(Vec::new()),
            b'l' => Object::List(self.pop_to_mark()?),
            b't' => Object::Tuple(self.pop_to_mark()?),
            b'd' => {
                let items = self.pop_to_mark()?;
                Object::Dict(self.pairs(&items)?)
            }
            _ => {
                let mut items = (0x84..code).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                items.reverse();
                Object::Tuple(items)
            }
        };
        self.push_object(object)
    }

    fn pairs(&mut self, items: &[Value]) -> Result<Vec<(Value, Value)>, PickleError> {
        self.heap.charge(ITEM * items.len())?;
        if items.len() % 2 == 1 {
            return Err(self.reader.broken("a key without a value"));
        }
        Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    fn fill(&mut self, code: u8) -> Step {
        let items = match code {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_to_mark()?,
        };
        self.heap.charge(ITEM * items.len())?;
        let filled = self.top_object()?;
        if matches!(code, b'a' | b'e') {
            let Object::List(list) = self.heap.get_mut(filled) else {
                return Err(self.reader.broken("it appends to what is no list"));
            };
            list.extend(items);
        } else {
            let pairs = self.pairs(&items)?;
            let Object::Dict(dict) = self.heap.get_mut(filled) else {
                return Err(self.reader.broken("it sets an entry of what is no dict"));
            };
            dict.extend(pairs);
        }
        Ok(())
    }

    fn top_object(&self) -> Result<ObjectId, PickleError> {
        match self.top()? {
            Value::Object(id) => Ok(id),
            _ => Err(self.reader.broken("it fills what is no container")),
        }
    }

    fn remember(&mut self, code: u8) -> Step {
        let at = match code {
            b'p' | b'g' => {
                let number = self.reader.word()?.parse();
                number.map_err(|_| self.reader.broken("a note without its number"))?
            }
            b'q' | b'h' => u32::from(self.reader.byte()?),
            b'r' | b'j' => u32::from_le_bytes(self.reader.array()?),
            _ => u32::try_from(self.memo.len()).map_err(|_| self.reader.broken("too many notes"))?,
        };
        if matches!(code, b'g' | b'h' | b'j') {
            let noted = self.memo.get(&at).copied();
            return self.push(noted.ok_or_else(|| self.reader.broken("it recalls what it never noted"))?);
        }
        self.heap.charge(NOTE)?;
        let top = self.top()?;
        self.memo.insert(at, top);
        Ok(())
    }
}
