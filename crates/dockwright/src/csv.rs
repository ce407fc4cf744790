//! The values of options with several fields: one record of comma-separated values, as docker reads
//! it with Go's `encoding/csv`.

/// Splits a record at its commas; a field in double quotes may hold some. Nothing is returned if the
/// quotes are not closed.
pub(crate) fn fields(text: &str) -> Option<Vec<String>> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if field.is_empty() => is_quoted = true,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    (!is_quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_hold_commas() {
        let split = |text| fields(text).map(|fields| fields.join("|"));
        assert_eq!(split("a=b,c").as_deref(), Some("a=b|c"));
        assert_eq!(split("a,\"n=x,y\"\"z\",b").as_deref(), Some("a|n=x,y\"z|b"));
        assert_eq!(split("a=\"b\"").as_deref(), Some("a=\"b\""));
        assert_eq!(split("\"a"), None);
    }
}
