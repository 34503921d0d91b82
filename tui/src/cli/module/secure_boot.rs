//! Secure Boot: where it is on, the kernel loads only modules that are signed by a key it trusts.

use std::fs;
use std::path::Path;

/// What the kernel shows of the firmware.
const EFI: &str = "/sys/firmware/efi";

/// Whether the firmware checks what it boots; None: unknown. Without EFI there is no such thing.
fn read(efi: &Path) -> Option<bool> {
    if !efi.exists() {
        return Some(false);
    }
    // Four bytes of attributes come first: Documentation/filesystems/efivarfs.rst.
    let variable = efi.join("efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
    match fs::read(variable) {
        Ok(bytes) => bytes.get(4).map(|value| *value == 1),
        Err(_) => None,
    }
}

/// Whether it is on; None: unknown.
pub fn state() -> Option<bool> {
    read(Path::new(EFI))
}

/// The keys by which DKMS signs (dkms(8)), on Debian and on Ubuntu.
const KEYS: [&str; 2] = ["/var/lib/dkms/mok.pub", "/var/lib/shim-signed/mok/MOK.der"];

/// What has to be done once, so that the kernel trusts what DKMS signs.
pub fn enrol() -> String {
    let key = KEYS.into_iter().find(|key| Path::new(key).exists());
    format!(
        "once: mokutil --import {}, then reboot and confirm it",
        key.unwrap_or(KEYS[0])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secure_boot_is_the_byte_behind_the_attributes() {
        let dir = crate::private::directory().join(format!("efi-{}", std::process::id()));
        assert_eq!(read(&dir), Some(false));
        fs::create_dir_all(dir.join("efivars")).unwrap();
        assert_eq!(read(&dir), None);
        let variable = dir.join("efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
        for (byte, on) in [(1, true), (0, false)] {
            fs::write(&variable, [6, 0, 0, 0, byte]).unwrap();
            assert_eq!(read(&dir), Some(on));
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
