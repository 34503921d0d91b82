//! What many names together show.

use std::collections::BTreeMap;

use super::name::{DIGIT, Key, LOWER_HEX, Piece, UPPER_HEX};
use super::{Group, Part, Rank, Settled, Shape, Shapes};

/// Least names for a guess about all of them.
const FEW: u64 = 3;

/// A group that becomes a shape.
struct Settling {
    group: Group,
    /// Most of its runs are no words.
    is_random: bool,
    /// The ranks whose names are in it.
    of: Vec<Rank>,
}

type Groups = BTreeMap<Key, Settling>;

pub(super) fn settle(shapes: Shapes) -> Settled {
    let crowded = shapes.bound.is_some();
    let groups = shapes.groups.into_iter().map(|(rank, group)| {
        let of = vec![rank.clone()];
        let is_random = group.random >= FEW && group.random >= group.count / 2;
        let settling = Settling {
            group,
            is_random,
            of,
        };
        (rank.key, settling)
    });
    let mut groups: Groups = groups.collect();
    digits_to_hex(&mut groups);
    runs_to_random(&mut groups);
    finish(groups, shapes.other, crowded)
}

/// Some hexadecimal runs of a length have no letter: they join those that have.
fn digits_to_hex(groups: &mut Groups) {
    let mut keys: Vec<Key> = groups.keys().cloned().collect();
    let digits = |key: &Key| {
        let pieces = key.0.iter();
        pieces
            .filter(|piece| matches!(piece, Piece::Digits(_)))
            .count()
    };
    // One of two runs may have a letter already: those without any are first.
    keys.sort_by_key(|key| std::cmp::Reverse(digits(key)));
    for key in keys {
        for at in 0..key.0.len() {
            let Piece::Digits(len) = key.0[at] else {
                continue;
            };
            let into = with(&key, at, Piece::Hex(len));
            if count(groups, &into) >= count(groups, &key) && merge(groups, &key, &into) {
                break;
            }
        }
    }
}

/// Where most of the runs of a length are no words, those that look like one, or like a number,
/// join them.
fn runs_to_random(groups: &mut Groups) {
    let words = words(groups);
    let keys: Vec<Key> = groups.keys().cloned().collect();
    for key in keys {
        let last = |piece: &Piece| {
            !matches!(
                piece,
                Piece::Text(_) | Piece::Number | Piece::Uuid | Piece::Any
            )
        };
        let Some(at) = key.0.iter().rposition(last) else {
            continue;
        };
        let (len, rare) = match &key.0[at] {
            Piece::Digits(len) | Piece::Hex(len) => (*len, count(groups, &key)),
            Piece::Word(word, digits) => {
                // However many digits follow it, it is one word.
                let total = words.get(&with(&key, at, Piece::Word(word.clone(), 0)));
                let total = total.copied().unwrap_or(0);
                let share = if total < FEW {
                    0
                } else {
                    total.saturating_mul(100)
                };
                (word.len() + digits, share)
            }
            _ => continue,
        };
        let into = with(&key, at, Piece::Run(len));
        let to = groups.get(&into);
        if to.is_some_and(|to| to.is_random && to.group.count >= rare) {
            merge(groups, &key, &into);
        }
    }
}

/// Number of names of each word with digits.
fn words(groups: &Groups) -> BTreeMap<Key, u64> {
    let mut words = BTreeMap::new();
    for (key, settling) in groups {
        let is_word = |piece: &Piece| matches!(piece, Piece::Word(..));
        if let Some(at) = key.0.iter().position(is_word)
            && let Piece::Word(word, _) = &key.0[at]
        {
            let word = with(key, at, Piece::Word(word.clone(), 0));
            *words.entry(word).or_insert(0) += settling.group.count;
        }
    }
    words
}

fn with(key: &Key, at: usize, piece: Piece) -> Key {
    let mut key = key.clone();
    key.0[at] = piece;
    key
}

fn count(groups: &Groups, key: &Key) -> u64 {
    groups.get(key).map_or(0, |settling| settling.group.count)
}

fn merge(groups: &mut Groups, from: &Key, into: &Key) -> bool {
    if !groups.contains_key(into) {
        return false;
    }
    let Some(from) = groups.remove(from) else {
        return false;
    };
    if let Some(into) = groups.get_mut(into) {
        into.group.join(from.group);
        into.of.extend(from.of);
    }
    true
}

/// A shape with the ranks that come to it. Their key has no length of a hexadecimal run.
type Made = BTreeMap<Vec<Part>, (Shape, Vec<Rank>)>;

