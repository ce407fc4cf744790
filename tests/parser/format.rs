//! The formatter on real files and on random ones.

use dockerfile_parser::SourceText;

use super::checks::formatting as check;
use super::corpus::files;
use super::vectors::records;

#[test]
fn the_corpus_keeps_its_meaning() {
    let Some(shared) = super::shared() else { return };
    let files = files(&shared.join("corpus/dockerfiles.tar.zst"));
    let mut names: Vec<&String> = files.keys().collect();
    names.sort();
    let n_files = names.len();
    let differences: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let source = SourceText::new(files[name].clone());
            check(source.as_str()).err().map(|difference| format!("{name}: {difference}"))
        })
        .collect();
    super::assert_none("format", n_files, &differences);
}

#[test]
fn random_files_keep_their_meaning() {
    let Some(shared) = super::shared() else { return };
    let records = records(&shared.join("corpus/vectors"), "fuzz.jsonl");
    let differences: Vec<String> = records
        .iter()
        .filter_map(|record| {
            let text = record["in"].as_str().unwrap();
            check(text).err().map(|difference| format!("{text:?}: {difference}"))
        })
        .collect();
    super::assert_none("format of random files", records.len(), &differences);
}
