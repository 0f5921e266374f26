//! Checksums made right, whatever stands under them.

use mispair::wire::Checksum;

/// Makes the checksums of a file right, as far as its table can be followed.
pub fn seal(bytes: &mut [u8]) {
    if bytes.len() < 48 {
        return;
    }
    let (head, body) = ([&b"MISPAIR\0"[..], &1u32.to_le_bytes()].concat(), bytes.len() as u64);
    bytes[..12].copy_from_slice(&head);
    bytes[16..24].copy_from_slice(&body.to_le_bytes());
    let count = u32::from_le_bytes(bytes[24..28].try_into().unwrap()).min(256) as usize;
    let table = 48..(48 + 48 * count).min(bytes.len());
    for entry in (table.start..table.end).step_by(48).filter(|e| e + 48 <= table.end) {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let (offset, length) = (number(entry + 8), number(entry + 16));
        let range = offset as usize..offset.saturating_add(length) as usize;
        if let Some(section) = bytes.get(range) {
            let sum = Checksum::of(section);
            bytes[entry + 24..entry + 40].copy_from_slice(&sum.0);
        }
    }
    let sum = Checksum::of(&[&bytes[..32], &bytes[table]].concat());
    bytes[32..48].copy_from_slice(&sum.0);
}
