//! The one variable-length record of an index: the only place that names bincode.

use bincode::config;

/// A manifest beyond this is damaged, or an attack.
const LIMIT: usize = 1 << 20;

/// A record as bytes. Fails only for a record beyond 1 MiB, or for lack of memory.
pub fn encode_record<T: bincode::Encode>(record: &T) -> Result<Vec<u8>, String> {
    bincode::encode_to_vec(record, config::standard().with_limit::<LIMIT>()).map_err(|e| e.to_string())
}

/// The inverse of [`encode_record`]; every byte must be used.
pub fn decode_record<T: bincode::Decode<()>>(bytes: &[u8]) -> Result<T, String> {
    let (record, used) =
        bincode::decode_from_slice(bytes, config::standard().with_limit::<LIMIT>()).map_err(|e| e.to_string())?;
    if used == bytes.len() { Ok(record) } else { Err(format!("{} bytes left over", bytes.len() - used)) }
}
