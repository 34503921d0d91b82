use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, OnceLock};
use std::time::UNIX_EPOCH;

use super::*;
use crate::cache::recording::{Figure, Reader};
use crate::kernel::source::{
    Cache, Cgroup, CgroupMemory, Cgroups, Class, DentryState, InodeNr, Memory, Sample,
};

const SETTINGS: Settings = Settings {
    interval: Duration::from_secs(1),
    samples: Duration::from_secs(3_600),
    minutes: Duration::from_secs(7_200),
    most_bytes: 512 << 20,
};

/// A file in a directory of its own, which is removed at the end.
struct Scratch(PathBuf);

impl std::ops::Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        self
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.with_file_name(""));
    }
}

/// A file that is not there yet.
fn file(name: &str) -> Scratch {
    let name = format!("recording-{name}-{}", std::process::id());
    let directory = crate::private::directory().join(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir(&directory).unwrap();
    Scratch(directory.join("a.slabscope"))
}

fn about(boot: &str) -> About {
    About {
        host: Some("web-07".into()),
        kernel: Some("7.3.4".into()),
        boot: Some(boot.into()),
    }
}

/// A second since a minute of today: the events of a start and a stop are of now.
fn at(second: u64) -> SystemTime {
    static BEGIN: OnceLock<u64> = OnceLock::new();
    let begin = BEGIN.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_secs() / 60 * 60
    });
    UNIX_EPOCH + Duration::from_secs(begin + second)
}

fn cache(name: &str, nth: u32, active: u64) -> Cache {
    Cache {
        name: name.into(),
        nth,
        active: Some(active),
        objects: active.next_multiple_of(21),
        object_size: 192,
        objects_per_slab: 21,
        pages_per_slab: 1,
        active_slabs: Some(active.div_ceil(21)),
        slabs: active.div_ceil(21),
        class: Class::Reclaimable,
        ..Cache::default()
    }
}

/// What a machine reports in this second: some of its caches change.
fn observed(second: u64) -> Observation {
    let mut caches: Vec<_> = (0..20)
        .map(|n| cache(&format!("still-{n}"), 0, 1_000))
        .collect();
    caches.push(cache("dentry", 0, 1_000_000 + second * 37));
    caches.push(cache("nfsd", 0, 5));
    if second % 7 < 5 {
        // Made and destroyed over and over.
        caches.push(cache("nfsd", 1, second));
    }
    for cache in &mut caches {
        cache.twins = u32::from(cache.name == "nfsd" && second % 7 < 5);
    }
    let cgroup = Cgroup {
        path: "job\n1".into(),
        current: Some(90),
        max: Some(100),
        stat: Some(CgroupMemory {
            slab: Some(second),
            slab_reclaimable: Some(second),
            slab_unreclaimable: Some(0),
            ..CgroupMemory::default()
        }),
        ..Cgroup::default()
    };
    Observation {
        at: at(second),
        sample: Sample {
            caches: Ok(caches),
            memory: Ok(Memory {
                total: Some(16 << 30),
                sunreclaim: Some(second << 10),
                ..Memory::default()
            }),
            dentries: Ok(DentryState {
                total: Some(second),
                lru: Some(0),
                lru_negative: None,
            }),
            inodes: Ok(InodeNr {
                total: Some(7),
                lru: Some(3),
            }),
            merged: Arc::default(),
            page_size: Some(4096),
            gaps: Vec::new(),
        },
        cgroups: Arc::new(Ok(Cgroups {
            all: vec![cgroup],
            ..Cgroups::default()
        })),
    }
}

fn record(recorder: &mut Recorder, seconds: std::ops::Range<u64>) {
    for second in seconds {
        recorder
            .add(&observed(second), Duration::from_secs(second))
            .unwrap();
    }
}

fn sorted(sample: &Sample) -> Vec<Cache> {
    let mut caches = sample.caches.clone().unwrap();
    caches.sort_by(|a, b| (&a.name, a.nth).cmp(&(&b.name, b.nth)));
    caches
}

/// The moment of this second is that which was observed.
fn assert_recorded(reader: &Reader, second: u64) {
    let moment = reader.until(at(second)).unwrap().unwrap();
    let observed = observed(second);
    assert_eq!(moment.at, observed.at);
    assert_eq!(sorted(&moment.sample), sorted(&observed.sample), "{second}");
    assert_eq!(moment.sample.memory, observed.sample.memory);
    assert_eq!(moment.sample.dentries, observed.sample.dentries);
    assert_eq!(moment.sample.inodes, observed.sample.inodes);
    assert_eq!(moment.sample.page_size, Some(4096));
}

