//! The one thing in a sample's figures that stands out most, by rules with thresholds.

use crate::base::text::{bytes, percent, percent_text, printable, short};
use crate::kernel::source::{Cache, Class, Sample};

/// What stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Much memory in slabs that the kernel cannot reclaim.
    Unreclaimable,
    /// Much memory in names cached as absent.
    Negative,
    /// Much memory in slabs that no object occupies.
    Idle,
    /// Much of the memory is slab.
    Slab,
}

impl Rule {
    /// All rules, the worst first: the first that holds is shown.
    pub const ALL: [Self; 4] = [Self::Unreclaimable, Self::Negative, Self::Idle, Self::Slab];

    /// When it holds, for the help.
    pub fn means(self) -> &'static str {
        match self {
            Self::Unreclaimable => {
                "SUnreclaim is 10% of memory or more: nothing frees it but who allocated it"
            }
            Self::Negative => "negatives are half of all dentries, and take 64 MiB or more",
            Self::Idle => "slabs without objects in them are 25% of Slab, and 256 MiB or more",
            Self::Slab => "Slab is 30% of memory or more",
        }
    }

    /// Its words, if it holds.
    fn holds(self, sample: &Sample) -> Option<String> {
        let memory = sample.memory.as_ref().ok();
        let share = |part: u64| percent(part, memory?.total?);
        match self {
            Self::Unreclaimable => {
                let size = memory?.sunreclaim?;
                let share = share(size).filter(|&share| share >= 10)?;
                let most = largest(sample, |cache| cache.class == Class::Unreclaimable);
                Some(format!(
                    "{} unreclaimable, {} of memory{}",
                    bytes(size),
                    percent_text(share),
                    most.unwrap_or_default()
                ))
            }
            Self::Negative => {
                let state = sample.dentries.as_ref().ok()?;
                let negative = state.lru_negative?;
                let share = percent(negative, state.total?).filter(|&share| share >= 50)?;
                let each = sample.cache("dentry")?.object_size;
                let size = negative.saturating_mul(each);
                (size >= 64 << 20).then(|| {
                    format!(
                        "{} in {} negative dentries, {} of all",
                        bytes(size),
                        short(negative as f64),
                        percent_text(share)
                    )
                })
            }
            Self::Idle => {
                let page_size = sample.page_size?;
                let caches = sample.caches.as_ref().ok()?;
                let idle = |cache: &Cache| cache.idle(page_size).unwrap_or(0);
                let sum: u64 = caches.iter().map(idle).fold(0, u64::saturating_add);
                let share = percent(sum, memory?.slab?).filter(|&share| share >= 25)?;
                let most = caches.iter().max_by_key(|cache| idle(cache))?;
                (sum >= 256 << 20).then(|| {
                    format!(
                        "{} of slabs hold no object, {} of Slab, most in {}",
                        bytes(sum),
                        percent_text(share),
                        printable(&*most.name)
                    )
                })
            }
            Self::Slab => {
                let size = memory?.slab?;
                let share = share(size).filter(|&share| share >= 30)?;
                let most = largest(sample, |_| true);
                Some(format!(
                    "Slab is {} of memory{}",
                    percent_text(share),
                    most.unwrap_or_default()
                ))
            }
        }
    }
}

/// The largest cache of a kind, as the end of a sentence.
fn largest(sample: &Sample, is: impl Fn(&Cache) -> bool) -> Option<String> {
    let page_size = sample.page_size?;
    let caches = sample.caches.as_ref().ok()?.iter();
    let size = |cache: &&Cache| cache.size(page_size);
    let most = caches.filter(|cache| is(cache)).max_by_key(size)?;
    Some(format!(", most in {}", printable(&*most.name)))
}

