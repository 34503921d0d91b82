//! Names grouped by their shape.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use slabscope::cache::shapes::{Settled, Shapes};

fn settled<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Settled {
    in_room(4096, names)
}

fn in_room<'a>(room: usize, names: impl IntoIterator<Item = &'a [u8]>) -> Settled {
    let mut shapes = Shapes::with_room(room);
    for name in names {
        shapes.add(name);
    }
    shapes.settle()
}

fn of_text(names: &[&str]) -> Vec<(String, u64)> {
    let settled = settled(names.iter().map(|name| name.as_bytes()));
    assert_eq!(settled.names(), names.len() as u64);
    table(&settled)
}

fn table(settled: &Settled) -> Vec<(String, u64)> {
    let shapes = settled.shapes.iter();
    shapes
        .map(|shape| (shape.to_string(), shape.count))
        .collect()
}

fn shape(text: &str, count: u64) -> (String, u64) {
    (text.into(), count)
}

#[test]
fn names_of_each_kind_have_their_shape() {
    for (names, expected) in [
        (["core.1", "core.22", "core.123456"], "core.<number>"),
        (["lib1.so", "lib22.so", "lib1234567.so"], "lib<number>.so"),
        (
            [
                "sess_00000000000000000000000000000000",
                "sess_0123456789abcdef0123456789abcdef",
                "sess_ffffffffffffffffffffffffffffffff",
            ],
            "sess_<hex32>",
        ),
        (["a-abc123", "a-abcd1234", "a-abcdef"], "a-<hex>"),
        (
            [
                "01234567-89ab-cdef-0123-456789abcdef.tmp",
                "11234567-89ab-cdef-0123-456789abcdef.tmp",
                "21234567-89AB-cdef-0123-456789abcdef.tmp",
            ],
            "<uuid>.tmp",
        ),
        (
            ["tmp.Ab3dEf9hIj", "tmp.k2LmN4pQrS", "tmp.0Zz9yYx8Xw"],
            "tmp.<random10>",
        ),
        (["one.html", "two.html", "threefour.html"], "<text>.html"),
        (
            ["a-<hex32>1", "a-<hex32>2", "a-<hex32>3"],
            "a-\\<hex<number>><number>",
        ),
        (
            ["\u{1b}[1m1", "\u{1b}[1m2", "\u{1b}[1m3"],
            "\\u{1b}[<number>m<number>",
        ),
    ] {
        assert_eq!(of_text(&names), [shape(expected, 3)], "{names:?}");
    }
}

#[test]
fn names_that_are_not_alike_have_no_shape() {
    assert_eq!(of_text(&["nginx", "Makefile", "core.1", ""]), []);
    assert_eq!(of_text(&[]), []);
}

#[test]
fn common_prefix_is_no_part_of_a_random_run() {
    let names = ["fooA1b2C3d", "fooZ9y8X7w", "fooq5R6s7T", "fooU8v9W0x"];
    assert_eq!(of_text(&names), [shape("foo<random7>", 4)]);
    let names = [
        "sess1a2b3c4d",
        "sess9f8e7d6c",
        "sess0a1b2c3d",
        "sessf0e1d2c3",
    ];
    assert_eq!(of_text(&names), [shape("sess<hex8>", 4)]);
}

/// The last `len` digits of a number in a base.
fn digits(mut n: u128, alphabet: &[u8], len: usize) -> String {
    let mut text = Vec::new();
    for _ in 0..len {
        let base = alphabet.len() as u128;
        text.push(alphabet[(n % base) as usize]);
        n /= base;
    }
    String::from_utf8(text).unwrap()
}

const HEX: &[u8] = b"0123456789abcdef";
const BASE62: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The bits of a number, mixed: the same ones each time.
fn mixed(n: u64) -> u128 {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(&n, &mut hasher);
    let high = std::hash::Hasher::finish(&hasher);
    std::hash::Hash::hash(&high, &mut hasher);
    (u128::from(high) << 64) | u128::from(std::hash::Hasher::finish(&hasher))
}

