//! Building modules for a kernel: the project's own, and the one that the measurements compare it with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cache::{Cache, key, remove};
use super::command::Log;
use super::kernel::Kernel;
use super::suite::Front;
use super::workspace;

/// A module's source.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Its name.
    pub name: &'static str,
    /// Directory of its source in the workspace.
    dir: &'static str,
    /// Directories below that one with source, and itself.
    below: &'static [&'static str],
    /// Directory of its builds in the cache.
    kept: &'static str,
}

/// The project's.
pub const SLABSCOPE: Module = Module {
    name: "slabscope",
    dir: "kmod",
    below: &["", "plain"],
    kept: "module",
};

/// Demonstration of slab caches and a shrinker, for `cargo lab learn`.
pub const DEMO: Module = Module {
    name: "slabscope_demo",
    dir: "kmod/demo",
    below: &[""],
    kept: "module-demo",
};

/// Calls shrink_dcache_parent() on request. Never shipped.
pub const PEER: Module = Module {
    name: "lab_peer",
    dir: "tests/lab/kmod-bench",
    below: &[""],
    kept: "module-bench",
};

/// Whether a file is source, and not of a build.
fn is_source(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let is_code = matches!(extension, Some("rs" | "c" | "h" | "sh"))
        && !name.ends_with(".mod.c")
        && name != "features.h";
    is_code || matches!(name, "Kbuild" | "Makefile" | "dkms.conf" | "build")
}

/// Source files in a module's directory, in order, by their paths below it.
pub(super) fn sources(module: Module) -> Result<Vec<(String, Vec<u8>)>> {
    let top = workspace().join(module.dir);
    let mut files = Vec::new();
    for below in module.below {
        let dir = top.join(below);
        let entries =
            fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
        for entry in entries {
            let path = entry
                .with_context(|| format!("cannot read {}", dir.display()))?
                .path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_file() && is_source(&name) {
                let content =
                    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let name = path.strip_prefix(&top).unwrap_or(&path);
                files.push((name.to_string_lossy().into_owned(), content));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// What the names of a kernel's builds begin with.
fn prefix(kernel: &Kernel) -> String {
    match kernel.front() {
        Front::Plain => format!("{}-plain-", kernel.release),
        Front::Rust => format!("{}-rust-", kernel.release),
    }
}

/// Path of the module built from the present source for a kernel, whether it exists or not.
pub fn path(cache: &Cache, kernel: &Kernel, module: Module) -> Result<PathBuf> {
    let sources = sources(module)?;
    let text: Vec<_> = sources
        .iter()
        .map(|(name, content)| (name, String::from_utf8_lossy(content)))
        .collect();
    let tree = kernel.build_tree(cache);
    let tree = tree.to_string_lossy();
    let inputs = text
        .iter()
        .flat_map(|(name, content)| [name.as_str(), content.as_ref()]);
    let key = key(inputs.chain([tree.as_ref()]));
    Ok(cache.path(format!(
        "{}/{}{key}/{}.ko",
        module.kept,
        prefix(kernel),
        module.name
    )))
}

/// Compilers, modpost and objtool have nothing to say, but that Debian built the kernel with another compiler.
const BUILD: &str = r#"
cd /module
make $1 >said 2>&1 || { cat said; exit 1; }
cat said
if grep -i 'warning: ' said | grep -v 'the compiler differs'; then
    echo "the build has warnings (see above)"
    exit 1
fi
"#;

/// Builds the module, from a copy of its source.
pub fn build(
    cache: &Cache,
    kernel: &Kernel,
    module: Module,
    target: &Path,
    log: &Log,
) -> Result<()> {
    let dir = cache.path(module.kept).join("build");
    remove(&dir)?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for (name, content) in sources(module)? {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&dir))
            .with_context(|| format!("cannot make a directory for {}", path.display()))?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    // The Rust part of it is the same for all kernels.
    let object = object(cache, module)?.filter(|_| kernel.front() == Front::Plain);
    let made = dir.join(OBJECT);
    if let Some(kept) = object.as_ref().filter(|kept| kept.exists()) {
        fs::copy(kept, &made).with_context(|| format!("cannot copy {}", kept.display()))?;
    }
    kernel
        .chroot(cache)
        .bind(&dir, "/module")
        .run(BUILD, &[&kernel.make_variables()], log)?;
    if let Some(kept) = object.filter(|kept| !kept.exists()) {
        cache.publish(&kept, |partial| {
            fs::copy(&made, partial).with_context(|| format!("cannot copy {}", made.display()))?;
            Ok(())
        })?;
    }
    forget_others(cache, kernel, module, target)?;
    let built = format!("{}.ko", module.name);
    fs::copy(dir.join(&built), target).with_context(|| format!("the build made no {built}"))?;
    Ok(())
}

/// The object of the module's Rust part (kmod/plain/build), in the module's directory.
const OBJECT: &str = "plain/core_rust.o_shipped";

/// What the names of kept ones begin with.
const KEPT: &str = "core-";

/// Where that of the present source is kept, whether it exists or not. None: the module has none.
fn object(cache: &Cache, module: Module) -> Result<Option<PathBuf>> {
    let sources = sources(module)?;
    if !sources.iter().any(|(name, _)| name == "plain/build") {
        return Ok(None);
    }
    let of_it = |name: &str| name.ends_with(".rs") || name == "plain/build";
    let text: Vec<_> = sources
        .iter()
        .filter(|(name, _)| of_it(name))
        .flat_map(|(name, content)| [name.as_str().into(), String::from_utf8_lossy(content)])
        .collect();
    let compilers = super::kernel::compilers_path(cache);
    let compilers = compilers.to_string_lossy();
    let key = key(text.iter().map(AsRef::as_ref).chain([compilers.as_ref()]));
    Ok(Some(cache.path(format!("{}/{KEPT}{key}.o", module.kept))))
}

/// Removes builds for the kernel from earlier sources.
fn forget_others(cache: &Cache, kernel: &Kernel, module: Module, target: &Path) -> Result<()> {
    let prefix = prefix(kernel);
    let object = object(cache, module)?;
    for entry in fs::read_dir(cache.path(module.kept))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let earlier = name.starts_with(&prefix) || name.starts_with(KEPT);
        let wanted = target.starts_with(entry.path()) || object.as_ref() == Some(&entry.path());
        if earlier && !wanted {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    /// features.sh with a compiler that is a shell script.
    fn features(compiler: &str) -> (bool, String, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cc");
        fs::write(&path, format!("#!/bin/sh\ncat >/dev/null\n{compiler}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new("sh")
            .arg(workspace().join("kmod/features.sh"))
            .arg(path)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    #[test]
    fn feature_that_does_not_compile_is_left_out() {
        let (_, all, _) = features("exit 0");
        let (done, some, _) =
            features("echo 'features:3:50: error: implicit declaration' >&2; exit 1");
        assert!(done);
        assert!(all.contains("SLABSCOPE_HAS_SHRINK_LIST"), "{all}");
        assert!(!some.contains("SLABSCOPE_HAS_SHRINK_LIST"), "{some}");
        assert_eq!(some.lines().count() + 1, all.lines().count());
    }

    #[test]
    fn headers_that_do_not_compile_are_no_kernel_without_features() {
        for compiler in [
            "echo '/usr/src/linux/fs.h:1:2: fatal error: no such file' >&2; exit 1",
            "exit 1",
            "exit 127",
        ] {
            let (done, found, said) = features(compiler);
            assert!(!done && found.is_empty(), "{compiler}: {found}");
            assert!(said.contains("headers do not compile"), "{said}");
        }
    }
}
