//! The rows of one table of an SQLite database: enough of the file format to read a list of blobs
//! (sqlite.org, "Database File Format"). Nothing is executed and nothing is written.

/// The most pages that are visited: a file of 256 MiB has fewer.
const MAX_PAGES: usize = 1 << 20;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// Returns the rows of the table `name`.
pub(super) fn rows(file: &[u8], name: &str) -> Result<Vec<Vec<Value>>, String> {
    if !file.starts_with(b"SQLite format 3\0") {
        return Err("it is not an SQLite database".to_owned());
    }
    let page_size = match number(file, 16, 2)? {
        1 => 65_536,
        size @ (512..=32_768) if size.is_power_of_two() => size,
        size => return Err(format!("its pages of {size} bytes are not known")),
    };
    let reserved = number(file, 20, 1)?;
    if reserved > page_size / 2 {
        return Err("its pages are all reserved".to_owned());
    }
    let database = Database { file, page_size, usable: page_size - reserved };
    // The first page is the root of the table of tables: type, name, table, root page, text.
    let schema = database.table(1)?;
    let root = schema.iter().find_map(|row| match row.as_slice() {
        [Value::Text(kind), Value::Text(table), _, Value::Integer(root), ..]
            if kind == "table" && table == name =>
        {
            usize::try_from(*root).ok()
        }
        _ => None,
    });
    let root = root.ok_or_else(|| format!("it has no table `{name}`"))?;
    database.table(root)
}

struct Database<'a> {
    file: &'a [u8],
    page_size: usize,
    usable: usize,
}

impl Database<'_> {
    fn page(&self, page: usize) -> Result<&[u8], String> {
        let at = page.checked_sub(1).and_then(|page| page.checked_mul(self.page_size));
        let bytes = at.and_then(|at| self.file.get(at..at + self.page_size));
        bytes.ok_or_else(|| format!("its page {page} is missing"))
    }

    /// Walks a table's tree. Pages are visited once: a damaged file may hold circles.
    fn table(&self, root: usize) -> Result<Vec<Vec<Value>>, String> {
        let mut rows = Vec::new();
        let mut pending = vec![root];
        let mut n_pages = 0;
        while let Some(page) = pending.pop() {
            n_pages += 1;
            if n_pages > MAX_PAGES.min(self.file.len() / self.page_size + 1) {
                return Err("its pages refer to each other in a circle".to_owned());
            }
            let bytes = self.page(page)?;
            let head = if page == 1 { 100 } else { 0 };
            let n_cells = number(bytes, head + 3, 2)?;
            let kind = number(bytes, head, 1)?;
            let pointers = head + if kind == 5 { 12 } else { 8 };
            let mut children = Vec::new();
            for cell in 0..n_cells {
                let at = number(bytes, pointers + cell * 2, 2)?;
                match kind {
                    5 => children.push(number(bytes, at, 4)?),
                    13 => rows.push(self.row(bytes, at)?),
                    other => return Err(format!("its page {page} is of the kind {other}")),
                }
            }
            if kind == 5 {
                children.push(number(bytes, head + 8, 4)?);
            }
            pending.extend(children.into_iter().rev());
        }
        Ok(rows)
    }

    /// Reads the row of a leaf's cell: size, row id, payload, perhaps on pages of its own.
    fn row(&self, page: &[u8], at: usize) -> Result<Vec<Value>, String> {
        let (size, at) = varint(page, at)?;
        let (_, at) = varint(page, at)?;
        let size = usize::try_from(size).map_err(|_| cut())?;
        if size > self.file.len() {
            return Err(cut());
        }
        let max = self.usable - 35;
        let local = if size <= max {
            size
        } else {
            let min = (self.usable - 12) * 32 / 255 - 23;
            let surplus = min + (size - min) % (self.usable - 4);
            if surplus <= max { surplus } else { min }
        };
        let mut payload = page.get(at..at + local).ok_or_else(cut)?.to_vec();
        let mut next = if local < size { number(page, at + local, 4)? } else { 0 };
        while payload.len() < size {
            let overflow = self.page(next)?;
            next = number(overflow, 0, 4)?;
            let n = (size - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(overflow.get(4..4 + n).ok_or_else(cut)?);
        }
        record(&payload)
    }
}

/// Reads a record: the size of its head, the types, the values.
fn record(payload: &[u8]) -> Result<Vec<Value>, String> {
    let (head, mut at) = varint(payload, 0)?;
    let head = usize::try_from(head).ok().filter(|head| *head <= payload.len()).ok_or_else(cut)?;
    let mut data = head;
    let mut values = Vec::new();
    while at < head {
        let (kind, next) = varint(payload, at)?;
        at = next;
        let size = match kind {
            0 | 8..=11 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            kind => (kind - 12) / 2,
        };
        let end = usize::try_from(size).ok().and_then(|size| data.checked_add(size));
        let bytes = end.and_then(|end| payload.get(data..end)).ok_or_else(cut)?;
        data += bytes.len();
        values.push(match kind {
            1..=6 => Value::Integer(integer(bytes)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            kind if kind >= 12 && kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            kind if kind >= 13 => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
            _ => Value::Null,
        });
    }
    Ok(values)
}

/// A signed number of up to eight bytes, the highest first.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let start = if negative { -1 } else { 0 };
    bytes.iter().fold(start, |value, byte| value << 8 | i64::from(*byte))
}

fn number(bytes: &[u8], at: usize, n: usize) -> Result<usize, String> {
    let bytes = at.checked_add(n).and_then(|end| bytes.get(at..end)).ok_or_else(cut)?;
    Ok(bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

/// A number of one to nine bytes, seven bits each but for the ninth.
fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), String> {
    let mut value = 0;
    for n in 0..9 {
        let byte = *bytes.get(at + n).ok_or_else(cut)?;
        if n == 8 {
            return Ok((value << 8 | u64::from(byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((value, at + n + 1));
        }
    }
    Err(cut())
}

fn cut() -> String {
    "it is damaged".to_owned()
}
