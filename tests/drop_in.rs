//! Command lines as scripts for docker and buildah have them.

use dockwright_tests::Sandbox;

#[test]
fn flags_that_have_no_work_here_are_taken_and_told() {
    let sandbox = Sandbox::new();
    sandbox.write("app/Dockerfile", "FROM scratch\nCOPY a /a\n");
    sandbox.write("app/a", "a");
    let plain = sandbox.build("app", "plain");
    let flags = "--rm --force-rm=true --compress --squash=false --cache-from=registry.test/app \
        --cache-to=type=inline --builder default --security-opt=seccomp=unconfined --layers \
        --disable-content-trust=false -D --no-cache=true --pull=false --push=false -t app";
    let outcome = sandbox.succeed(
        ["build", "--progress=plain"].into_iter().chain(flags.split_whitespace()).chain(["app"]),
    );
    let notes: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("note: ")).collect();
    let told = |flag: &str| notes.iter().any(|note| note.contains(&format!("`{flag}`")));
    for flag in
        ["--rm", "--force-rm", "--compress", "--cache-from", "--cache-to", "--builder", "--debug"]
    {
        assert!(told(flag), "{flag}: {notes:?}");
    }
    for flag in ["--squash", "--disable-content-trust", "--pull", "--push"] {
        assert!(!told(flag), "{flag} was false: {notes:?}");
    }
    assert!(!outcome.stderr.contains("CACHED"), "--no-cache=true: {}", outcome.stderr);
    assert!(outcome.stderr.contains(&plain), "the same image: {}", outcome.stderr);
    let refused = sandbox.run(["build", "--no-cahce", "app"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("'--no-cache'"), "{}", refused.stderr);
}
