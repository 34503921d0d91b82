//! Names grouped by their shape: `sess_<hex32>`, `core.<number>`, `<uuid>.tmp`, `tmp.<random10>`.
//!
//! One pass, in bounded memory however many names there are, and with the same result in any order
//! of the names. A name is read as a `Key` by itself alone (`name.rs`); what only many names
//! together show, such as that six letters are no word but made by mktemp, is decided once all are
//! read (`settle.rs`). If there are too many keys, the same ones are kept in every order: those
//! with the least text of their own, and among these those of the least hash. The others fold into
//! wider ones and at last into "other shapes", so that no count is a guess.

mod name;
mod settle;

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::base::text::printable_bytes;
use name::{Key, Read};

/// Most keys that are kept at a time: a few MiB at the very worst.
const KEYS: usize = 4096;

/// A part of a shape.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// These very bytes.
    Text(Vec<u8>),
    /// Decimal digits, as many as there are.
    Number,
    /// Hexadecimal digits, letters in one case; None: not always as many.
    Hex(Option<usize>),
    /// `8-4-4-4-12` hexadecimal digits.
    Uuid,
    /// This number of ASCII letters and digits without a meaning.
    Random(usize),
    /// Anything, but at least one byte.
    Any,
}

/// What some of the names have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// From the first byte to the last. [`Part::Any`] is there at most once.
    pub parts: Vec<Part>,
    /// Number of names that have it.
    pub count: u64,
    /// The first of them in the order of their bytes.
    pub example: Vec<u8>,
}

/// As `<hex32>` and the like; text is escaped, `<` as well, so that a name cannot pass for a shape.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => {
                    for c in printable_bytes(text).chars() {
                        if c == '<' {
                            f.write_char('\\')?;
                        }
                        f.write_char(c)?;
                    }
                }
                Part::Number => f.write_str("<number>")?,
                Part::Hex(Some(len)) => write!(f, "<hex{len}>")?,
                Part::Hex(None) => f.write_str("<hex>")?,
                Part::Uuid => f.write_str("<uuid>")?,
                Part::Random(len) => write!(f, "<random{len}>")?,
                Part::Any => f.write_str("<text>")?,
            }
        }
        Ok(())
    }
}

impl Shape {
    /// Whether a name has this shape.
    pub fn matches(&self, name: &[u8]) -> bool {
        let any = self.parts.iter().position(|part| *part == Part::Any);
        let (head, suffix) = match any {
            Some(at) => (&self.parts[..at], self.parts.get(at + 1..)),
            None => (&self.parts[..], None),
        };
        let mut rest = name;
        for part in head {
            match part.taken_from(rest).and_then(|taken| rest.get(taken..)) {
                Some(left) => rest = left,
                None => return false,
            }
        }
        match suffix {
            None => rest.is_empty(),
            Some([]) => !rest.is_empty(),
            Some([Part::Text(suffix)]) => rest.len() > suffix.len() && rest.ends_with(suffix),
            // Nothing but text follows on anything.
            Some(_) => false,
        }
    }
}

impl Part {
    /// Number of bytes at the start of `rest` that the part stands for.
    fn taken_from(&self, rest: &[u8]) -> Option<usize> {
        let run = |is: fn(&u8) -> bool| rest.iter().take_while(|byte| is(byte)).count();
        let some = |len: usize| (len > 0).then_some(len);
        match self {
            Self::Text(text) => rest.starts_with(text).then_some(text.len()),
            Self::Number => some(run(u8::is_ascii_digit)),
            Self::Hex(None) => some(run(u8::is_ascii_hexdigit)),
            Self::Hex(Some(len)) => (run(u8::is_ascii_hexdigit) >= *len).then_some(*len),
            Self::Uuid => name::is_uuid(rest).then_some(name::UUID),
            Self::Random(len) => (run(u8::is_ascii_alphanumeric) >= *len).then_some(*len),
            Self::Any => some(rest.len()),
        }
    }
}

/// Order of the keys: the least are kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Bytes of its own text.
    text: usize,
    hash: u64,
    key: Key,
}

impl Rank {
    fn new(key: Key) -> Self {
        // This hasher has fixed keys: hashes are the same in each run.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self {
            text: key.text(),
            hash: hasher.finish(),
            key,
        }
    }
}

/// The names of one key.
#[derive(Clone, Debug)]
struct Group {
    count: u64,
    /// How many ended in a run that is no word.
    random: u64,
    /// The least of the names, by bytes.
    example: Vec<u8>,
    /// Of the run that may be random: the common prefix, and the kinds of its bytes.
    tail: Option<Tail>,
}

#[derive(Clone, Debug)]
struct Tail {
    /// The longest common prefix.
    prefix: Vec<u8>,
    /// For each byte, the kinds that occurred.
    kinds: Vec<u8>,
}