/// Among short random runs some look like words, some like numbers: none is lost.
#[test]
fn thousands_of_names_of_each_shape_are_counted_exactly() {
    let each = 20_000;
    let mut shapes = Shapes::default();
    let mut expected = BTreeSet::new();
    let mut plant = |shape: &str, name: &dyn Fn(u64) -> String| {
        let names: BTreeSet<_> = (0..each).map(name).collect();
        for name in &names {
            shapes.add(name.as_bytes());
        }
        expected.insert((shape.to_owned(), names.len() as u64));
    };
    plant("sess_<hex32>", &|n| {
        format!("sess_{}", digits(mixed(n), HEX, 32))
    });
    plant("h-<hex6>", &|n| format!("h-{}", digits(mixed(n), HEX, 6)));
    plant("core.<number>", &|n| format!("core.{n}"));
    plant("tmp.<random10>", &|n| {
        format!("tmp.{}", digits(mixed(n), BASE62, 10))
    });
    plant(".goutputstream-<random6>", &|n| {
        format!(".goutputstream-{}", digits(mixed(n), BASE62, 6))
    });
    plant("absent<number>", &|n| format!("absent{n:0>12}"));
    plant("<uuid>.tmp", &|n| {
        let hex = digits(mixed(n), HEX, 32);
        let (a, b, c, d, e) = (
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        );
        format!("{a}-{b}-{c}-{d}-{e}.tmp")
    });
    let settled = shapes.settle();
    let found: BTreeSet<_> = table(&settled).into_iter().collect();
    assert_eq!(found, expected);
    assert_eq!((settled.other, settled.crowded), (0, false));
}

#[test]
fn common_ones_of_too_many_shapes_stay_and_no_name_is_lost() {
    let mut shapes = Shapes::default();
    let word = |n| digits(mixed(n), b"ghijklmnopqrstuvwxyz", 12);
    for n in 0..20_000 {
        shapes.add(format!("{}-{}.{}", word(n), n % 100, word(n + 1)).as_bytes());
        shapes.add(format!("core.{n}").as_bytes());
    }
    let settled = shapes.settle();
    assert!(settled.crowded);
    assert_eq!(settled.names(), 40_000);
    assert_eq!(table(&settled)[0], shape("core.<number>", 20_000));
}

/// Any bytes, and names such as programs make.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[a-c0-9A-C._<-]{0,20}".prop_map(String::into_bytes),
        "(core|lib|x)[.-]?[0-9]{1,8}(\\.so|\\.tmp)?".prop_map(String::into_bytes),
        "(tmp\\.|s_|)[a-zA-Z0-9]{6,10}".prop_map(String::into_bytes),
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[0-9]|\\.tmp|)".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn every_name_is_counted_once_and_under_a_shape_it_has(
        names in prop::collection::vec(name(), 0..200),
        room in prop_oneof![Just(4096_usize), 0..40_usize],
    ) {
        let settled = in_room(room, names.iter().map(Vec::as_slice));
        prop_assert_eq!(settled.names(), names.len() as u64);
        let mut counts = vec![0; settled.shapes.len()];
        let mut other = 0;
        for name in &names {
            match settled.of(name) {
                Some(at) => {
                    counts[at] += 1;
                    let shape = &settled.shapes[at];
                    prop_assert!(shape.matches(name), "{} of {:?}", shape, name.escape_ascii());
                }
                None => other += 1,
            }
        }
        prop_assert_eq!(other, settled.other);
        for (shape, count) in settled.shapes.iter().zip(counts) {
            prop_assert_eq!(shape.count, count, "{}", shape);
            prop_assert!(shape.matches(&shape.example));
            prop_assert!(!shape.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn order_of_the_names_makes_no_difference(
        (names, shuffled) in prop::collection::vec(name(), 0..200)
            .prop_flat_map(|names| (Just(names.clone()), Just(names).prop_shuffle())),
        room in prop_oneof![Just(4096_usize), 0..40_usize],
    ) {
        let [a, b] =
            [names, shuffled].map(|names| in_room(room, names.iter().map(Vec::as_slice)));
        prop_assert_eq!(a.crowded, b.crowded);
        prop_assert_eq!(a.shapes, b.shapes);
        prop_assert_eq!(a.other, b.other);
    }
}