/// The first rule that holds, and its words. None: nothing stands out.
pub fn verdict(sample: &Sample) -> Option<(Rule, String)> {
    let mut rules = Rule::ALL.into_iter();
    rules.find_map(|rule| Some((rule, rule.holds(sample)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::source::{DentryState, Kernel, Memory, Source};

    const GIB: u64 = 1 << 30;

    fn cache(name: &str, class: Class, [active, objects]: [u64; 2]) -> Cache {
        Cache {
            name: name.into(),
            active: Some(active),
            objects,
            object_size: 192,
            objects_per_slab: 21,
            pages_per_slab: 1,
            slabs: objects.div_ceil(21),
            class,
            ..Cache::default()
        }
    }

    /// A machine of 16 GiB on which nothing stands out.
    fn machine() -> Sample {
        Sample {
            memory: Ok(Memory {
                total: Some(16 * GIB),
                slab: Some(2 * GIB),
                sreclaimable: Some(GIB + GIB / 2),
                sunreclaim: Some(GIB / 2),
                ..Memory::default()
            }),
            dentries: Ok(DentryState {
                total: Some(1_000_000),
                lru: Some(900_000),
                lru_negative: Some(100_000),
            }),
            caches: Ok(vec![
                cache("dentry", Class::Reclaimable, [1_000_000, 1_000_000]),
                cache("kmalloc-192", Class::Unreclaimable, [5_000, 5_000]),
            ]),
            page_size: Some(4096),
            ..Kernel::new("/nowhere").sample()
        }
    }

    fn said(
        change: impl FnOnce(&mut Memory, &mut DentryState, &mut Vec<Cache>),
    ) -> Option<(Rule, String)> {
        let mut sample = machine();
        if let (Ok(memory), Ok(state), Ok(caches)) =
            (&mut sample.memory, &mut sample.dentries, &mut sample.caches)
        {
            change(memory, state, caches);
        }
        verdict(&sample)
    }

    #[test]
    fn each_rule_holds_from_its_threshold_on() {
        assert_eq!(said(|_, _, _| {}), None);
        let tenth = 16 * GIB / 10;
        let unreclaimable = |size| said(|memory, _, _| memory.sunreclaim = Some(size));
        assert_eq!(unreclaimable(tenth - (1 << 20)), None);
        let (rule, words) = unreclaimable(tenth + 1).unwrap();
        assert_eq!(rule, Rule::Unreclaimable);
        assert_eq!(
            words,
            "1.6 GiB unreclaimable, 10% of memory, most in kmalloc-192"
        );

        let negative = |count| said(|_, state, _| state.lru_negative = Some(count));
        assert_eq!(negative(499_999), None);
        let (rule, words) = negative(500_000).unwrap();
        assert_eq!(rule, Rule::Negative);
        assert_eq!(words, "91.6 MiB in 500k negative dentries, 50% of all");
        let few = |_: &mut Memory, state: &mut DentryState, _: &mut Vec<Cache>| {
            (state.total, state.lru_negative) = (Some(300_000), Some(299_000));
        };
        assert_eq!(said(few), None, "they take less than 64 MiB");

        let idle = |objects: u64| said(|_, _, caches| caches[0].active = Some(1_000_000 - objects));
        assert_eq!(idle(900_000), None, "a part of Slab that is no quarter");
        let larger = |active| {
            said(|_, _, caches| {
                caches[0] = cache("dentry", Class::Reclaimable, [active, 5_000_000])
            })
        };
        let (rule, words) = larger(1_000_000).unwrap();
        assert_eq!(rule, Rule::Idle);
        assert!(words.ends_with("% of Slab, most in dentry"), "{words}");
        assert_eq!(larger(4_000_000), None);

        let slab = |size| said(|memory, _, _| memory.slab = Some(size));
        assert_eq!(slab(16 * GIB / 100 * 29), None);
        let (rule, words) = slab(16 * GIB / 2).unwrap();
        assert_eq!(rule, Rule::Slab);
        assert_eq!(words, "Slab is 50% of memory, most in dentry");
    }

    #[test]
    fn what_is_not_known_does_not_stand_out() {
        assert_eq!(verdict(&Kernel::new("/nowhere").sample()), None);
        let unknown = |memory: &mut Memory, state: &mut DentryState, _: &mut Vec<Cache>| {
            (memory.total, memory.sunreclaim) = (None, Some(u64::MAX));
            (state.total, state.lru_negative) = (Some(u64::MAX), None);
        };
        assert_eq!(said(unknown), None);
    }
}
