//! The pages of docs/learn: an experiment's text, and what was recorded of it.

use std::fmt::Write as _;

use super::run::{PartRecord, Record};
use super::{EXPERIMENTS, Experiment, Part, card, filled};

/// Around what a run has recorded; everything else on a page comes from the experiment.
const BEGIN: &str = "<!-- recorded -->";
const END: &str = "<!-- end -->";

/// The page of an experiment; the tables are empty where nothing was recorded.
pub fn page(experiment: &Experiment, records: &[Record]) -> String {
    let n = experiment.counts[0];
    let mut page = format!("# {}. {}\n\n", experiment.number, experiment.title);
    writeln!(page, "    cargo lab learn {}", experiment.number).ok();
    for text in experiment.about {
        write!(page, "\n{text}\n").ok();
    }
    if !experiment.set_up.is_empty() {
        write!(page, "\nThe scene:\n\n").ok();
        commands(&mut page, experiment.set_up, n);
    }
    for (index, part) in experiment.parts.iter().enumerate() {
        write!(
            page,
            "\n## {}.{} {}\n\n",
            experiment.number,
            index + 1,
            part.title
        )
        .ok();
        write!(page, "{}\n\n", filled(part.text, n)).ok();
        commands(&mut page, part.prepare, n);
        commands(&mut page, part.commands, n);
        write!(page, "\n**Think first:** {}\n\n", filled(part.question, n)).ok();
        let recorded = records
            .iter()
            .filter_map(|record| Some((record, record.parts.get(index)?)));
        write!(
            page,
            "{BEGIN}\n{}{END}\n\n",
            tables(part, recorded.collect())
        )
        .ok();
        writeln!(page, "**Answer:** {}", filled(part.answer, n)).ok();
    }
    write!(page, "\n## Try next\n\n{}\n", experiment.next).ok();
    page
}

fn commands(page: &mut String, commands: &[&str], n: u64) {
    for command in commands {
        writeln!(page, "    {}", filled(command, n)).ok();
    }
}

/// What was recorded of a step: on each kernel, the figures before and after, and the checks.
fn tables(part: &Part, records: Vec<(&Record, &PartRecord)>) -> String {
    let mut text = String::new();
    for (record, done) in records {
        write!(
            text,
            "\nLinux {}, with n = {}:\n\n",
            record.release, record.n
        )
        .ok();
        if let Some(without) = &done.without {
            write!(text, "{without}\n\n").ok();
            continue;
        }
        text.push_str("| figure | before | after |\n| --- | ---: | ---: |\n");
        for (name, before, after) in &done.readings {
            let [before, after] = [*before, *after].map(card::figure);
            writeln!(text, "| {name} | {before} | {after} |").ok();
        }
        text.push_str("\n| check | figure | must be |\n| --- | ---: | --- |\n");
        for (check, came) in part.checks.iter().zip(&done.checks) {
            let figure = card::figure(came.figure.unwrap_or(f64::NAN));
            let bounds = card::bounds(check.low, check.high);
            writeln!(text, "| {} | {figure} | {bounds} |", check.what).ok();
        }
        text.push('\n');
    }
    text
}

/// The page that leads to the others.
pub fn index() -> String {
    let mut page = "# Slab internals you can touch\n\n\
        Each experiment says what to expect and why, runs the real thing on a real kernel in the lab, and checks that it \
        happened.\n\n    cargo lab learn      # the list\n    cargo lab learn 1    # one of them\n\n"
        .to_owned();
    for experiment in EXPERIMENTS {
        writeln!(
            page,
            "{}. [{}]({}.md)",
            experiment.number, experiment.title, experiment.name
        )
        .ok();
    }
    page.push_str(
        "\nThe figures on the pages were recorded by `cargo lab learn --record docs/learn`; \
         `cargo lab test learn` checks them anew, and that each check fails when its step is left out. \
         In an emulated machine times mean nothing; counts and bytes are the same everywhere.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::workspace;

    /// A page without what was recorded.
    fn bare(page: &str) -> String {
        let mut text = String::new();
        let mut recorded = false;
        for line in page.lines() {
            recorded |= line == BEGIN;
            if !recorded {
                text.push_str(line);
                text.push('\n');
            }
            recorded &= line != END;
        }
        text
    }

    fn written(name: &str) -> String {
        let path = workspace().join("docs/learn").join(format!("{name}.md"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[test]
    fn the_pages_are_those_of_the_experiments() {
        for experiment in EXPERIMENTS {
            let page = written(experiment.name);
            assert_eq!(
                bare(&page),
                bare(&super::page(experiment, &[])),
                "cargo lab learn --record docs/learn"
            );
            assert!(
                page.contains("Linux 7."),
                "{} has no figures",
                experiment.name
            );
        }
        assert_eq!(written("README"), index());
    }
}
