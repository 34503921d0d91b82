//! Packages on a stock Debian: installed, used, built again for another kernel, removed without a trace.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{Case, Context, main_job};
use crate::guest::Guest;
use crate::guest::qemu::Machine;
use crate::setup::command::Log;
use crate::setup::packages;

pub(super) const CASES: &[Case] = &[Case {
    name: "packages::installed_used_and_purged",
    run: |context, _| on_a_machine(context),
}];

/// Of one command in a guest: compilers run in it.
const PATIENCE: Duration = Duration::from_secs(1200);

/// Gives the kernel's modules, which are a disk of their own, to the guest to write to, as they are on a machine;
/// and has the guest forget what the lab has of slabscope.
const PREPARE: &str = r#"
modules=/usr/lib/modules/$(uname -r) kept=/packages.modules
mkdir -p $kept/upper $kept/work /root/.local/state
mount -t overlay overlay -o lowerdir=$modules,upperdir=$kept/upper,workdir=$kept/work $modules
rm /etc/modprobe.d/slabscope.conf /usr/local/bin/slabscope /usr/local/lib/slabscope*.ko
"#;

/// As on a machine with headers.
const HEADERS: &str =
    "ln -sfn /usr/src/linux-headers-$(uname -r) /usr/lib/modules/$(uname -r)/build && depmod";

/// What is on the disk, but for what every command may change.
const FILES: &str = "find / -xdev -not -path '/root/*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' \
     -not -path '/var/cache/*' -not -path '/var/lib/dkms/mok*' -not -path '/var/lib/apt/*' -not -path '/packages*' -not -path '/later*' | sort";

fn on_a_machine(context: &Context<'_>) -> Result<()> {
    let lab = context.lab;
    let log = Log::create(lab.cache.path("logs/packages.log"))?;
    let made = lab.cache.path("packages/out");
    packages::make(&made)?;
    let mut lab = lab.clone();
    lab.root_image = packages::machine(&lab.cache, &lab.kernel, &made, &log)?;
    let machine = Machine {
        reboots: true,
        ..Machine::default()
    };
    let guest = Guest::boot_sized(&lab, machine)?;
    guest.sh(PREPARE)?;
    guest.sh(HEADERS)?;
    let before = guest.sh(FILES)?;
    guest.sh_within(
        "apt-get install -yq --no-install-recommends /packages/slabscope*.deb",
        PATIENCE,
    )?;
    let status = guest.sh("slabscope module status")?;
    ensure!(
        status.contains("front        plain") && status.contains("fits         yes"),
        "{status}"
    );
    ensure!(
        guest.sh("command -v slabscope")?.trim() == "/usr/bin/slabscope",
        "the lab's own program runs"
    );
    main_job::through_the_screen(&guest)?;
    records_as_its_unit_does(&guest)?;
    built_for_a_later_kernel(&guest, &packages::later(&lab.kernel))?;
    guest.reboot()?;
    guest.sh(PREPARE)?;
    loaded_at_boot(&guest)?;
    guest.sh_within("apt-get purge -yq slabscope slabscope-dkms", PATIENCE)?;
    ensure!(
        guest.exec("test -e /dev/slabscope", PATIENCE)?.status != 0,
        "the module is still loaded"
    );
    let later = packages::later(&lab.kernel);
    // What depmod has made for it is no package's.
    guest.sh(&format!(
        "! find /usr/lib/modules/{later} -name '*slabscope*' | grep . && rm -r /usr/lib/modules/{later}"
    ))?;
    let after = guest.sh(FILES)?;
    let left: Vec<&str> = after
        .lines()
        .filter(|line| !before.lines().any(|was| was == *line))
        .filter(|line| !line.contains("linux-headers") && !line.contains("linux-kbuild"))
        .collect();
    ensure!(left.is_empty(), "left behind:\n{}", left.join("\n"));
    from_the_archive(&guest)?;
    guest.poweroff().context("the machine does not end well")
}

/// systemd is not in charge of the guest: it checks the units, and their command runs for a while.
fn records_as_its_unit_does(guest: &Guest) -> Result<()> {
    guest.sh(
        "systemd-analyze verify --man=no /usr/lib/systemd/system/slabscope-*.service
         mkdir /var/lib/slabscope
         record=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/slabscope-record.service | sed \"s/%H/$(uname -n)/\")
         $record & sleep 5; kill $! && wait $!
         slabscope report --json /var/lib/slabscope/*.slabscope | grep -q slabscope.report/1",
    )
    .map(drop)
    .context("the recorder of the package's unit")
}

/// Where there are no packages: with DKMS, and without.
fn from_the_archive(guest: &Guest) -> Result<()> {
    guest.sh("tar -C /opt --strip-components 1 --one-top-level=slabscope -xf /packages/slabscope-*.tar.xz")?;
    for (before, after) in [
        ("true", "true"),
        ("mv /usr/sbin/dkms /root", "mv /root/dkms /usr/sbin"),
    ] {
        guest.sh(before)?;
        guest.sh_within(
            "/opt/slabscope/bin/slabscope module install --yes",
            PATIENCE,
        )?;
        let status = guest.sh("/opt/slabscope/bin/slabscope module status")?;
        ensure!(status.contains("fits         yes"), "{status}");
        guest.sh_within("/opt/slabscope/bin/slabscope module remove --yes", PATIENCE)?;
        guest.sh("test ! -e /dev/slabscope && ! find /usr/lib/modules /usr/src /etc -name '*slabscope*' | grep .")?;
        guest.sh(after)?;
    }
    Ok(())
}

/// The headers that come with another kernel have DKMS build the module for it.
fn built_for_a_later_kernel(guest: &Guest, release: &str) -> Result<()> {
    // Of that kernel the headers are all that is there.
    guest.sh_within(
        &format!("mkdir -p /usr/lib/modules/{release}; dpkg --force-depends -i /later/*.deb"),
        PATIENCE,
    )?;
    let found = guest.sh(&format!(
        "find /usr/lib/modules/{release}/ -name 'slabscope.ko*'"
    ))?;
    ensure!(
        !found.trim().is_empty(),
        "no module for {release}:\n{}",
        guest.sh("dkms status; cat /var/lib/dkms/slabscope/*/build/make.log | tail -30")?
    );
    guest
        .sh(&format!("dpkg -P linux-headers-{release}"))
        .map(drop)
}

/// By systemd's own program, which the guest's first process does not run.
fn loaded_at_boot(guest: &Guest) -> Result<()> {
    guest.sh("test ! -e /dev/slabscope && /usr/lib/systemd/systemd-modules-load && test -c /dev/slabscope")?;
    guest.sh("slabscope module status").map(drop)
}