fn finish(groups: Groups, mut other: u64, crowded: bool) -> Settled {
    let mut made = Made::new();
    for (key, settling) in groups {
        let parts = parts(&key, &settling);
        put(&mut made, parts, settling.group, settling.of);
    }
    let (several, single): (Made, Made) = made
        .into_iter()
        .partition(|(_, (shape, _))| shape.count > 1);
    made = several;
    // What only one name has is no shape; the shape of its extension may be.
    for (shape, of) in single.into_values() {
        let Some(mut key) = of.first().map(|rank| rank.key.clone()) else {
            continue;
        };
        while let Some(wider) = key.wider() {
            key = wider;
        }
        let parts = key.0.iter().filter_map(plain).collect();
        join(&mut made, parts, shape, of);
    }
    let mut shapes = Vec::new();
    let mut index = BTreeMap::new();
    let mut rest = Vec::new();
    for (shape, of) in made.into_values() {
        if shape.count > 1 && shape.parts != [Part::Any] {
            shapes.push((shape, of));
        } else {
            other += shape.count;
            rest.extend(of);
        }
    }
    shapes.sort_by(|(a, _), (b, _)| (b.count, &a.parts).cmp(&(a.count, &b.parts)));
    for (at, (_, of)) in shapes.iter_mut().enumerate() {
        index.extend(of.drain(..).map(|rank| (rank, Some(at))));
    }
    index.extend(rest.into_iter().map(|rank| (rank, None)));
    Settled {
        shapes: shapes.into_iter().map(|(shape, _)| shape).collect(),
        other,
        crowded,
        of: index,
    }
}

fn put(made: &mut Made, parts: Vec<Part>, group: Group, of: Vec<Rank>) {
    let shape = Shape {
        parts: parts.clone(),
        count: group.count,
        example: group.example,
    };
    join(made, parts, shape, of);
}

fn join(made: &mut Made, parts: Vec<Part>, shape: Shape, of: Vec<Rank>) {
    let without_lengths = parts.iter().map(|part| match part {
        Part::Hex(_) => Part::Hex(None),
        part => part.clone(),
    });
    let key: Vec<Part> = without_lengths.collect();
    let Some((there, ranks)) = made.get_mut(&key) else {
        made.insert(key, (Shape { parts, ..shape }, of));
        return;
    };
    for (part, other) in there.parts.iter_mut().zip(parts) {
        if *part != other {
            *part = Part::Hex(None);
        }
    }
    there.count += shape.count;
    if shape.example < there.example {
        there.example = shape.example;
    }
    ranks.extend(of);
}

/// A key as the parts of a shape.
fn parts(key: &Key, settling: &Settling) -> Vec<Part> {
    let mut parts = Vec::new();
    for piece in &key.0 {
        match piece {
            Piece::Word(word, _) => {
                text(&mut parts, word);
                parts.push(Part::Number);
            }
            Piece::Run(len) if settling.is_random => random(&mut parts, *len, &settling.group),
            Piece::Text(bytes) => text(&mut parts, bytes),
            piece => parts.extend(plain(piece)),
        }
    }
    parts
}

fn plain(piece: &Piece) -> Option<Part> {
    Some(match piece {
        Piece::Text(text) => Part::Text(text.clone()),
        Piece::Number | Piece::Digits(_) => Part::Number,
        Piece::Hex(len) => Part::Hex(Some(*len)),
        Piece::Uuid => Part::Uuid,
        Piece::Run(_) | Piece::Any => Part::Any,
        Piece::Word(..) => return None,
    })
}

fn text(parts: &mut Vec<Part>, bytes: &[u8]) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.extend_from_slice(bytes),
        _ => parts.push(Part::Text(bytes.to_vec())),
    }
}

/// Least bytes that are taken for random behind what all names have in common: mktemp(3) makes
/// six.
const RANDOM: usize = 6;

/// A run that is random, except for the common prefix of all of them.
fn random(parts: &mut Vec<Part>, len: usize, group: &Group) {
    let Some(tail) = &group.tail else {
        parts.push(Part::Random(len));
        return;
    };
    let common = tail.prefix.len();
    // Of few names the first letters may be the same by chance.
    let common = if group.count > FEW && len - common.min(len) >= RANDOM {
        common
    } else {
        0
    };
    if common > 0 {
        text(parts, &tail.prefix[..common]);
    }
    let kinds = tail
        .kinds
        .iter()
        .skip(common)
        .fold(0, |all, kind| all | kind);
    parts.push(match kinds {
        DIGIT => Part::Number,
        _ if kinds & !(DIGIT | LOWER_HEX) == 0 || kinds & !(DIGIT | UPPER_HEX) == 0 => {
            Part::Hex(Some(len - common))
        }
        _ => Part::Random(len - common),
    });
}
