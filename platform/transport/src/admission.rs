//! What the local streams take as a record, and which shard it goes to.
//! It judges sizes alone; what keys and payloads mean is their owners' business.

use twox_hash::XxHash3_64;

use crate::AppendError;

/// Keys are at most 256 bytes (what Kinesis takes; so a stored key's length is one byte).
pub(crate) const MAX_KEY_BYTES: usize = 256;

/// Key and payload are at most 1 MiB together (what Kinesis takes by default).
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 20;

/// Says why the record will never be taken, if so.
pub(crate) fn check(key: &[u8], payload: &[u8]) -> Result<(), AppendError> {
    if key.is_empty() {
        return Err(AppendError::Rejected("the key is empty".to_owned()));
    }
    if key.len() > MAX_KEY_BYTES {
        let reason = format!(
            "the key has {} bytes, {MAX_KEY_BYTES} is the most",
            key.len()
        );
        return Err(AppendError::Rejected(reason));
    }
    let bytes = key.len() + payload.len();
    if bytes > MAX_RECORD_BYTES {
        let reason = format!("the record has {bytes} bytes, {MAX_RECORD_BYTES} is the most");
        return Err(AppendError::Rejected(reason));
    }
    Ok(())
}

/// The shard of a key, the same for ever: what is stored depends on it.
pub(crate) fn shard_of(key: &[u8], shards: u32) -> u32 {
    (XxHash3_64::oneshot(key) % u64::from(shards)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_at_the_limits_is_taken_and_one_byte_more_is_not() {
        let key = [7; MAX_KEY_BYTES];
        let payload = vec![0; MAX_RECORD_BYTES - MAX_KEY_BYTES];
        assert_eq!(check(&key, &payload), Ok(()));
        assert!(check(&key, &[payload, vec![0]].concat()).is_err());
        assert!(check(&[7; MAX_KEY_BYTES + 1], b"").is_err());
        assert!(check(b"", b"payload").is_err());
    }

    #[test]
    fn a_key_stays_in_its_shard_over_all_versions() {
        let shards: Vec<u32> = ["yellow/1", "yellow/2", "green/17", "green/18"]
            .map(|key| shard_of(key.as_bytes(), 4))
            .to_vec();
        assert_eq!(shards, [1, 3, 2, 3]);
    }
}
