//! Regular expressions as 2.x has them: those of POSIX, by the C library, which the program has in it anyway.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;

/// A regular expression of POSIX, an extended one or a basic one.
#[derive(Debug)]
pub struct Regex(Box<libc::regex_t>);

/// How it is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Whether letters of either case are the same.
    pub ignore_case: bool,
    /// Whether `.` and `[^a]` match the end of a line, and `^` and `$` only the ends of the text.
    pub line_span: bool,
}

/// Why a text is no regular expression, in the C library's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Could Not Compile Regular Expression: {0}")]
pub struct Error(String);

impl Error {
    /// The C library's words alone.
    pub fn words(&self) -> &str {
        &self.0
    }
}

impl Regex {
    /// Reads one.
    pub fn new(pattern: &[u8], flags: Flags) -> Result<Self, Error> {
        Self::compile(pattern, flags, libc::REG_EXTENDED)
    }

    /// Reads a basic one.
    pub fn basic(pattern: &[u8], flags: Flags) -> Result<Self, Error> {
        Self::compile(pattern, flags, 0)
    }

    fn compile(pattern: &[u8], flags: Flags, kind: c_int) -> Result<Self, Error> {
        let pattern = CString::new(pattern).map_err(|_| Error("a zero byte in it".to_owned()))?;
        let mut bits = kind | libc::REG_NOSUB;
        bits |= if flags.ignore_case { libc::REG_ICASE } else { 0 };
        bits |= if flags.line_span { 0 } else { libc::REG_NEWLINE };
        let mut regex: Box<MaybeUninit<libc::regex_t>> = Box::new(MaybeUninit::zeroed());
        // SAFETY: room for a regex_t that does not move, and a string that ends with a zero.
        let code = unsafe { libc::regcomp(regex.as_mut_ptr(), pattern.as_ptr(), bits) };
        if code != 0 {
            return Err(Error(words(code)));
        }
        // SAFETY: regcomp has filled it in.
        Ok(Self(unsafe { regex.assume_init() }))
    }

    /// Whether it is found anywhere in these bytes, zeroes among them.
    pub fn is_match(&self, text: &[u8]) -> bool {
        let end = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        let mut range = libc::regmatch_t { rm_so: 0, rm_eo: end };
        // SAFETY: of `text` only what the range spans is read, and it has no need to end with a zero.
        let code = unsafe {
            libc::regexec(
                &raw const *self.0,
                text.as_ptr().cast::<c_char>(),
                1,
                &raw mut range,
                libc::REG_STARTEND,
            )
        };
        code == 0
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: regcomp has filled it in, and nothing uses it any more.
        unsafe { libc::regfree(&raw mut *self.0) }
    }
}

fn words(code: c_int) -> String {
    let mut buffer = [0_u8; 256];
    // SAFETY: regerror writes no more than the size it is given, with a zero at the end.
    unsafe { libc::regerror(code, std::ptr::null(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let text = CStr::from_bytes_until_nul(&buffer).unwrap_or_default();
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str, ignore_case: bool, line_span: bool) -> bool {
        Regex::new(pattern.as_bytes(), Flags { ignore_case, line_span }).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn an_expression_is_one_of_posix() {
        assert!(found("hel+o (w|W)orld", "say hello World", false, false));
        assert!(!found("HELLO", "hello", false, false));
        assert!(found("HELLO", "hello", true, false));
        assert!(found("[[:digit:]]{3}", "abc123", false, false));
        assert!(found("^b$", "a\nb\nc", false, false));
        assert!(!found("^b$", "a\nb\nc", false, true));
        assert!(!found("a.b", "a\nb", false, false));
        assert!(found("a.b", "a\nb", false, true));
        assert!(found("after", "zero\0after", false, false));
        assert!(found("^$", "", false, false));
    }

    #[test]
    fn a_basic_one_is_as_grep_has_it() {
        let found = |pattern: &str, text: &str| {
            Regex::basic(pattern.as_bytes(), Flags::default()).unwrap().is_match(text.as_bytes())
        };
        assert!(found("a+(b", "a+(b") && !found("a+", "aa"));
        assert!(found("^\\(a\\|b\\)\\{2\\}$", "ab"));
    }

    #[test]
    fn what_is_none_is_told_in_the_librarys_words() {
        let error = |pattern: &str| Regex::new(pattern.as_bytes(), Flags::default()).unwrap_err().to_string();
        assert_eq!(error("("), "Could Not Compile Regular Expression: Unmatched ( or \\(");
        assert_eq!(error("a\0b"), "Could Not Compile Regular Expression: a zero byte in it");
    }
}
