//! The children of a list that were reported, so that a part that is read again is not reported
//! again: 6 bytes a name, as there may be millions.

/// A hash of a child's number: among a million reported children, a new one is mistaken for one of
/// them once in 280 million times.
type Mark = [u8; 6];

fn mark(child: u64) -> Mark {
    let [a, b, c, d, e, f, _, _] = child.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    [a, b, c, d, e, f]
}

/// Children that were reported, in the kernel's order.
#[derive(Debug, Default)]
pub(super) struct Told {
    told: Vec<Mark>,
    /// Those of them that are yet to be met again, in order.
    again: Vec<Mark>,
}

impl Told {
    /// The program has returned to a place before which `kept` children were reported.
    pub(super) fn keep(&mut self, kept: usize) {
        if kept >= self.told.len() {
            return;
        }
        if self.again.is_empty() {
            self.again = self.told.split_off(kept);
        } else {
            self.again.extend(self.told.drain(kept..));
        }
        self.again.sort_unstable();
        self.again.dedup();
    }

    /// Takes the next child. True: it is reported for the first time.
    pub(super) fn is_new(&mut self, child: u64) -> bool {
        let mark = mark(child);
        self.told.push(mark);
        self.again.binary_search(&mark).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_is_new_once_however_often_a_part_is_read_again() {
        let mut told = Told::default();
        let mut new = |kept: usize, children: &[u64]| -> Vec<u64> {
            told.keep(kept);
            let children = children.iter().copied();
            children.filter(|child| told.is_new(*child)).collect()
        };
        assert_eq!(new(0, &[9, 7, 5]), [9, 7, 5]);
        assert_eq!(new(3, &[4]), [4]);
        // Two are read again, with a new one between them; then all of it.
        assert_eq!(new(2, &[5, 8, 4]), [8]);
        assert_eq!(new(0, &[6, 9, 7, 5]), [6]);
        assert_eq!(new(4, &[8, 4, 3]), [3]);
    }
}