#[test]
fn every_second_is_read_as_it_was_observed() {
    let path = file("read");
    let mut recorder = Recorder::open(&path, SETTINGS, &about("a")).unwrap();
    record(&mut recorder, 0..700);
    // While it is being written to, too.
    let reader = Reader::open(&path).unwrap();
    for second in [0, 1, 5, 6, 299, 300, 301, 698, 699] {
        assert_recorded(&reader, second);
    }
    assert!(
        reader
            .until(at(0) - Duration::from_secs(1))
            .unwrap()
            .is_none()
    );
    assert_eq!(
        reader
            .from(at(0) - Duration::from_secs(9))
            .unwrap()
            .unwrap()
            .at,
        at(0)
    );
    assert_eq!(reader.span().unwrap(), Some((at(0), at(699))));
    assert_eq!(reader.about().unwrap(), about("a"));
    recorder.close().unwrap();
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    drop(reader);
    assert!(left <= 3, "the file, and what a reader holds open: {left}");
    assert_recorded(&Reader::open(&path).unwrap(), 450);
}

#[test]
fn file_goes_on_after_another_boot_and_tells_the_two() {
    let path = file("boot");
    let mut recorder = Recorder::open(&path, SETTINGS, &about("a")).unwrap();
    record(&mut recorder, 0..10);
    recorder.close().unwrap();
    for (boot, from) in [("a", 20), ("b", 100)] {
        let mut recorder = Recorder::open(&path, SETTINGS, &about(boot)).unwrap();
        record(&mut recorder, from..from + 10);
        recorder.close().unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    for second in [9, 20, 29, 100, 109] {
        assert_recorded(&reader, second);
    }
    let events = reader
        .events(UNIX_EPOCH, SystemTime::now() + Duration::from_secs(1 << 40))
        .unwrap();
    let kinds: Vec<_> = events.iter().map(|event| &*event.kind).collect();
    assert_eq!(
        kinds,
        ["start", "stop", "start", "stop", "boot", "start", "stop"]
    );
}

#[test]
fn jump_of_the_clock_sleep_and_lost_samples_are_events() {
    let second = Duration::from_secs(1);
    let last = Some(Last {
        time: 100_000,
        boot: 50_000,
    });
    let kinds = |time, boot, lost| {
        let events = irregular(last, Last { time, boot }, second, lost);
        events.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(101_000, 51_000, 0), [""; 0]);
    assert_eq!(kinds(3_701_000, 51_000, 0), ["clock"]);
    assert_eq!(kinds(91_000, 51_000, 0), ["clock"]);
    assert_eq!(kinds(7_300_000, 7_250_000, 0), ["gap"]);
    assert_eq!(
        kinds(110_000, 60_000, 9),
        ["lost"],
        "which is why there is a gap"
    );
    assert_eq!(irregular(None, Last { time: 5, boot: 5 }, second, 0), []);
}

#[test]
fn what_is_too_old_goes_and_the_rest_can_be_read() {
    let path = file("retention");
    let settings = Settings {
        samples: Duration::from_secs(600),
        minutes: Duration::from_secs(900),
        ..SETTINGS
    };
    let mut recorder = Recorder::open(&path, settings, &about("a")).unwrap();
    record(&mut recorder, 0..2_400);
    let reader = Reader::open(&path).unwrap();
    for second in [1_750, 1_800, 2_399] {
        assert_recorded(&reader, second);
    }
    assert!(reader.until(at(1_200)).unwrap().is_none());
    assert_eq!(reader.span().unwrap().unwrap().1, at(2_399));
    let minutes = reader
        .machine(Figure::Sunreclaim, at(0), at(2_399))
        .unwrap();
    assert!((15..=17).contains(&minutes.len()), "{}", minutes.len());
    let dentry = reader.cache(&"dentry".into(), at(0), at(2_399)).unwrap();
    assert_eq!(dentry.len(), minutes.len());
    assert!(dentry.is_sorted(), "it grows all the time: {dentry:?}");
}

#[test]
fn file_stays_within_its_bound() {
    let path = file("bound");
    let settings = Settings {
        samples: Duration::from_secs(1 << 30),
        minutes: Duration::from_secs(1 << 30),
        most_bytes: 200 << 10,
        ..SETTINGS
    };
    let mut recorder = Recorder::open(&path, settings, &about("a")).unwrap();
    record(&mut recorder, 0..6_000);
    assert_recorded(&Reader::open(&path).unwrap(), 5_999);
    recorder.close().unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length < 300 << 10, "{length}");
}

#[test]
fn second_recorder_and_foreign_truncated_newer_files_are_refused() {
    let path = file("refused");
    let open = |path: &Path| Recorder::open(path, SETTINGS, &about("a"));
    let mut recorder = open(&path).unwrap();
    record(&mut recorder, 0..10);
    let busy = open(&path).unwrap_err();
    assert!(matches!(busy, RecordingError::Busy(_)), "{busy}");
    recorder.close().unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let whole = std::fs::read(&path).unwrap();

    let put = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        [open(&path).unwrap_err(), Reader::open(&path).unwrap_err()]
    };
    for error in put(b"text of somebody else")
        .into_iter()
        .chain(put(&[7; 4096]))
    {
        assert!(matches!(error, RecordingError::Foreign(_)), "{error}");
    }
    let mut other = whole.clone();
    other[68..72].copy_from_slice(&1_u32.to_be_bytes());
    for error in put(&other) {
        assert!(matches!(error, RecordingError::Foreign(_)), "{error}");
    }
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&(schema::VERSION + 1).to_be_bytes());
    for error in put(&newer) {
        assert!(matches!(error, RecordingError::Newer(_, 2)), "{error}");
    }
    for error in put(&whole[..whole.len() / 2]) {
        assert!(matches!(error, RecordingError::Truncated(..)), "{error}");
        assert!(!error.to_string().is_empty() && !error.remedy().is_empty());
    }
    std::fs::write(&path, &whole).unwrap();
    assert_recorded(&Reader::open(&path).unwrap(), 9);
    let empty = path.with_file_name("empty");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(
        Reader::open(&empty).unwrap_err(),
        RecordingError::Foreign(_)
    ));
    assert!(Reader::open(path.parent().unwrap()).is_err(), "a directory");
}

