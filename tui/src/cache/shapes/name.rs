//! One name, read by itself.

/// Bytes of a UUID.
pub(super) const UUID: usize = 36;

/// From this number of digits on, a run may be hexadecimal, and a word random: mktemp(3) makes six.
const LONG: usize = 6;

/// A piece of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Piece {
    Text(Vec<u8>),
    /// Fewer than [`LONG`] decimal digits, or any number of them once all is settled.
    Number,
    /// This number of decimal digits, of a run that could be hexadecimal or random.
    Digits(usize),
    /// This number of hexadecimal digits, a letter among them.
    Hex(usize),
    Uuid,
    /// A word and this number of decimal digits: `file0001`.
    Word(Vec<u8>, usize),
    /// A run of this number of letters and digits: a word, or random.
    Run(usize),
    Any,
}

/// The key that a name is counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(pub(super) Vec<Piece>);

impl Key {
    /// Bytes of text.
    pub(super) fn text(&self) -> usize {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) | Piece::Word(text, _) => text.len(),
            _ => 0,
        };
        self.0.iter().map(text).sum()
    }

    /// The next wider key. None: it matches anything.
    pub(super) fn wider(&self) -> Option<Self> {
        let at = self.0.iter().position(|p| matches!(p, Piece::Word(..)));
        if let Some((at, Piece::Word(text, digits))) = at.map(|at| (at, &self.0[at]))
            && text.len() + digits >= LONG
        {
            let mut pieces = self.0.clone();
            pieces[at] = Piece::Run(text.len() + digits);
            return Some(Self(pieces));
        }
        let mut pieces = vec![Piece::Any];
        match &self.0[..] {
            [Piece::Any, ..] => return None,
            [before @ .., Piece::Text(text)] => pieces.extend(
                extension(text)
                    .filter(|suffix| !before.is_empty() || suffix.len() < text.len())
                    .map(|suffix| Piece::Text(suffix.to_vec())),
            ),
            _ => {}
        }
        Some(Self(pieces))
    }
}

/// The extension at the end of `text`, with its dot: at most four letters and digits, a letter
/// first.
fn extension(text: &[u8]) -> Option<&[u8]> {
    let at = text.iter().rposition(|&byte| byte == b'.')?;
    let ext = &text[at + 1..];
    let is = ext.len() <= 4
        && ext.first().is_some_and(u8::is_ascii_alphabetic)
        && ext.iter().all(u8::is_ascii_alphanumeric);
    is.then_some(&text[at..])
}

/// A name, read.
pub(super) struct Read<'a> {
    /// The key that it is counted by.
    pub(super) key: Key,
    /// The run of it that may be random.
    pub(super) tail: Option<&'a [u8]>,
    /// Whether [`Self::tail`] is no word.
    pub(super) is_random: bool,
}

impl<'a> Read<'a> {
    pub(super) fn new(name: &'a [u8]) -> Self {
        let (stem, suffix) = split(name);
        let end = stem.iter().rposition(u8::is_ascii_alphanumeric);
        let last = end.map_or(0, |end| end + 1);
        let mut reader = Reader::default();
        let mut at = 0;
        let (mut tail, mut is_random) = (None, false);
        while at < stem.len() {
            let rest = &stem[at..];
            let run = rest
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric())
                .count();
            if run == 0 {
                reader.text(&rest[..1]);
                at += 1;
            } else if is_uuid(rest) {
                reader.put(Piece::Uuid);
                at += UUID;
            } else {
                let is_last = at + run == last;
                if is_last && run >= LONG {
                    tail = Some(&rest[..run]);
                    is_random = reader.tail(&rest[..run]);
                } else {
                    reader.run(&rest[..run]);
                }
                at += run;
            }
        }
        reader.text(suffix);
        let mut key = Key(reader.0);
        if key.0.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            // In one directory there is no other name like it.
            key = key.wider().unwrap_or(key);
        }
        Self {
            key,
            tail,
            is_random,
        }
    }
}

/// The name without its extension, and the extension with its dot. A name that is nothing but an
/// extension has none.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match extension(name) {
        Some(suffix) => {
            let (stem, suffix) = name.split_at(name.len() - suffix.len());
            match stem.last() {
                Some(byte) if byte.is_ascii_alphanumeric() => (stem, suffix),
                _ => (name, &[]),
            }
        }
        None => (name, &[]),
    }
}

#[derive(Default)]
struct Reader(Vec<Piece>);

impl Reader {
    fn put(&mut self, piece: Piece) {
        self.0.push(piece);
    }

    fn text(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Text(text)) => text.extend_from_slice(bytes),
            _ => self.put(Piece::Text(bytes.to_vec())),
        }
    }

    /// Adds the last run of letters and digits of a name; returns whether it is no word.
    fn tail(&mut self, run: &[u8]) -> bool {
        let digits = run.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let (word, _) = run.split_at(run.len() - digits);
        if word.is_empty() || is_hex(run) {
            self.run(run);
            false
        } else if digits > 0 && is_word(word) {
            self.put(Piece::Word(word.to_vec(), digits));
            false
        } else {
            self.put(Piece::Run(run.len()));
            !is_word(run)
        }
    }

    /// Adds a run of letters and digits.
    fn run(&mut self, run: &[u8]) {
        if is_hex(run) {
            let digits = run.iter().all(u8::is_ascii_digit);
            let piece = if digits { Piece::Digits } else { Piece::Hex };
            self.put(piece(run.len()));
            return;
        }
        for part in run.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
            if part[0].is_ascii_digit() {
                self.put(Piece::Number);
            } else {
                self.text(part);
            }
        }
    }
}

/// Whether these could all be hexadecimal digits, decimal ones among them.
fn is_hex(run: &[u8]) -> bool {
    let in_case = |is: fn(&u8) -> bool| {
        run.iter()
            .all(|byte| byte.is_ascii_digit() || (byte.is_ascii_hexdigit() && is(byte)))
    };
    run.len() >= LONG && (in_case(u8::is_ascii_lowercase) || in_case(u8::is_ascii_uppercase))
}

/// `word`, `Word`, `camelCase` or `WORD`.
fn is_word(run: &[u8]) -> bool {
    if run.iter().all(u8::is_ascii_uppercase) {
        return true;
    }
    let upper_then_lower = run
        .windows(2)
        .all(|pair| !pair[0].is_ascii_uppercase() || pair[1].is_ascii_lowercase());
    run.iter().all(u8::is_ascii_alphabetic)
        && upper_then_lower
        && run.last().is_some_and(u8::is_ascii_lowercase)
}

/// Whether a UUID is at the start, and nothing that would go on with it.
pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    let Some(uuid) = bytes.get(..UUID) else {
        return false;
    };
    let is = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    uuid.iter().enumerate().all(is) && !bytes.get(UUID).is_some_and(u8::is_ascii_alphanumeric)
}

/// A decimal digit.
pub(super) const DIGIT: u8 = 1;
/// A hexadecimal digit that is a letter.
pub(super) const LOWER_HEX: u8 = 2;
/// The same, in upper case.
pub(super) const UPPER_HEX: u8 = 4;
const OTHER: u8 = 8;

/// The kind of a byte in a run.
pub(super) fn kind(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b'a'..=b'f' => LOWER_HEX,
        b'A'..=b'F' => UPPER_HEX,
        _ => OTHER,
    }
}
