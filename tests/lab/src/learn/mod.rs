//! The teaching lab: experiments on a real kernel, each as text, commands, a question and checks.
//!
//! An experiment is data ([`Experiment`], one file each); [`run`] runs it in the guest, [`guide`] leads a person through it,
//! [`page`] makes its page in docs/learn, [`host`] is `cargo lab learn`.

#[cfg(test)]
mod book;
mod card;
mod drop_caches;
pub mod guide;
pub mod host;
mod leak;
mod negative;
mod own_cache;
pub mod page;
mod partial;
mod rebound;
pub mod run;
mod seen;
mod shrinker;
mod temporary;
mod tmpfs;

use std::path::Path;

pub use seen::{Probe, Reading, Seen};

/// Something to try and to understand.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// How it is asked for.
    pub number: usize,
    /// Its page's file, and its test's name.
    pub name: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What to expect, and why: paragraphs.
    pub about: &'static [&'static str],
    /// How many names, files or objects `{n}` stands for, with somebody watching and without.
    pub counts: [u64; 2],
    /// What makes its scene.
    pub set_up: &'static [&'static str],
    /// What removes it, in whichever state it is.
    pub clean_up: &'static [&'static str],
    /// Its steps.
    pub parts: &'static [Part],
    /// What to try next.
    pub next: &'static str,
    /// Whether the kernel is not the same afterwards, so that it has a boot of its own.
    pub own_boot: bool,
}

/// A step of an experiment: something is done, and the kernel's figures before and after are compared.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// What is done.
    pub title: &'static str,
    /// What is to be known first.
    pub text: &'static str,
    /// Commands that only make ready.
    pub prepare: &'static [&'static str],
    /// What is read of the kernel before and after.
    pub probes: &'static [Probe],
    /// To think about before the result.
    pub question: &'static str,
    /// The commands.
    pub commands: &'static [&'static str],
    /// What must have come of them.
    pub checks: &'static [Check],
    /// What the question's answer is.
    pub answer: &'static str,
    /// How the program is opened to see it live.
    pub look: Option<Look>,
    /// What the kernel needs for it.
    pub needs: Option<Need>,
}

/// Where the program shows what happens.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The command that opens it.
    pub command: &'static str,
    /// Where to look there.
    pub hint: &'static str,
}

/// A feature that not every kernel has.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// What is there where the kernel has it.
    pub path: &'static str,
    /// What is said where it has not.
    pub without: &'static str,
}

impl Need {
    /// Whether the kernel has it.
    pub fn met(&self) -> bool {
        Path::new(self.path).exists()
    }
}

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What the figure is.
    pub what: &'static str,
    /// The figure; not a number where nothing was done that it could be of.
    pub figure: fn(&Seen) -> f64,
    /// The least it may be.
    pub low: f64,
    /// The most it may be.
    pub high: f64,
}

impl Check {
    /// Whether a figure is within the bounds.
    pub fn holds(&self, figure: f64) -> bool {
        (self.low..=self.high).contains(&figure)
    }
}

/// All experiments, in the order of their numbers.
pub const EXPERIMENTS: [&Experiment; 9] = [
    &negative::EXPERIMENT,
    &tmpfs::EXPERIMENT,
    &temporary::EXPERIMENT,
    &drop_caches::EXPERIMENT,
    &own_cache::EXPERIMENT,
    &shrinker::EXPERIMENT,
    &leak::EXPERIMENT,
    &partial::EXPERIMENT,
    &rebound::EXPERIMENT,
];

/// The experiment with a number.
pub fn find(number: usize) -> Option<&'static Experiment> {
    EXPERIMENTS
        .into_iter()
        .find(|experiment| experiment.number == number)
}

/// The list of experiments, a line each.
pub fn list() -> String {
    let lines = EXPERIMENTS.iter().map(|experiment| {
        let apart = if experiment.own_boot {
            " (in a boot of its own)"
        } else {
            ""
        };
        format!("  {}  {}{apart}\n", experiment.number, experiment.title)
    });
    lines.collect()
}

/// A text with the count in its place.
pub fn filled(text: &str, n: u64) -> String {
    text.replace("{n}", &n.to_string())
}

/// Where the guest finds what the host gives to an experiment: functions of the running kernel's source.
pub const SOURCES: &str = "/run/learn";

/// What makes an ext4 to experiment on, and what removes it.
const EXT4: &str = "mke2fs -q -F -t ext4 -E nodiscard /dev/lab-scratch && mount -o noinit_itable /dev/lab-scratch /mnt/ext4";
const NO_EXT4: &str = "if mountpoint -q /mnt/ext4; then umount /mnt/ext4; fi";

/// What loads the module with caches to play with, and what removes it.
const DEMO: &str = "insmod /usr/local/lib/slabscope_demo.ko";
const NO_DEMO: &str = "if test -e /sys/module/slabscope_demo; then rmmod slabscope_demo; fi";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_list_and_names_are_distinct() {
        let names: std::collections::HashSet<_> = EXPERIMENTS
            .iter()
            .map(|experiment| experiment.name)
            .collect();
        assert_eq!(names.len(), EXPERIMENTS.len());
        for (index, experiment) in EXPERIMENTS.iter().enumerate() {
            assert_eq!(experiment.number, index + 1);
            assert!(!experiment.parts.is_empty() && !experiment.clean_up.is_empty());
        }
    }

    #[test]
    fn every_part_checks_something_that_not_every_figure_passes() {
        for part in EXPERIMENTS.iter().flat_map(|experiment| experiment.parts) {
            assert!(!part.checks.is_empty(), "{}", part.title);
            for check in part.checks {
                assert!(
                    check.low <= check.high && !check.holds(f64::NAN),
                    "{}",
                    check.what
                );
            }
        }
    }

    #[test]
    fn the_program_leads_to_experiments_that_there_are() {
        for lesson in slabscope::cache::notes::LESSONS {
            let title = find(lesson.number).map(|experiment| experiment.title);
            assert_eq!(title, Some(lesson.title));
        }
    }

    #[test]
    fn a_feature_is_there_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap().to_owned();
        let need = |path: String| Need {
            path: path.leak(),
            without: "",
        };
        assert!(need(path.clone()).met());
        assert!(!need(format!("{path}/shrinker")).met());
    }
}