#[test]
fn damaged_bytes_are_errors_or_wrong_figures_and_no_more() {
    let path = file("damaged");
    let mut recorder = Recorder::open(&path, SETTINGS, &about("a")).unwrap();
    record(&mut recorder, 0..400);
    recorder.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut seed = 1_u64;
    for _ in 0..200 {
        let mut bytes = whole.clone();
        for _ in 0..20 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = 100 + (seed >> 33) as usize % (bytes.len() - 100);
            bytes[place] = (seed >> 24) as u8;
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(reader) = Reader::open(&path) {
            let _ = reader.span();
            let _ = reader
                .until(at(399))
                .map(|moment| moment.map(|moment| moment.sample));
            let _ = reader.events(at(0), at(399));
            let _ = reader.cgroups(at(0), at(399));
        }
    }
}

#[test]
fn ring_in_memory_is_a_whole_recording() {
    let path = file("ring");
    let mut recorder = Recorder::in_memory(SETTINGS, &about("a")).unwrap();
    record(&mut recorder, 0..400);
    trusted::replace(&path, &recorder.bytes().unwrap(), 0o600).unwrap();
    let reader = Reader::open(&path).unwrap();
    for second in [0, 299, 399] {
        assert_recorded(&reader, second);
    }
}

#[test]
fn cgroups_have_their_names_escaped_and_their_growth() {
    let path = file("cgroups");
    let mut recorder = Recorder::open(&path, SETTINGS, &about("a")).unwrap();
    record(&mut recorder, 0..200);
    let path = recorder.path.clone();
    let all = Reader::open(&path)
        .unwrap()
        .cgroups(at(0), at(200))
        .unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].path, "/job\\n1");
    assert_eq!((all[0].first, all[0].limit), (0, Some(100)));
    assert!(all[0].last >= 120, "{all:?}");
}

#[test]
fn unreadable_caches_are_unknown_and_those_after_them_whole() {
    let path = file("unknown");
    let mut recorder = Recorder::open(&path, SETTINGS, &about("a")).unwrap();
    record(&mut recorder, 0..3);
    let mut without = observed(3);
    without.sample.caches = Err(crate::kernel::source::SourceError {
        path: "/proc/slabinfo".into(),
        cause: crate::kernel::source::Cause::Unreadable(
            std::io::ErrorKind::NotFound,
            String::new(),
        ),
    });
    recorder.add(&without, Duration::from_secs(3)).unwrap();
    record(&mut recorder, 4..6);
    let reader = Reader::open(&recorder.path).unwrap();
    assert!(reader.until(at(3)).unwrap().unwrap().sample.caches.is_err());
    for second in [2, 4, 5] {
        assert_recorded(&reader, second);
    }
}

/// 250 caches, of which 80 change each second by up to some thousand objects, and 40 cgroups.
#[test]
fn hour_of_a_busy_machine_takes_three_mebibytes_at_most() {
    let path = file("size");
    let mut recorder = Recorder::open(&path, SETTINGS, &about("a")).unwrap();
    let mut observation = observed(0);
    let mut caches: Vec<_> = (0..250)
        .map(|n| cache(&format!("cache-{n}"), 0, 21 * 10_000))
        .collect();
    let cgroup = |n: u64| Cgroup {
        path: format!("system.slice/job-{n}.service").into(),
        current: Some(1 << 30),
        max: Some(1 << 31),
        stat: Some(CgroupMemory {
            slab: Some(n << 20),
            slab_reclaimable: Some(n << 20),
            slab_unreclaimable: Some(1 << 20),
            ..CgroupMemory::default()
        }),
        ..Cgroup::default()
    };
    observation.cgroups = Arc::new(Ok(Cgroups {
        all: (0..40).map(cgroup).collect(),
        ..Cgroups::default()
    }));
    let mut seed = 1_u64;
    for second in 0..3_600 {
        for _ in 0..80 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let cache = &mut caches[(seed >> 33) as usize % 250];
            let active = 21 * 10_000 + (seed >> 40) % 4_000;
            cache.active = Some(active);
            cache.slabs = active.div_ceil(21);
            cache.active_slabs = Some(cache.slabs);
            cache.objects = cache.slabs * 21;
        }
        observation.at = at(second);
        observation.sample.caches = Ok(caches.clone());
        recorder
            .add(&observation, Duration::from_secs(second))
            .unwrap();
    }
    recorder.close().unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length <= 3 << 20, "{length}");
}
