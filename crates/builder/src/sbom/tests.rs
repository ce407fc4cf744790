use super::*;

/// The package URLs that a file tells of.
#[track_caller]
fn purls(path: &str, text: impl AsRef<[u8]>) -> Vec<String> {
    let materials = Materials {
        distribution: "debian".to_owned(),
        distribution_version: "12".to_owned(),
        ..Materials::default()
    };
    let reader = reader_of(path).expect("a file that is read");
    let packages = reader(path, text.as_ref(), &materials).expect("packages");
    packages.iter().map(Package::purl).collect()
}

#[test]
fn distributions() {
    let status = "Package: libc++\nStatus: install ok installed\nArchitecture: amd64\n\
                  Version: 1:2.0+b1\nDescription: x\n more\n\n\
                  Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
    assert_eq!(
        purls("var/lib/dpkg/status", status),
        ["pkg:deb/debian/libc%2B%2B@1:2.0%2Bb1?arch=amd64&distro=debian-12"]
    );
    let one = "Package: tzdata\nVersion: 2024a\nArchitecture: all\n";
    assert_eq!(
        purls("var/lib/dpkg/status.d/tzdata", one),
        ["pkg:deb/debian/tzdata@2024a?arch=all&distro=debian-12"]
    );
    assert!(reader_of("var/lib/dpkg/status.d/tzdata.md5sums").is_none());
    let installed = "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\nF:lib\n\nP:busybox\nV:1\n";
    assert_eq!(
        purls("lib/apk/db/installed", installed),
        [
            "pkg:apk/debian/musl@1.2.4-r2?arch=x86_64&distro=debian-12",
            "pkg:apk/debian/busybox@1?distro=debian-12"
        ]
    );
}

#[test]
fn languages() {
    let lock = r#"{"lockfileVersion":3,"packages":{"":{"version":"1"},
        "node_modules/@a/b":{"version":"2.0.0"},"node_modules/c/node_modules/d":{"version":"3"}}}"#;
    assert_eq!(purls("app/package-lock.json", lock), ["pkg:npm/%40a/b@2.0.0", "pkg:npm/d@3"]);
    let old = r#"{"dependencies":{"a":{"version":"1","dependencies":{"b":{"version":"2"}}}}}"#;
    assert_eq!(purls("package-lock.json", old), ["pkg:npm/a@1", "pkg:npm/b@2"]);
    let package = r#"{"name":"left-pad","version":"1.3.0"}"#;
    assert_eq!(purls("x/node_modules/left-pad/package.json", package), ["pkg:npm/left-pad@1.3.0"]);
    assert!(reader_of("x/node_modules/left-pad/lib/package.json").is_none());
    let metadata = "Metadata-Version: 2.1\nName: Typing_Extensions\nVersion: 4.1\n\nName: body\n";
    assert_eq!(
        purls("p/typing_extensions-4.1.dist-info/METADATA", metadata),
        ["pkg:pypi/typing-extensions@4.1"]
    );
    let cargo = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\n\
                 dependencies = [\n \"x\",\n]\n\n[[package]]\nname = \"x\"\nversion = \"2.0.0\"\n";
    assert_eq!(purls("Cargo.lock", cargo), ["pkg:cargo/serde@1.0.1", "pkg:cargo/x@2.0.0"]);
    let uv = "[[package]]\nname = \"a\"\nversion = \"1\"\n[package.metadata]\nname = \"no\"\n";
    assert_eq!(purls("uv.lock", uv), ["pkg:pypi/a@1"]);
    let gems =
        "GEM\n  remote: r\n  specs:\n    rack (2.0)\n      dep (>= 1)\n\nPLATFORMS\n    ruby\n";
    assert_eq!(purls("Gemfile.lock", gems), ["pkg:gem/rack@2.0"]);
    let go = "module m\nrequire a.b/c v1.0.0 // indirect\nrequire (\n\td.e/f/g v2.0.0\n)\nreplace x => y v1\n";
    assert_eq!(purls("go.mod", go), ["pkg:golang/a.b/c@v1.0.0", "pkg:golang/d.e/f/g@v2.0.0"]);
    let composer =
        r#"{"packages":[{"name":"a/b","version":"v1"}],"packages-dev":[{"name":"c/d"}]}"#;
    assert_eq!(purls("composer.lock", composer), ["pkg:composer/a/b@v1"]);
}

/// Made by rpm 4.18: a package whose header takes several pages, and sixty small ones.
const RPMDB: &[u8] = include_bytes!("tests/rpmdb.sqlite.gz");

fn rpmdb() -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(RPMDB).read_to_end(&mut bytes).expect("gzip");
    bytes
}

#[test]
fn an_rpm_database() {
    let purls = purls("var/lib/rpm/rpmdb.sqlite", rpmdb());
    let expected =
        |name: &str| format!("pkg:rpm/debian/{name}@1.2-3?arch=noarch&distro=debian-12&epoch=4");
    assert_eq!(purls.len(), 61);
    assert!(purls.contains(&expected("example")), "{purls:?}");
    for n in 0..60 {
        assert!(purls.contains(&expected(&format!("example-part{n}"))), "{n}");
    }
}

#[test]
fn damaged_databases_are_told_and_read_no_further() {
    let reader = reader_of("var/lib/rpm/rpmdb.sqlite").expect("a reader");
    let whole = rpmdb();
    assert!(reader("x", b"no database", &Materials::default()).is_err());
    assert!(reader("x", &whole[..5000], &Materials::default()).is_err());
    // Any byte may be wrong: the answer may be an error or other packages, never a panic or a circle.
    for at in (0..whole.len()).step_by(61) {
        let mut broken = whole.clone();
        broken[at] ^= 0xff;
        let _ = reader("x", &broken, &Materials::default());
    }
    let lock = reader_of("package-lock.json").expect("a reader");
    assert!(lock("x", b"{", &Materials::default()).is_err());
}
