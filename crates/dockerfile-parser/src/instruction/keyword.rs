//! Keywords.

use crate::flag::FlagSpec;

/// The keywords, and [`Keyword::Unknown`] for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the keywords")]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
    Unknown,
}

/// Letters differ from their other case in this bit alone.
const CASE: u8 = 0x20;

/// The keywords of at most seven letters, each as a number in its slot: the letters from the lowest
/// byte on, and how many they are in the highest.
static SHORT: [(u64, Keyword); 16] = {
    let mut table = [(0, Keyword::Unknown); 16];
    let mut index = 0;
    while index < Keyword::ALL.len() {
        let keyword = Keyword::ALL[index];
        let letters = keyword.as_str().as_bytes();
        if letters.len() < 8 {
            let mut word = (letters.len() as u64) << 56;
            let mut at = 0;
            while at < letters.len() {
                word |= (letters[at] as u64) << (8 * at);
                at += 1;
            }
            table[slot(word)] = (word, keyword);
        }
        index += 1;
    }
    table
};

/// The slot of a word; no two keywords share one.
const fn slot(word: u64) -> usize {
    const SPREAD: u64 = 0xEE57_9CAC_D846_49A5;
    (word.wrapping_mul(SPREAD) >> 60) as usize
}

impl Keyword {
    /// Every keyword, in alphabetical order.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Arg,
        Self::Cmd,
        Self::Copy,
        Self::Entrypoint,
        Self::Env,
        Self::Expose,
        Self::From,
        Self::Healthcheck,
        Self::Label,
        Self::Maintainer,
        Self::Onbuild,
        Self::Run,
        Self::Shell,
        Self::Stopsignal,
        Self::User,
        Self::Volume,
        Self::Workdir,
    ];

    /// Returns the keyword at `start` and its length, if it has at most seven letters and a blank
    /// follows it.
    #[inline(always)]
    pub(crate) fn short_at(bytes: &[u8], start: usize) -> Option<(Self, usize)> {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        let eight = bytes.get(start..)?.first_chunk()?;
        let eight = u64::from_le_bytes(*eight) ^ (ONES * b' ' as u64);
        // The lowest high bit that is set stands at the first blank.
        let blanks = eight.wrapping_sub(ONES) & !eight & (ONES << 7);
        let len = blanks.trailing_zeros() as usize / 8;
        if len == 0 || len == 8 {
            return None;
        }
        let letters = eight & (u64::MAX >> (64 - 8 * len)) & !(ONES * CASE as u64);
        let word = letters | (len as u64) << 56;
        let (known, keyword) = SHORT[slot(word)];
        (known == word).then_some((keyword, len))
    }

    /// Returns the keyword that `word` is, in any case.
    pub fn of(word: &str) -> Self {
        let word = word.as_bytes();
        let is = |keyword: &[u8]| {
            word.len() == keyword.len()
                && word.iter().zip(keyword).all(|(byte, letter)| byte & !CASE == *letter)
        };
        let candidate = match (word.len(), word.first().map(|first| first & !CASE)) {
            (3, Some(b'R')) => Self::Run,
            (3, Some(b'E')) => Self::Env,
            (3, Some(b'C')) => Self::Cmd,
            (3, Some(b'A')) if word[1] & !CASE == b'R' => Self::Arg,
            (3, Some(b'A')) => Self::Add,
            (4, Some(b'F')) => Self::From,
            (4, Some(b'C')) => Self::Copy,
            (4, Some(b'U')) => Self::User,
            (5, Some(b'L')) => Self::Label,
            (5, Some(b'S')) => Self::Shell,
            (6, Some(b'E')) => Self::Expose,
            (6, Some(b'V')) => Self::Volume,
            (7, Some(b'W')) => Self::Workdir,
            (7, Some(b'O')) => Self::Onbuild,
            (10, Some(b'E')) => Self::Entrypoint,
            (10, Some(b'M')) => Self::Maintainer,
            (10, Some(b'S')) => Self::Stopsignal,
            (11, Some(b'H')) => Self::Healthcheck,
            _ => return Self::Unknown,
        };
        if is(candidate.as_str().as_bytes()) { candidate } else { Self::Unknown }
    }

    /// Returns the keyword in upper case; empty for [`Keyword::Unknown`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Arg => "ARG",
            Self::Cmd => "CMD",
            Self::Copy => "COPY",
            Self::Entrypoint => "ENTRYPOINT",
            Self::Env => "ENV",
            Self::Expose => "EXPOSE",
            Self::From => "FROM",
            Self::Healthcheck => "HEALTHCHECK",
            Self::Label => "LABEL",
            Self::Maintainer => "MAINTAINER",
            Self::Onbuild => "ONBUILD",
            Self::Run => "RUN",
            Self::Shell => "SHELL",
            Self::Stopsignal => "STOPSIGNAL",
            Self::User => "USER",
            Self::Volume => "VOLUME",
            Self::Workdir => "WORKDIR",
            Self::Unknown => "",
        }
    }

    /// Returns the flags that the instruction knows.
    pub const fn flags(self) -> &'static [FlagSpec] {
        match self {
            Self::Add => super::add::FLAGS,
            Self::Copy => super::copy::FLAGS,
            Self::From => super::from::FLAGS,
            Self::Healthcheck => super::healthcheck::FLAGS,
            Self::Run => super::run::FLAGS,
            _ => &[],
        }
    }
}

impl std::fmt::Display for Keyword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_read_in_any_case() {
        for keyword in Keyword::ALL {
            assert_eq!(Keyword::of(keyword.as_str()), keyword);
            assert_eq!(Keyword::of(&keyword.as_str().to_lowercase()), keyword);
            let is_short = keyword.as_str().len() < 8;
            for text in [format!("{keyword} x 12345"), format!("{keyword} y").to_lowercase()] {
                let is_long_enough = text.len() >= 8;
                let found = Keyword::short_at(text.as_bytes(), 0);
                let expected =
                    (is_short && is_long_enough).then(|| (keyword, keyword.as_str().len()));
                assert_eq!(found, expected, "{text:?}");
            }
        }
        for word in [
            "",
            "RU",
            "RUNN",
            "MAINTAINERS",
            "HEALTHCHECKS",
            "é",
            "AXX",
            "AXD",
            "\u{12}UN",
            "\0",
            "RUN\0",
        ] {
            assert_eq!(Keyword::of(word), Keyword::Unknown);
            assert_eq!(Keyword::short_at(format!("{word} 123456789").as_bytes(), 0), None);
        }
    }
}
