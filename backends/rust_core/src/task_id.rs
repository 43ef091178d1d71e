//! Task ids: a hash of the checkpoint and of what makes a task unique in it.
//!
//! XXH3-128 since checkpoint format 2; SHA-1, cut to 128 bits, before that.

use crate::error::{Error, ErrorKind};
use sha1::{Digest as _, Sha1};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const DASH: u8 = 0x40;
const STRANGE: u8 = 0x80;
/// What each character of a UUID's text is worth.
const NIBBLES: [u8; 256] = nibbles();

const fn nibbles() -> [u8; 256] {
    let mut table = [STRANGE; 256];
    let mut digit = 0;
    while digit < 16 {
        table[DIGITS[digit as usize] as usize] = digit;
        table[DIGITS[digit as usize].to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    table[b'-' as usize] = DASH;
    table
}

/// Where each byte's digits are in the text of a UUID.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// A UUID-shaped task id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId([u8; 36]);

impl TaskId {
    fn from_bytes(bytes: [u8; 16]) -> Self {
        let mut text = [b'-'; 36];
        for (byte, at) in bytes.into_iter().zip(PLACES) {
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
        }
        TaskId(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits and dashes are ASCII")
    }
}

/// Makes the ids of one superstep's tasks: they all start with the checkpoint's bytes.
#[derive(Debug)]
pub(crate) struct TaskIds {
    checkpoint: SmallVec<[u8; 16]>,
    format: i64,
}

/// So many bytes are put together without an allocation.
const FEW: usize = 256;

impl TaskIds {
    /// `checkpoint_id` is hexadecimal text, with or without dashes.
    pub(crate) fn of(checkpoint_id: &str, format: i64) -> Result<Self, Error> {
        let checkpoint = match uuid(checkpoint_id.as_bytes()) {
            Some(bytes) => SmallVec::from_buf(bytes),
            None => hexadecimal(checkpoint_id)?,
        };
        Ok(TaskIds { checkpoint, format })
    }

    /// Hashes the checkpoint's bytes and the parts, joined without separators.
    pub(crate) fn make(&self, parts: &[&[u8]]) -> TaskId {
        let length = self.checkpoint.len() + parts.iter().map(|part| part.len()).sum::<usize>();
        if length > FEW {
            let mut data = self.checkpoint.to_vec();
            parts.iter().for_each(|part| data.extend_from_slice(part));
            return self.hash(&data);
        }
        let (mut data, mut end) = ([0; FEW], 0);
        for part in std::iter::once(&&*self.checkpoint).chain(parts) {
            if !part.is_empty() {
                data[end..end + part.len()].copy_from_slice(part);
                end += part.len();
            }
        }
        self.hash(&data[..length])
    }

    fn hash(&self, data: &[u8]) -> TaskId {
        if self.format > 1 {
            return TaskId::from_bytes(xxh3_128(data).to_be_bytes());
        }
        let digest = Sha1::digest(data);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        TaskId::from_bytes(bytes)
    }
}

/// The bytes of a UUID in its usual form.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let (mut bytes, mut strange) = ([0; 16], 0);
    for (byte, at) in bytes.iter_mut().zip(PLACES) {
        let digits = [text[at], text[at + 1]].map(|it| NIBBLES[usize::from(it)]);
        strange |= digits[0] | digits[1];
        *byte = digits[0] << 4 | digits[1] & 15;
    }
    (strange < DASH).then_some(bytes)
}

/// The bytes of hexadecimal text with dashes anywhere.
fn hexadecimal(text: &str) -> Result<SmallVec<[u8; 16]>, Error> {
    let mut bytes = SmallVec::new();
    let (mut digits, mut byte) = (0_u32, 0_u8);
    for character in text.bytes() {
        match NIBBLES[usize::from(character)] {
            DASH => continue,
            STRANGE => return Err(bad_id(text)),
            nibble => byte = byte << 4 | nibble,
        }
        digits += 1;
        if digits % 2 == 0 {
            bytes.push(byte);
        }
    }
    if digits % 2 == 1 {
        return Err(bad_id(text));
    }
    Ok(bytes)
}

fn bad_id(checkpoint_id: &str) -> Error {
    Error::new(
        ErrorKind::BadCheckpointId,
        format!("checkpoint id '{checkpoint_id}' is not hexadecimal UUID text"),
    )
}

#[cfg(test)]
mod tests {
    use super::TaskIds;
    use crate::error::ErrorKind;

    const CHECKPOINT: &str = "1ef4f797-8335-6428-8001-8a1503f9b875";

    #[test]
    fn ids_have_the_shape_of_a_uuid() {
        let ids = TaskIds::of(CHECKPOINT, 4).expect("a UUID");
        let id = ids.make(&[b"a", b"0"]);
        let dashes: Vec<usize> = id.as_str().match_indices('-').map(|(at, _)| at).collect();
        assert_eq!(dashes, [8, 13, 18, 23]);
        assert_eq!(
            id,
            ids.make(&[b"a0"]),
            "parts are joined without separators"
        );
        assert_ne!(id, ids.make(&[b"a1"]));
    }

    #[test]
    fn many_bytes_are_hashed_as_few_are() {
        let ids = TaskIds::of(CHECKPOINT, 4).expect("a UUID");
        let name = "n".repeat(super::FEW);
        let (first, last) = name.split_at(super::FEW - 20);
        assert_eq!(
            ids.make(&[name.as_bytes()]),
            ids.make(&[first.as_bytes(), b"", last.as_bytes()])
        );
        let one = TaskIds::of("", 4).expect("no bytes");
        assert_eq!(
            one.make(&[b"a", first.as_bytes()]),
            one.make(&[format!("a{first}").as_bytes()])
        );
    }

    #[test]
    fn format_one_hashes_with_sha1() {
        let ids = TaskIds::of("", 1).expect("no bytes");
        assert_eq!(
            ids.make(&[b"abc"]).as_str(),
            "a9993e36-4706-816a-ba3e-25717850c26c"
        );
    }

    #[test]
    fn format_four_hashes_with_xxh3() {
        let ids = TaskIds::of("", 4).expect("no bytes");
        assert_eq!(
            ids.make(&[b"abc"]).as_str(),
            "06b05ab6-733a-6185-78af-5f94892f3950"
        );
    }

    #[test]
    fn upper_case_and_dashes_make_no_difference() {
        let id = |text: &str| TaskIds::of(text, 4).expect("a UUID").make(&[b"a"]);
        assert_eq!(id(CHECKPOINT), id(&CHECKPOINT.to_uppercase()));
        assert_eq!(id(CHECKPOINT), id(&CHECKPOINT.replace('-', "")));
    }

    #[test]
    fn text_that_is_not_hexadecimal_is_refused() {
        let dash = CHECKPOINT.replacen('1', "-", 1);
        let letter = CHECKPOINT.replacen('1', "g", 1);
        for id in ["xyz", "abc", &dash, &letter] {
            assert_eq!(
                TaskIds::of(id, 4).expect_err("bad").kind,
                ErrorKind::BadCheckpointId
            );
        }
    }
}
