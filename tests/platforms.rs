//! Programs of another architecture, where the kernel knows an interpreter for them (binfmt_misc).

use std::path::Path;
use std::process::Command;

use dockwright_tests::{Outcome, Sandbox, binary, path_text, run};

/// What ELF files of 64-bit RISC-V begin with, as the kernel's list has it.
const MAGIC: &str = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00";

/// The same as bytes, and the text for the interpreter: it skips the first line.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00\n\
    echo interpreted for $TARGETARCH > /result\necho it runs\n";

/// Runs the program in a user namespace, which has a list of interpreters of its own: the machine's is
/// left alone. That takes Linux 6.7.
fn with_interpreter(sandbox: &Sandbox, interpreter: &Path, arguments: &[&str]) -> Outcome {
    let script = "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 77
        printf '%s' \"$ENTRY\" > /proc/sys/fs/binfmt_misc/register || exit 77
        exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(binary()).args(arguments);
    command.env("ENTRY", format!(":riscv:M::{MAGIC}::{}:F", interpreter.display()));
    command.env("DOCKWRIGHT_STORE", sandbox.path("store")).current_dir(sandbox.folder.path());
    run(&mut command)
}

#[test]
fn programs_that_the_kernel_has_an_interpreter_for_are_run() {
    let sandbox = Sandbox::new();
    // The kernel hands the program to this as its first argument.
    let interpreter = sandbox.path("sh");
    std::fs::copy("/bin/busybox", &interpreter).expect("Debian's busybox-static");
    sandbox.write("base/program", PROGRAM);
    sandbox.write("base/Dockerfile", "FROM scratch\nCOPY --chmod=755 program /program\n");
    sandbox.succeed(["build", "-q", "--platform=linux/riscv64", "-t", "other", "base"]);
    let text = "FROM other\nARG TARGETARCH\nRUN [\"/program\"]\n";
    sandbox.write("context/Dockerfile", text);
    let output = path_text(&sandbox.path("out"));
    let output = format!("type=local,dest={output}");
    let build = ["build", "--progress=plain", "--platform=linux/riscv64", "-o", &output, "context"];

    let without = sandbox.run(build);
    assert_eq!(without.code, 1, "{}", without.text());
    assert!(without.stderr.contains("riscv64") && !sandbox.path("out").exists());

    let with = with_interpreter(&sandbox, &interpreter, &build);
    if with.code == 77 {
        eprintln!("NOT CHECKED: interpreters of other architectures: {}", with.text());
        return;
    }
    assert_eq!(with.code, 0, "{}", with.text());
    assert!(with.text().contains("it runs"), "{}", with.text());
    let result = std::fs::read_to_string(sandbox.path("out/result")).expect("what it wrote");
    assert_eq!(result, "interpreted for riscv64\n");
}
