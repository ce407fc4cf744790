//! Lists that hold one item most of the time.

use std::fmt;

/// A list that needs no memory of its own for one item; it reads like a slice.
///
/// Most `COPY` instructions have one source, most `ENV` one pair.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::List;
///
/// let list: List<u8> = [1, 2].into_iter().collect();
/// assert_eq!(list.len(), 2);
/// assert_eq!(list.first(), Some(&1));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct List<T>(Items<T>);

#[derive(Clone, PartialEq, Eq)]
enum Items<T> {
    One([T; 1]),
    /// None, or more than one.
    Many(Box<[T]>),
}

impl<T> List<T> {
    /// Returns a list of one item.
    pub const fn one(item: T) -> Self {
        Self(Items::One([item]))
    }

    /// Returns the items.
    pub const fn as_slice(&self) -> &[T] {
        match &self.0 {
            Items::One(one) => one,
            Items::Many(many) => many,
        }
    }
}

/// A list that is empty most of the time and takes no more than a pointer then; it reads like a
/// slice.
///
/// Few instructions have flags or heredocs.
///
/// # Examples
///
/// ```
/// let parsed = dockerfile_parser::parse("COPY --from=build --link /a /b\nRUN x\n");
/// assert_eq!(parsed.instructions[0].flags.len(), 2);
/// assert!(parsed.instructions[1].flags.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Few<T>(Option<Box<List<T>>>);

impl<T> Few<T> {
    /// Returns a list without items.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Returns a list of the first item, if there is one, and the others.
    pub(crate) fn new(first: Option<T>, others: Vec<T>) -> Self {
        let Some(first) = first else { return Self::none() };
        let list = if others.is_empty() {
            List::one(first)
        } else {
            std::iter::once(first).chain(others).collect()
        };
        Self(Some(Box::new(list)))
    }

    /// Returns the items.
    pub fn as_slice(&self) -> &[T] {
        match &self.0 {
            Some(list) => list.as_slice(),
            None => &[],
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::none()
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(items: Vec<T>) -> Self {
        if items.is_empty() { Self::none() } else { Self(Some(Box::new(items.into()))) }
    }
}

impl<T> std::ops::Deref for Few<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<'l, T> IntoIterator for &'l Few<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Items::Many(Box::default()))
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(mut items: Vec<T>) -> Self {
        match items.pop() {
            Some(item) if items.is_empty() => Self::one(item),
            last => {
                items.extend(last);
                Self(Items::Many(items.into_boxed_slice()))
            }
        }
    }
}

impl<T> FromIterator<T> for List<T> {
    #[inline]
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items = items.into_iter();
        let Some(first) = items.next() else { return Self::default() };
        match items.next() {
            None => Self::one(first),
            Some(second) => {
                let mut many = Vec::with_capacity(4);
                many.extend([first, second]);
                many.extend(items);
                Self(Items::Many(many.into_boxed_slice()))
            }
        }
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<'l, T> IntoIterator for &'l List<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}
