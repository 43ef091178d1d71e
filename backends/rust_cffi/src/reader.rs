//! Reads messages. Every way in which one can be wrong is an error that says where.

use lge_core::error::{Error, ErrorKind};
use rmp::Marker;
use rmp::decode;

/// What is left of a message.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    name: &'static str,
    whole: usize,
    rest: &'a [u8],
}

pub(crate) type Read<T> = Result<T, Error>;

impl<'a> Reader<'a> {
    /// `name` is what errors call the message.
    pub(crate) fn of(name: &'static str, message: &'a [u8]) -> Self {
        Reader {
            name,
            whole: message.len(),
            rest: message,
        }
    }

    /// The error for a message that goes on with something else than this.
    pub(crate) fn expected(&self, what: &str) -> Error {
        let found = match self.rest.first() {
            None => "the message ends".to_owned(),
            Some(byte) => format!("{:?} stands", Marker::from_u8(*byte)),
        };
        let (name, at) = (self.name, self.whole - self.rest.len());
        let message =
            format!("the {name} message is wrong at byte {at}: {found} where {what} is expected");
        Error::new(ErrorKind::BadMessage, message)
    }

    fn peek(&self) -> Option<Marker> {
        self.rest.first().map(|byte| Marker::from_u8(*byte))
    }

    /// Reads with `read`; if it can't, the reader stays where it was.
    fn with<T, E>(
        &mut self,
        what: &str,
        read: impl FnOnce(&mut &'a [u8]) -> Result<T, E>,
    ) -> Read<T> {
        let mut rest = self.rest;
        match read(&mut rest) {
            Ok(value) => {
                self.rest = rest;
                Ok(value)
            }
            Err(_) => Err(self.expected(what)),
        }
    }

    /// The number of items of an array, which follow.
    pub(crate) fn array(&mut self, what: &str) -> Read<u32> {
        self.with(what, decode::read_array_len)
    }

    /// An array of this many items, which follow.
    pub(crate) fn fields(&mut self, count: u32, what: &str) -> Read<()> {
        let before = self.clone();
        if self.array(what)? == count {
            return Ok(());
        }
        *self = before;
        Err(self.expected(&format!("{what} of {count} fields")))
    }

    pub(crate) fn text(&mut self, what: &str) -> Read<&'a str> {
        let mut rest = self.rest;
        let Ok(length) = decode::read_str_len(&mut rest) else {
            return Err(self.expected(what));
        };
        let split = rest.split_at_checked(length as usize);
        let Some((text, rest)) =
            split.and_then(|(bytes, rest)| Some((std::str::from_utf8(bytes).ok()?, rest)))
        else {
            return Err(self.expected(what));
        };
        self.rest = rest;
        Ok(text)
    }

    pub(crate) fn number(&mut self, what: &str) -> Read<i64> {
        self.with(what, decode::read_int)
    }

    pub(crate) fn handle(&mut self) -> Read<u64> {
        self.with("a handle", decode::read_int)
    }

    pub(crate) fn float(&mut self, what: &str) -> Read<f64> {
        self.with(what, |rest| {
            match Marker::from_u8(*rest.first().ok_or(())?) {
                Marker::F32 => decode::read_f32(rest).map(f64::from).map_err(|_| ()),
                _ => decode::read_f64(rest).map_err(|_| ()),
            }
        })
    }

    pub(crate) fn flag(&mut self, what: &str) -> Read<bool> {
        self.with(what, decode::read_bool)
    }

    /// Whether nil is next; it is read then.
    pub(crate) fn nil(&mut self) -> bool {
        let nil = self.peek() == Some(Marker::Null);
        if nil {
            self.rest = &self.rest[1..];
        }
        nil
    }

    pub(crate) fn at_text(&self) -> bool {
        use Marker::{FixStr, Str8, Str16, Str32};
        matches!(self.peek(), Some(FixStr(_) | Str8 | Str16 | Str32))
    }

    pub(crate) fn at_array(&self) -> bool {
        use Marker::{Array16, Array32, FixArray};
        matches!(self.peek(), Some(FixArray(_) | Array16 | Array32))
    }

    pub(crate) fn at_flag(&self) -> bool {
        matches!(self.peek(), Some(Marker::True | Marker::False))
    }

    pub(crate) fn at_float(&self) -> bool {
        matches!(self.peek(), Some(Marker::F32 | Marker::F64))
    }

    /// Every text of an array.
    pub(crate) fn texts(&mut self, what: &str) -> Read<Vec<String>> {
        let count = self.array(what)?;
        (0..count)
            .map(|_| self.text(what).map(str::to_owned))
            .collect()
    }

    /// The message has to be over.
    pub(crate) fn end(&self) -> Read<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.expected("the end"))
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn an_error_says_where_and_what() {
        let mut reader = Reader::of("plan", &[0x92, 0xc0, 0xa1]);
        reader.fields(2, "a plan").expect("two fields");
        assert!(reader.nil());
        let error = reader.text("a name").expect_err("cut off");
        assert_eq!(
            error.message,
            "the plan message is wrong at byte 2: FixStr(1) stands where a name is expected"
        );
        let error = Reader::of("see", &[]).flag("a flag").expect_err("nothing");
        assert_eq!(
            error.message,
            "the see message is wrong at byte 0: the message ends where a flag is expected"
        );
    }

    #[test]
    fn an_array_that_claims_too_much_costs_nothing() {
        let mut reader = Reader::of("commit", &[0xdd, 0xff, 0xff, 0xff, 0xff]);
        assert!(reader.texts("names").is_err());
    }

    #[test]
    fn numbers_and_text_keep_their_limits() {
        let least = [0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            Reader::of("m", &least).number("a number").ok(),
            Some(i64::MIN)
        );
        let most = [0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Reader::of("m", &most).handle().ok(), Some(u64::MAX));
        assert!(Reader::of("m", &most).number("a number").is_err());
        assert!(Reader::of("m", &[0xa1, 0xff]).text("text").is_err());
    }
}
