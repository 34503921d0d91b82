//! Questions on the screen, and how much of them the user has seen: a question is not answered
//! before it was shown.

use super::{InputMode, Model};
use crate::cache::who::Spec;
use crate::kernel::session;

/// A question that `y` answers. Questions are equal only if their plans are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether to prune.
    Prune {
        /// The worker's job that made the plan.
        job: u64,
        /// The chosen mode.
        mode: session::PruneMode,
        /// Dirty files are written first.
        writeback: bool,
    },
    /// Whether to climb a wider rung.
    Rung {
        /// The worker's job that made the plan.
        job: u64,
        /// A plan for something else is being made in its place.
        replanning: Option<u64>,
        /// The question is for a word, as the second step.
        word: bool,
    },
    /// Whether to change a setting of the kernel.
    Setting {
        /// Index in [`crate::reclaim::tune::SETTINGS`].
        which: usize,
        /// Its value.
        from: Option<u64>,
        /// What it would be changed to.
        to: Option<u64>,
    },
    /// Whether to start the trace.
    Who(Spec),
    /// Whether to leave the program and what it has under way.
    Leave,
}

impl Question {
    /// The question on the screen.
    pub fn of(model: &Model) -> Option<Self> {
        Some(match &model.mode {
            InputMode::Confirm(confirm) => Self::Prune {
                job: confirm.job,
                mode: confirm.mode,
                writeback: confirm.writeback,
            },
            InputMode::ConfirmRung(confirm) => Self::Rung {
                job: confirm.job,
                replanning: confirm.replanning,
                word: confirm.word.is_some(),
            },
            InputMode::Settings(settings) => Self::Setting {
                which: settings.at,
                from: settings.value(),
                to: settings.proposed,
            },
            InputMode::ConfirmWho(confirm) => Self::Who(confirm.spec.clone()),
            InputMode::Leave => Self::Leave,
            _ => return None,
        })
    }
}

/// The lines of a question's text that a frame shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InSight {
    /// The first of them.
    pub first: usize,
    /// The line behind the last of them.
    pub end: usize,
    /// Number of lines of the text.
    pub of: usize,
    /// Columns that they are wrapped to.
    pub width: u16,
}

/// The question on the screen, and what the user saw of it.
#[derive(Debug, Default)]
pub struct Asking {
    question: Option<Question>,
    /// Number of questions so far; hiding one and showing it again counts.
    number: u64,
    /// Lines of its text that are above those in sight.
    pub first: usize,
    /// Lines from the first on that were in a frame.
    seen: usize,
    /// All input from before a frame showed it was read.
    idle: bool,
    width: u16,
    /// A key other than the answers was pressed.
    pub urged: bool,
    /// The selected line of the list of wider rungs, which covers the plan.
    pub wider: Option<usize>,
}

/// Whether the question can be answered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is no room for the question.
    Hidden,
    /// It was not shown yet, or pending input is older than it.
    Early,
    /// A part of it has not been on the screen.
    Unread,
    /// All of it was shown.
    Heard,
}

impl Asking {
    /// Begins anew if the question on the screen has changed.
    pub fn follow(&mut self, question: Option<Question>) {
        if self.question != question {
            let number = self.number + 1;
            *self = Self {
                question,
                number,
                ..Self::default()
            };
        }
    }

    /// A frame has shown these lines.
    pub fn drawn(&mut self, sight: InSight) {
        if self.width != sight.width {
            (self.seen, self.width) = (0, sight.width);
        }
        if sight.first <= self.seen {
            self.seen = self.seen.max(sight.end);
        }
    }

    /// The number for a request for empty input, once a frame has shown the question.
    pub fn waits(&self) -> Option<u64> {
        let waits = self.question.is_some() && self.width > 0 && !self.idle;
        waits.then_some(self.number)
    }

    /// The input was empty after the request of this number.
    pub fn idle(&mut self, asked: u64) {
        self.idle |= self.waits() == Some(asked);
    }

    /// The screen may have lost what it showed, and the user may have typed meanwhile.
    pub fn hide(&mut self) {
        self.number += 1;
        (self.seen, self.width, self.idle) = (0, 0, false);
    }

    /// Whether the question can be answered, with this part of it in sight.
    pub fn answer(&self, sight: Option<InSight>) -> Answer {
        match sight {
            None => Answer::Hidden,
            Some(_) if !self.idle => Answer::Early,
            Some(sight) if self.seen < sight.of || self.width != sight.width => Answer::Unread,
            Some(_) => Answer::Heard,
        }
    }

    /// Scrolls, but never past a line that was not shown yet.
    pub fn scroll(&mut self, lines: i64, sight: InSight) {
        let last = sight
            .of
            .saturating_sub(sight.end.saturating_sub(sight.first));
        let lines =
            isize::try_from(lines).unwrap_or(if lines < 0 { isize::MIN } else { isize::MAX });
        let next = match sight.first.checked_add_signed(lines) {
            Some(next) => next,
            None if lines < 0 => 0,
            None => last,
        };
        self.first = next.min(last).min(self.seen.max(sight.first));
    }
}
