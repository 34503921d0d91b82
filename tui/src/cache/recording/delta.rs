//! The figures of all slab caches as what changed since the sample before: a few bytes for each
//! cache that changed, and none for the others.
//!
//! For each such cache in the order of their numbers: by how much its number is greater than that
//! of the one before, a byte of bits (`GONE` and those beside it), and for each bit of a figure by how much that changed.
//! Numbers are LEB128, changes zigzag. Only wrapping arithmetic: a damaged file gives wrong figures or None,
//! and no more.

use std::collections::BTreeMap;

use crate::kernel::source::Cache;

/// What changes of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Objects allocated from it; None: unknown.
    pub active: Option<u64>,
    /// Objects that its slabs have room for.
    pub objects: u64,
    /// Slabs.
    pub slabs: u64,
    /// Slabs with an object allocated; None: unknown.
    pub active_slabs: Option<u64>,
}

impl From<&Cache> for Figures {
    fn from(cache: &Cache) -> Self {
        Self {
            active: cache.active,
            objects: cache.objects,
            slabs: cache.slabs,
            active_slabs: cache.active_slabs,
        }
    }
}

/// All caches of a moment, by their number in the recording.
pub type State = BTreeMap<u32, Figures>;

/// The cache is there no more.
const GONE: u8 = 1;

/// The number of a figure's bit is its place here.
const FIGURES: usize = 4;

impl Figures {
    /// As numbers that hardly change: an unknown one is 0, and slabs without objects stand for those
    /// with some, as SLUB counts none.
    fn numbers(&self) -> [u64; FIGURES] {
        let known = |figure: Option<u64>| figure.map_or(0, |figure| figure.wrapping_add(1));
        let idle = self
            .active_slabs
            .map(|active| self.slabs.wrapping_sub(active));
        [known(self.active), self.objects, self.slabs, known(idle)]
    }

    fn of_numbers([active, objects, slabs, idle]: [u64; FIGURES]) -> Self {
        let known = |number: u64| number.checked_sub(1);
        Self {
            active: known(active),
            objects,
            slabs,
            active_slabs: known(idle).map(|idle| slabs.wrapping_sub(idle)),
        }
    }
}

/// What changed between two moments; from an empty one, all of the other.
pub fn encode(before: &State, now: &State) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0;
    let gone = before.keys().filter(|id| !now.contains_key(id));
    let changed = now
        .iter()
        .filter(|(id, figures)| before.get(id) != Some(figures));
    let mut all: Vec<_> = gone.map(|&id| (id, None)).collect();
    all.extend(changed.map(|(&id, figures)| (id, Some(figures))));
    all.sort_unstable_by_key(|(id, _)| *id);
    for (id, now) in all {
        put(&mut out, u64::from(id - last));
        last = id;
        let Some(now) = now else {
            out.push(GONE);
            continue;
        };
        let before = before.get(&id).copied().unwrap_or_default().numbers();
        let changes: Vec<_> = before
            .iter()
            .zip(now.numbers())
            .map(|(before, now)| now.wrapping_sub(*before))
            .collect();
        let bit = |(place, change): (usize, &u64)| u8::from(*change != 0) << (place + 1);
        out.push(changes.iter().enumerate().map(bit).sum());
        for change in changes.into_iter().filter(|change| *change != 0) {
            put(&mut out, zigzag(change));
        }
    }
    out
}

/// Makes `state` that of the moment after it. None: the bytes are damaged, and so is the state.
pub fn apply(state: &mut State, mut bytes: &[u8]) -> Option<()> {
    let mut id = 0_u32;
    while !bytes.is_empty() {
        id = id.checked_add(u32::try_from(take(&mut bytes)?).ok()?)?;
        let (&bits, rest) = bytes.split_first()?;
        bytes = rest;
        if bits == GONE {
            state.remove(&id);
            continue;
        }
        let figures = state.entry(id).or_default();
        let mut numbers = figures.numbers();
        for (place, number) in numbers.iter_mut().enumerate() {
            if bits & (1 << (place + 1)) != 0 {
                *number = number.wrapping_add(unzigzag(take(&mut bytes)?));
            }
        }
        *figures = Figures::of_numbers(numbers);
    }
    Some(())
}

/// Small changes of either sign as small numbers.
fn zigzag(change: u64) -> u64 {
    (change << 1) ^ (change.cast_signed() >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

/// Seven bits a byte, the lowest first; the eighth says that there is another one.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figures(active: u64, slabs: u64) -> Figures {
        Figures {
            active: Some(active),
            objects: slabs * 21,
            slabs,
            active_slabs: Some(slabs),
        }
    }

    #[test]
    fn unchanged_caches_take_no_byte_and_small_changes_few() {
        let before: State = (0..250)
            .map(|id| (id, figures(1_000_000, 50_000)))
            .collect();
        assert_eq!(encode(&before, &before), [0; 0]);
        let mut now = before.clone();
        for id in [3, 77, 249] {
            now.insert(id, figures(1_000_040, 50_000));
        }
        assert_eq!(
            encode(&before, &now).len(),
            3 * 3 + 1,
            "of 172 the gap takes two bytes"
        );
        assert!(encode(&State::new(), &before).len() < 250 * 14);
    }

    #[test]
    fn change_of_unknown_to_known_and_the_end_of_a_cache_are_kept() {
        let unknown = Figures {
            active: None,
            active_slabs: None,
            ..figures(1, 5)
        };
        let moments = [
            State::new(),
            [(0, Figures::default()), (9, unknown)].into(),
            [(0, figures(7, 1)), (9, figures(1, 5))].into(),
            [(9, unknown)].into(),
        ];
        let mut state = State::new();
        for pair in moments.windows(2) {
            apply(&mut state, &encode(&pair[0], &pair[1])).unwrap();
            assert_eq!(state, pair[1]);
        }
    }

    fn any_state() -> impl Strategy<Value = State> {
        let some = || proptest::option::of(0..u64::MAX / 2);
        let figures = (some(), any::<u64>(), any::<u64>(), some());
        let figures = figures.prop_map(|(active, objects, slabs, idle)| Figures {
            active,
            objects,
            slabs,
            active_slabs: idle.map(|idle| slabs.wrapping_sub(idle)),
        });
        proptest::collection::btree_map(any::<u32>(), figures, 0..8)
    }

    proptest! {
        #[test]
        fn any_two_moments_are_told_apart_exactly(before in any_state(), now in any_state()) {
            let mut state = before.clone();
            apply(&mut state, &encode(&before, &now)).unwrap();
            prop_assert_eq!(state, now);
        }

        #[test]
        fn damaged_bytes_do_no_harm(mut state in any_state(), bytes: Vec<u8>) {
            let _ = apply(&mut state, &bytes);
        }
    }
}
