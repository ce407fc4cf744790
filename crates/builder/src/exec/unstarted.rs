//! Why the kernel does not start a program that a step names, and what to do.

use std::io::Read as _;

/// How much of a program is read; the headers of both kinds stand in it.
const HEAD_BYTES: u64 = 4096;

/// What there is to do about a program that was not found.
pub(super) fn not_found(program: &str) -> String {
    let hint = match program {
        "/bin/sh" => {
            "the image has no shell: write the command as a JSON array, or start from an image with a \
             shell"
        }
        _ if program.contains('/') => "copy it there or install it in an earlier step",
        _ => "install it in an earlier step, or give the whole path",
    };
    hint.to_owned()
}

/// What there is to do about a file that may not be executed.
pub(super) fn denied(path: &str) -> String {
    let is_directory = std::fs::metadata(path).is_ok_and(|it| it.is_dir());
    let hint = if is_directory {
        "it is a directory"
    } else {
        "make it executable: `chmod +x` in an earlier RUN, or `COPY --chmod=755`"
    };
    hint.to_owned()
}

/// What there is to do about a file that is no program of this machine.
pub(super) fn not_a_program(path: &str) -> String {
    let hint = if head(path).starts_with(ELF) {
        "it is a program for another processor: take the one for the platform of the stage"
    } else {
        "it is neither a program nor a script with a first line such as `#!/bin/sh`"
    };
    hint.to_owned()
}

/// Tells what a file that is there needs and the image lacks: the interpreter of a script, or the
/// loader of a program that is linked dynamically.
pub(super) fn missing_part(path: &str) -> Option<String> {
    let head = head(path);
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        let ends_in_return = line.ends_with(b"\r");
        let interpreter = line.split(|byte| b" \t\r".contains(byte)).find(|it| !it.is_empty())?;
        let interpreter = String::from_utf8_lossy(interpreter);
        return Some(if ends_in_return {
            format!(
                "its first line, `#!{interpreter}`, ends in a carriage return: give the file the line \
                 ends of Unix"
            )
        } else {
            format!("its first line names `{interpreter}`, which is not there")
        });
    }
    let loader = loader(&head)?;
    (!std::path::Path::new(&loader).exists()).then(|| {
        format!(
            "it is linked dynamically, and its loader `{loader}` is not there: link it statically, or \
             start from an image with the C library it was built for"
        )
    })
}

const ELF: &[u8] = b"\x7fELF";

/// The interpreter that the program headers of an ELF file in little-endian order name.
fn loader(head: &[u8]) -> Option<String> {
    const INTERPRETER: u64 = 3;
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = head.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    // Offsets and widths by elf(5): the table, the size and number of its entries, and in each the
    // place and the length of what it tells of.
    let (width, table, sizes, offset, length) = match head {
        [0x7f, b'E', b'L', b'F', 1, 1, ..] => (4, 28, 42, 4, 16),
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => (8, 32, 54, 8, 32),
        _ => return None,
    };
    let table = usize::try_from(number(table, width)?).ok()?;
    let size = usize::try_from(number(sizes, 2)?).ok()?;
    let count = usize::try_from(number(sizes + 2, 2)?).ok()?;
    let entries = (0..count).filter_map(|n| table.checked_add(n * size));
    let entry =
        entries.take_while(|at| *at < head.len()).find(|at| number(*at, 4) == Some(INTERPRETER))?;
    let start = usize::try_from(number(entry + offset, width)?).ok()?;
    let end = start.checked_add(usize::try_from(number(entry + length, width)?).ok()?)?;
    let name = head.get(start..end)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The beginning of a regular file; nothing if it cannot be read.
fn head(path: &str) -> Vec<u8> {
    let mut head = Vec::new();
    if std::fs::metadata(path).is_ok_and(|it| it.is_file())
        && let Ok(file) = std::fs::File::open(path)
    {
        let _ = file.take(HEAD_BYTES).read_to_end(&mut head);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let check = |content: &[u8], expected: Option<&str>| {
            let path = folder.path().join("file");
            std::fs::write(&path, content).unwrap();
            let found = missing_part(path.to_str().unwrap());
            assert_eq!(found.as_deref(), expected, "{}", content.escape_ascii());
        };
        check(
            b"#! /bin/none -e\necho",
            Some("its first line names `/bin/none`, which is not there"),
        );
        check(
            b"#!/bin/sh\r\necho\r\n",
            Some(
                "its first line, `#!/bin/sh`, ends in a carriage return: give the file the line ends \
                 of Unix",
            ),
        );
        check(b"#!", None);
        check(b"echo", None);
        check(b"\x7fELF\x02\x01", None);
        let elf = |class: u8, fields: &[(usize, &[u8])]| {
            let mut bytes = vec![0; 300];
            bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1]);
            for (at, value) in fields {
                bytes[*at..*at + value.len()].copy_from_slice(value);
            }
            bytes
        };
        let wide = elf(
            2,
            &[(32, &[64]), (54, &[56]), (56, &[2]), (120, &[3]), (128, &[200]), (152, &[10])],
        );
        let narrow =
            elf(1, &[(28, &[52]), (42, &[32]), (44, &[1]), (52, &[3]), (56, &[200]), (68, &[10])]);
        for mut bytes in [wide, narrow] {
            bytes[200..210].copy_from_slice(b"/no/loader");
            check(
                &bytes,
                Some(
                    "it is linked dynamically, and its loader `/no/loader` is not there: link it \
                     statically, or start from an image with the C library it was built for",
                ),
            );
            bytes[200..210].copy_from_slice(b"/bin/sh\0\0\0");
            check(&bytes, None);
        }
    }
}
