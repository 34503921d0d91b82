//! A kernel of the lab's own: the stock one's source and configuration with options that no stock
//! kernel has. It shows its shrinkers in debugfs, and checks the order of locks and that nothing
//! sleeps where it must not.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::DEFAULT_SERIES;
use super::cache::{Cache, key};
use super::command::Log;
use super::kernel::{Kernel, unpack_source};

/// Its name in the place of a series; with a dash and a series behind it, of that series' source.
pub const OWN: &str = "own";

/// The stock series whose source it is built from. None: the series is a stock one itself.
pub fn source_of(series: &str) -> Option<&str> {
    match series.strip_prefix(OWN)? {
        "" => Some(DEFAULT_SERIES),
        other => other.strip_prefix('-'),
    }
}

/// The end of its release.
const LOCAL_VERSION: &str = "-slabscope";

/// Options that it has and stock kernels lack.
const WANTED: &str =
    "SHRINKER_DEBUG PROVE_LOCKING DEBUG_ATOMIC_SLEEP DEBUG_LIST KERNEL_GZIP DEBUG_INFO_NONE";

/// Options that a guest uses, built in: modules are left out.
const BUILT_IN: &str = "XFS_FS BTRFS_FS OVERLAY_FS FUSE_FS BLK_DEV_LOOP";

/// Options that no guest needs, and that take long to build.
const UNWANTED: &str = "KERNEL_ZSTD DEBUG_INFO_BTF DEBUG_INFO_DWARF5 DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT \
                        MODULE_SIG SECURITY_LOCKDOWN_LSM INTEGRITY XEN HYPERV KVM SUSPEND HIBERNATION \
                        IOMMU_SUPPORT ATA SCSI MD USB_SUPPORT ETHERNET HWMON THERMAL IPV6 NETFILTER NET_SCHED \
                        NETWORK_FILESYSTEMS NUMA_BALANCING";

const CONFIGURE: &str = r#"
cd /kernel
sed -E 's/^(CONFIG_[A-Z0-9_]+)=m$/# \1 is not set/' /headers/.config >.config
for option in $1; do scripts/config --enable $option; done
for option in $2; do scripts/config --disable $option; done
make LOCALVERSION=$3 olddefconfig
for option in $1; do grep -qx "CONFIG_$option=y" .config || {
    echo "the configuration does not take CONFIG_$option=y"
    exit 1
}; done
"#;

const COMPILE: &str = r#"
cd /kernel
make -j$(nproc) LOCALVERSION=$1 bzImage modules
make LOCALVERSION=$1 INSTALL_MOD_PATH=/kernel/installed/usr modules_install
release=$(make -s LOCALVERSION=$1 kernelrelease)
test "$release" = "$2" || {
    echo "the kernel calls itself $release instead of $2"
    exit 1
}
cp arch/x86/boot/bzImage installed/usr/lib/modules/$release/vmlinuz
rm installed/usr/lib/modules/$release/build
# What modules are built with stays.
find . \( -name '*.o' -o -name '*.a' -o -name 'vmlinux*' \) ! -path './scripts/*' ! -path './tools/*' -type f -delete
"#;

/// The kernel of our own that is made from a stock one.
pub fn kernel(series: &str, stock: &Kernel) -> Kernel {
    let inputs = [WANTED, BUILT_IN, UNWANTED, CONFIGURE, COMPILE];
    Kernel {
        series: series.to_owned(),
        upstream: stock.upstream.clone(),
        version: format!("{}-{}", stock.version, key(inputs)),
        release: format!("{}{LOCAL_VERSION}", stock.upstream),
        packages: Vec::new(),
    }
}

/// Configures and compiles it. Modules are built in this tree, which holds the kernel, too.
pub fn compile(
    cache: &Cache,
    own: &Kernel,
    stock: &Kernel,
    target: &Path,
    log: &Log,
) -> Result<()> {
    let root = unpack_source(cache, stock, target, log)?;
    let wanted = format!("{WANTED} {BUILT_IN}");
    root.run(CONFIGURE, &[&wanted, UNWANTED, LOCAL_VERSION], log)?;
    root.run(COMPILE, &[LOCAL_VERSION, &own.release], log)
}

/// Puts the kernel in the place of one from packages.
pub fn install(cache: &Cache, own: &Kernel, target: &Path) -> Result<()> {
    let installed = own.build_tree(cache).join("installed");
    fs::rename(&installed, target).with_context(|| format!("cannot move {}", installed.display()))
}