impl Group {
    fn new(read: &Read<'_>, name: &[u8]) -> Self {
        Self {
            count: 1,
            random: read.is_random.into(),
            example: name.to_vec(),
            tail: read.tail.map(|tail| Tail {
                prefix: tail.to_vec(),
                kinds: tail.iter().map(|&byte| name::kind(byte)).collect(),
            }),
        }
    }

    /// Counts one more.
    fn add(&mut self, read: &Read<'_>, name: &[u8]) {
        self.count += 1;
        self.random += u64::from(read.is_random);
        if *name < *self.example {
            self.example.clear();
            self.example.extend_from_slice(name);
        }
        match (&mut self.tail, read.tail) {
            (Some(tail), Some(other)) => {
                tail.keep(other);
                for (kinds, &byte) in tail.kinds.iter_mut().zip(other) {
                    *kinds |= name::kind(byte);
                }
            }
            (tail, _) => *tail = None,
        }
    }

    /// Counts the names of another as well.
    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.random += other.random;
        if other.example < self.example {
            self.example = other.example;
        }
        match (&mut self.tail, other.tail) {
            (Some(tail), Some(other)) => {
                tail.keep(&other.prefix);
                for (kinds, other) in tail.kinds.iter_mut().zip(other.kinds) {
                    *kinds |= other;
                }
            }
            (tail, _) => *tail = None,
        }
    }
}

impl Tail {
    fn keep(&mut self, other: &[u8]) {
        let pairs = self.prefix.iter().zip(other);
        let common = pairs.take_while(|(a, b)| a == b).count();
        self.prefix.truncate(common);
    }
}

/// Counts names by shape, one after the other.
#[derive(Clone, Debug)]
pub struct Shapes {
    /// The most keys that are kept.
    room: usize,
    groups: BTreeMap<Rank, Group>,
    /// Keys from here on are not kept.
    bound: Option<Rank>,
    /// Names without a shape of their own.
    other: u64,
}

impl Default for Shapes {
    fn default() -> Self {
        Self::with_room(KEYS)
    }
}

impl Shapes {
    /// No names yet, and room for `room` keys: a shape takes one or more.
    pub fn with_room(room: usize) -> Self {
        Self {
            room,
            groups: BTreeMap::new(),
            bound: None,
            other: 0,
        }
    }

    /// Counts a name.
    pub fn add(&mut self, name: &[u8]) {
        let read = Read::new(name);
        let mut key = read.key.clone();
        loop {
            let rank = Rank::new(key);
            if self.bound.as_ref().is_none_or(|bound| rank < *bound) {
                match self.groups.get_mut(&rank) {
                    Some(group) => group.add(&read, name),
                    None => self.put(rank, Group::new(&read, name)),
                }
                return;
            }
            match rank.key.wider() {
                Some(wider) => key = wider,
                None => break,
            }
        }
        self.other += 1;
    }

    /// Keeps a new group, and drops the last one if there are too many.
    fn put(&mut self, rank: Rank, group: Group) {
        let mut left = vec![(rank, group)];
        while let Some((rank, group)) = left.pop() {
            if self.bound.as_ref().is_some_and(|bound| rank >= *bound) {
                match rank.key.wider() {
                    Some(wider) => left.push((Rank::new(wider), group)),
                    None => self.other += group.count,
                }
            } else if let Some(there) = self.groups.get_mut(&rank) {
                there.join(group);
            } else {
                self.groups.insert(rank, group);
                if self.groups.len() > self.room
                    && let Some((rank, group)) = self.groups.pop_last()
                {
                    self.bound = Some(rank.clone());
                    left.push((rank, group));
                }
            }
        }
    }

    /// Number of names that were counted.
    pub fn names(&self) -> u64 {
        self.other + self.groups.values().map(|group| group.count).sum::<u64>()
    }

    /// The shapes, after the last name.
    pub fn settle(self) -> Settled {
        settle::settle(self)
    }
}

/// The shapes of all names.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Those that at least two names have, the most frequent first.
    pub shapes: Vec<Shape>,
    /// Number of names that have none of them.
    pub other: u64,
    /// There were too many shapes to keep: some rare ones may be among `other`.
    pub crowded: bool,
    /// For each key that was kept, the index of its shape.
    of: BTreeMap<Rank, Option<usize>>,
}

impl Settled {
    /// Number of names.
    pub fn names(&self) -> u64 {
        self.other + self.shapes.iter().map(|shape| shape.count).sum::<u64>()
    }

    /// Index of the shape that a counted name was counted under. None: under the others.
    pub fn of(&self, name: &[u8]) -> Option<usize> {
        let mut key = Some(Read::new(name).key);
        while let Some(narrow) = key {
            let rank = Rank::new(narrow);
            if let Some(shape) = self.of.get(&rank) {
                return *shape;
            }
            key = rank.key.wider();
        }
        None
    }
}
