//! The cases, run after `enter`.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use dockwright_builder::exec::{Exit, Mount, MountSource, Process};
use dockwright_builder::namespace::{Entered, Ids};
use dockwright_builder::{ErrorKind, Network, Snapshot, Store, Ulimit, doctor};

use crate::support::{Image, bind, script};

pub(crate) fn run() {
    let entered = dockwright_builder::enter().unwrap();
    let image = Image::new();
    surroundings(&image);
    privileges(&image);
    namespaces(&image);
    devices(&image, &entered);
    users(&image, &entered);
    ends(&image);
    what_is_left(&image);
    mounts(&image, &entered);
    hostile_images(&entered);
    networks(&image);
    abstract_sockets(&image);
    limits(&image);
    many_layers(&image);
    mounted_snapshots(&image);
    store_on_an_overlay(&image);
    other_architectures(&image);
    doctor(&entered);
    println!("ok: all cases, {entered:?}");
}

/// Checks that a process ends well and writes `expected`.
#[track_caller]
fn check(image: &Image, process: &Process, expected: &str) {
    let ran = image.run(process);
    let exit = ran.result.map_err(|error| format!("{error:?}"));
    assert_eq!((exit, ran.output.as_str()), (Ok(Exit::Code(0)), expected), "{:?}", process.args);
}

#[track_caller]
fn check_script(image: &Image, text: &str, expected: &str) {
    check(image, &script(text), expected);
}

#[track_caller]
fn check_error(image: &Image, process: &Process, kind: ErrorKind, expected: &str) {
    let error = image.run(process).result.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, expected));
}

fn program(args: &[&str]) -> Process {
    Process { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..script("") }
}

fn surroundings(image: &Image) {
    check(image, &program(&["busybox", "env"]), "PATH=/bin\nHOME=/root\n");
    check_script(image, "busybox hostname; echo $$; umask; pwd", "buildkitsandbox\n1\n0022\n/\n");
    check_script(image, "busybox wc -c < /dev/stdin", "0\n");
    // A session of its own: process group and session of process 1.
    check_script(image, "busybox cut -d ' ' -f 5,6 /proc/1/stat", "1 1\n");
    // One that a careless program has left open.
    let _leaked = rustix::io::dup(fs::File::open("/").unwrap()).unwrap();
    // No descriptor but the standard streams and the one that reads the directory.
    check_script(image, "cd /proc/self/fd; busybox ls .", "0\n1\n2\n3\n");
    let devices = "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\n\
                   tty\nurandom\nzero\n";
    check_script(image, "busybox ls /dev", devices);
    check_script(image, "echo x > /dev/null; busybox head -c 3 /dev/zero | busybox wc -c", "3\n");
    check_script(image, "busybox ls /proc/1/task | busybox wc -l", "1\n");
    // Above the root directory is itself.
    let text = "busybox stat -c %d:%i / /.. | busybox uniq | busybox wc -l; busybox ls /../bin/sh";
    check_script(image, text, "1\n/../bin/sh\n");
    let mut elsewhere = script("pwd; busybox stat -c %a /a/b");
    elsewhere.cwd = "/a/b/".to_owned();
    check(image, &elsewhere, "/a/b\n755\n");
}

/// Every namespace is the step's own, but that of users, and of the network unless asked for.
fn namespaces(image: &Image) {
    let own = |kind: &str| fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
    let text =
        "for n in cgroup ipc mnt net pid user uts; do busybox readlink /proc/self/ns/$n; done";
    for network in [Network::Default, Network::None] {
        let ran = image.run(&Process { network, ..script(text) });
        for (kind, found) in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"]
            .into_iter()
            .zip(ran.output.lines())
        {
            let is_shared = kind == "user" || kind == "net" && network == Network::Default;
            assert_eq!(own(kind).to_str() == Some(found), is_shared, "{kind} {network:?}: {found}");
        }
        assert_eq!(ran.output.lines().count(), 7);
    }
    // Its groups are the topmost that it sees.
    check_script(image, "busybox cut -d : -f 3 /proc/self/cgroup | busybox sort -u", "/\n");
}

/// Nodes of the machine's devices, which root may make, and an image may hold, are shut.
fn devices(image: &Image, entered: &Entered) {
    // Loop devices, FUSE, the kernel's log, memory, disks.
    let devices =
        ["b 7 0", "c 10 229", "c 10 237", "c 1 11", "c 1 1", "b 8 0", "b 254 0", "b 259 0"];
    let is_open = |device: &&str| {
        let text = format!("busybox mknod n {device} && (: < n)");
        let directory = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(crate::support::BUSYBOX);
        command.args(["sh", "-c", &text.replace("busybox", crate::support::BUSYBOX)]);
        command.current_dir(directory.path()).stderr(std::process::Stdio::null());
        command.status().unwrap().success()
    };
    let open: Vec<&str> = devices.into_iter().filter(is_open).collect();
    if open.is_empty() {
        println!("NOT TESTED: devices, none of which can be opened here anyway, {entered:?}");
    }
    let source = tempfile::tempdir_in("/var/tmp").unwrap();
    let mount = |target: &str, source| Mount { target: target.to_owned(), source };
    let run = |device: &str, insecure| {
        let text = format!(
            "for d in /tmp /dev /memory /bound; do busybox mknod $d/n {device} && (: < $d/n) && \
             echo $d; busybox rm -f $d/n; done 2>/dev/null"
        );
        let mounts = vec![
            mount("/memory", MountSource::Tmpfs { size_bytes: None }),
            bind(source.path(), "/bound", false),
        ];
        image.run(&Process { mounts, insecure, ..script(&text) }).output
    };
    for device in &open {
        assert_eq!(run(device, false), "", "{device} can be opened");
        // The legal twin.
        assert!(run(device, true).contains("/tmp"), "{device} cannot be opened with all rights");
    }
    // A node of a harmless device is no harm, and `debootstrap` makes some.
    let facts = doctor_facts(entered);
    let fact = facts.iter().find(|fact| fact.subject == "devices").unwrap();
    let is_filtered = fact.state == doctor::State::Good && !entered.is_rootless;
    let all = "/tmp\n/dev\n/memory\n/bound\n";
    assert_eq!(run("c 1 3", false), if is_filtered { all } else { "" }, "{fact:?}");
}

fn privileges(image: &Image) {
    let pattern = "^(Cap|NoNew|Seccomp:|SigBlk|SigIgn)";
    let status = program(&["busybox", "grep", "-E", pattern, "/proc/self/status"]);
    let expected = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n\
                    CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n\
                    CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n\
                    CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n";
    check(image, &status, expected);
    // Looked at before anything is tried out.
    let text = "for p in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger /sys; do \
                [ ! -e $p ] || busybox grep -q \" $p [a-z]* ro\" /proc/mounts || echo $p; done";
    check_script(image, text, "");
    // Masked files are mounted over, and no file system holds programs of another user.
    let text = "for p in /proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats \
                /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/firmware \
                /sys/devices/virtual/powercap; do \
                [ ! -e $p ] || busybox grep -q \" $p \" /proc/mounts || echo $p; done";
    check_script(image, text, "");
    let text = "for p in /proc /sys /dev/shm /dev/pts; do busybox grep \" $p \" /proc/mounts | \
                busybox grep -q nosuid.*noexec || echo $p; done";
    check_script(image, text, "");
    let refused = [
        "busybox mount -t tmpfs none /tmp",
        "busybox unshare -m true",
        "busybox umount /proc",
        "echo x > /proc/sys/kernel/hostname",
        "echo h > /proc/sysrq-trigger",
        "busybox mkdir /sys/x",
        "busybox mkdir /sys/fs/cgroup/x",
        "busybox mknod /tmp/disk b 259 0 && busybox head -c 1 /tmp/disk",
    ];
    for text in refused {
        check_script(image, &format!("({text}) 2>/dev/null || echo refused"), "refused\n");
    }
    for masked in ["keys", "timer_list"] {
        check_script(image, &format!("busybox wc -c < /proc/{masked}"), "0\n");
    }
    check_script(image, "busybox ls /sys/firmware", "");
}

fn users(image: &Image, entered: &Entered) {
    let nosuch = "unable to find user nosuch: no matching entries in passwd file";
    let process = Process { user: "nosuch".to_owned(), ..script("true") };
    check_error(image, &process, ErrorKind::Account, nosuch);
    let process = Process { user: "app".to_owned(), ..script("busybox id; echo $HOME; pwd") };
    if matches!(entered.ids, Ids::Single { .. }) {
        let error = image.run(&process).result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::System);
        assert!(error.help().unwrap().contains("newuidmap"), "{error:?}");
        return;
    }
    let id = "uid=1000(app) gid=1001(app) groups=77(extra),1001(app)\n/home/app\n/\n";
    check(image, &process, id);
    let text = "busybox grep -E '^(CapEff|CapPrm|Groups)' /proc/self/status; busybox touch /x";
    let process = Process { user: "1000:5".to_owned(), ..script(&format!("{text} || true")) };
    let expected = "Groups:\t5 \nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
                    touch: /x: Permission denied\n";
    check(image, &process, expected);
    // What belongs to others is theirs in the layer too.
    let ran = image.run(&script("busybox touch /f; busybox chown 7:8 /f"));
    let metadata = fs::metadata(ran.snapshot.upper().join("f")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (7, 8));
}

fn ends(image: &Image) {
    let exit = |text: &str| image.run(&script(text)).result.unwrap();
    assert_eq!(exit("exit 3"), Exit::Code(3));
    assert_eq!(exit("/bin/sh -c 'kill -9 $$'; exit $?"), Exit::Code(137));
    let start = std::time::Instant::now();
    assert_eq!(exit("busybox sleep 1000 & (busybox sleep 1000 &); true"), Exit::Code(0));
    assert!(start.elapsed().as_secs() < 2, "what was left in the background was waited for");
    let ran = image.run(&script("busybox yes | busybox head -c 5000000; busybox printf end"));
    assert_eq!((ran.output.len(), ran.output.ends_with("end")), (5_000_003, true));

    check(image, &program(&["busybox", "echo", "a b"]), "a b\n");
    let code = ErrorKind::Exit;
    let missing = r#"exec: "nosuch": executable file not found in $PATH"#;
    check_error(image, &program(&["nosuch"]), code(127), missing);
    let missing = r#"exec: "/no/such": stat /no/such: no such file or directory"#;
    check_error(image, &program(&["/no/such"]), code(127), missing);
    let refused = "exec /etc/passwd: permission denied";
    check_error(image, &program(&["/etc/passwd"]), code(126), refused);
}

fn what_is_left(image: &Image) {
    let written = |text: &str| image.run(&script(text)).written();
    // As BuildKit leaves it: the mount points of `/proc` and `/sys`, and `/etc` touched.
    assert_eq!(written("true"), ["etc", "proc", "sys"]);
    let text = "echo x > /etc/hosts; echo x > /etc/resolv.conf; echo x > /etc/hostname; > /tmp/x";
    assert_eq!(written(text), ["etc", "etc/hostname", "proc", "sys", "tmp", "tmp/x"]);
    let ran = image.run(&script("busybox rm -r /home; busybox mkdir /home"));
    assert_eq!(ran.written(), ["etc", "home", "proc", "sys"]);
    let mut value = [0; 2];
    let home = ran.snapshot.upper().join("home");
    let length = rustix::fs::getxattr(&home, "user.overlay.opaque", &mut value[..]).unwrap();
    assert_eq!(&value[..length], b"y");
}

fn mounts(image: &Image, entered: &Entered) {
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("file"), "content\n").unwrap();
    let with = |mounts: Vec<Mount>, text: &str| Process { mounts, ..script(text) };

    let read_only = || vec![bind(source.path(), "/a/b", true)];
    check(image, &with(read_only(), "busybox cat /a/b/file"), "content\n");
    let text = "busybox touch /a/b/x 2>/dev/null || echo refused";
    check(image, &with(read_only(), text), "refused\n");
    let ran = image.run(&with(read_only(), "true"));
    assert_eq!(ran.written(), ["etc", "proc", "sys"], "mount points are left");
    let file = vec![bind(&source.path().join("file"), "/etc/file", false)];
    check(image, &with(file, "echo new > /etc/file; busybox cat /etc/file"), "new\n");
    assert_eq!(fs::read_to_string(source.path().join("file")).unwrap(), "new\n");
    assert!(!source.path().join("x").exists());

    let tmpfs = |size_bytes| MountSource::Tmpfs { size_bytes };
    let mount = |target: &str, source| Mount { target: target.to_owned(), source };
    let nested = vec![bind(source.path(), "/tmp/sub/s", true), mount("/tmp", tmpfs(None))];
    check(image, &with(nested, "busybox ls /tmp/sub/s; busybox stat -c %a /tmp"), "file\n1777\n");
    let small = vec![mount("/small", tmpfs(Some(65536)))];
    let text = "busybox head -c 100000 /dev/zero > /small/x 2>/dev/null || echo full";
    check(image, &with(small, text), "full\n");

    let id = if matches!(entered.ids, Ids::Single { .. }) { 0 } else { 1000 };
    let file = |mode| MountSource::File { data: b"secret".to_vec(), uid: id, gid: id, mode };
    let text = "busybox cat /run/secrets/s; busybox stat -c ' %a %u %g' /run/secrets/s; \
                (echo x > /run/secrets/s) 2>/dev/null || echo refused";
    let secret = vec![mount("/run/secrets/s", file(0o400))];
    let ran = image.run(&with(secret, text));
    assert_eq!(ran.output, format!("secret 400 {id} {id}\nrefused\n"));
    assert_eq!(ran.written(), ["etc", "proc", "sys"], "mount points are left");
    let pipe =
        MountSource::File { data: b"#!/bin/sh\necho $0\n".to_vec(), uid: 0, gid: 0, mode: 0o755 };
    let script = vec![mount("/dev/pipes/EOF", pipe)];
    check(image, &with(script, "/dev/pipes/EOF"), "/dev/pipes/EOF\n");
}

/// Images whose links lead out, or into the way of what is mounted.
fn hostile_images(entered: &Entered) {
    let outside = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::write(outside.path().join("canary"), "canary").unwrap();
    let outside_path = outside.path().to_str().unwrap().to_owned();
    let climb = format!("{}{outside_path}", "../".repeat(20));
    for link in [&outside_path, &climb] {
        for name in ["etc", "dev", "proc", "sys", "run", "tmp"] {
            let image = Image::new();
            let path = image.root().join(name);
            let _ = fs::remove_dir_all(&path);
            symlink(link, &path).unwrap();
            let data = b"x".to_vec();
            let source = MountSource::File { data, uid: 0, gid: 0, mode: 0o400 };
            let mount = Mount { target: "/run/secrets/s".to_owned(), source };
            let process =
                Process { mounts: vec![mount], cwd: "/tmp/w".to_owned(), ..script("true") };
            let ran = image.run(&process);
            assert!(ran.result.is_ok(), "{name} {link} {:?}", ran.result);
        }
    }
    let left: Vec<_> = fs::read_dir(outside.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "files were made outside, {entered:?}");

    let image = Image::new();
    for n in 3..12 {
        // Such a link is only a text for the builder: it can lead to places of the image alone,
        // which has no `/usr`.
        let cwd = format!("/proc/self/fd/{n}");
        let ran = image.run(&Process { cwd, ..script("busybox pwd; busybox ls ../../../..") });
        let is_outside = ran.output.contains("unreachable") || ran.output.contains("usr");
        assert!(ran.result.is_err() || !is_outside, "descriptor {n} was entered: {}", ran.output);
    }
    symlink("/proc/self/exe", image.root().join("bin/self")).unwrap();
    fs::write(image.root().join("bin/evil"), "#!/proc/self/exe\n").unwrap();
    let evil = image.root().join("bin/evil");
    fs::set_permissions(evil, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let before = fs::metadata("/proc/self/exe").unwrap();
    let process = Process { args: vec!["/bin/evil".to_owned()], ..script("") };
    let ran = image.run(&process);
    assert_ne!(ran.result.ok(), Some(Exit::Code(0)));
    let after = fs::metadata("/proc/self/exe").unwrap();
    assert_eq!((before.mtime(), before.len()), (after.mtime(), after.len()));

    let image = Image::new();
    fs::remove_file(image.root().join("etc/passwd")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, image.root().join("etc/passwd"), rustix::fs::Mode::RUSR)
        .unwrap();
    // It is not waited for.
    let expected = "unable to find user app: no matching entries in passwd file";
    let process = Process { user: "app".to_owned(), ..script("true") };
    check_error(&image, &process, ErrorKind::Account, expected);
}

fn networks(image: &Image) {
    let process = Process {
        network: Network::None,
        ..script("busybox ip -o link | busybox cut -d: -f2; busybox cat /sys/class/net/lo/flags")
    };
    // Up, a loopback, and nothing else.
    check(image, &process, " lo\n0x9\n");
    let hosts = Process {
        extra_hosts: vec![("db".to_owned(), "10.0.0.1".to_owned())],
        hostname: "myhost".to_owned(),
        ..script("busybox cat /etc/hosts")
    };
    let expected = "127.0.0.1\tlocalhost myhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
                    10.0.0.1\tdb\n";
    check(image, &hosts, expected);
}

/// Connects to an abstract socket, in a step.
pub(crate) fn connect(name: &str) {
    let address = SocketAddr::from_abstract_name(name).unwrap();
    match UnixStream::connect_addr(&address) {
        Ok(_) => println!("connected"),
        Err(error) => println!("{:?}", error.kind()),
    }
}

/// Sockets without a path belong to the network, which is the machine's own.
fn abstract_sockets(image: &Image) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    if (numbers.next(), numbers.next()) < (Some(6), Some(12)) {
        println!("NOT TESTED: abstract sockets, which Linux {release} cannot confine");
        return;
    }
    let name = format!("dockwright-test-{}", image.root().display());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let mut process = program(&["/program", "connect", &name]);
    // The test program has the machine's libraries.
    for path in ["/usr", "/lib", "/lib64"] {
        if std::path::Path::new(path).exists() {
            process.mounts.push(bind(std::path::Path::new(path), path, true));
        }
    }
    process.mounts.push(bind(&std::env::current_exe().unwrap(), "/program", true));
    check(image, &process, "PermissionDenied\n");
    process.network = Network::None;
    check(image, &process, "ConnectionRefused\n");
    process.network = Network::Host;
    process.insecure = true;
    check(image, &process, "connected\n");
}

fn limits(image: &Image) {
    let ulimit = |name: &str, soft, hard| Ulimit { name: name.to_owned(), soft, hard };
    let process = Process {
        ulimits: vec![ulimit("nofile", 77, 88), ulimit("core", 0, 0)],
        shm_size_bytes: Some(1 << 20),
        ..script(
            "ulimit -n; ulimit -Hn; ulimit -c; busybox df -k /dev/shm | busybox tail -n 1 | \
                  busybox awk '{print $2}'",
        )
    };
    check(image, &process, "77\n88\n0\n1024\n");
    let process = Process { ulimits: vec![ulimit("nosuch", 1, 1)], ..script("true") };
    let expected = "cannot set the limit `nosuch`: there is no such limit";
    check_error(image, &process, ErrorKind::System, expected);
}

fn many_layers(image: &Image) {
    let mut lowers = vec![image.root()];
    for n in 0..200 {
        let layer = image.directory.path().join(format!("layer-{n}"));
        fs::create_dir(&layer).unwrap();
        fs::write(layer.join(format!("file-{n}")), "").unwrap();
        fs::write(layer.join("top"), n.to_string()).unwrap();
        lowers.push(layer);
    }
    let ran = image.run_on(&lowers, &script("busybox cat /top; busybox ls / | busybox wc -l"));
    assert_eq!(ran.output, "199208\n");
}

fn mounted_snapshots(image: &Image) {
    let directory = tempfile::tempdir_in(image.directory.path()).unwrap();
    let snapshot = Snapshot::at(directory.path(), &[image.root()]).unwrap();
    for n in 0..3 {
        let mounted = snapshot.mount().unwrap();
        assert!(mounted.path().join("bin/busybox").exists());
        fs::write(mounted.path().join(n.to_string()), "x").unwrap();
    }
    let names: Vec<bool> = (0..3).map(|n| snapshot.upper().join(n.to_string()).exists()).collect();
    assert_eq!(names, [true; 3]);
    let empty = tempfile::tempdir_in(image.directory.path()).unwrap();
    let snapshot = Snapshot::at(empty.path(), &[]).unwrap();
    assert_eq!(fs::read_dir(snapshot.mount().unwrap().path()).unwrap().count(), 0);
    // A directory below a mounted snapshot, given to a step.
    let mounted = snapshot.mount().unwrap();
    fs::create_dir_all(mounted.path().join("d/e")).unwrap();
    let mount = bind(&mounted.path().join("d"), "/m", false);
    check(
        image,
        &Process { mounts: vec![mount], ..script("echo x > /m/f; echo /m/*") },
        "/m/e /m/f\n",
    );
    assert!(snapshot.upper().join("d/f").exists());
}

/// A program for i386 that does nothing but `exit(42)`.
fn other_architectures(image: &Image) {
    if cfg!(not(target_arch = "x86_64")) {
        println!("NOT TESTED: 32-bit programs, on this machine");
        return;
    }
    let code = [0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80];
    let mut elf = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let (base, start) = (0x1_0000_u32, 84_u32);
    elf.extend([2, 0, 3, 0, 1, 0, 0, 0]);
    for word in [base + start, 52, 0, 0] {
        elf.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    let length = start + u32::try_from(code.len()).unwrap();
    for word in [1, 0, base, base, length, length, 5, 0x1000] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(code);
    let path = image.root().join("bin/exit32");
    fs::write(&path, elf).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let process = Process { args: vec!["/bin/exit32".to_owned()], ..script("") };
    match image.run(&process).result {
        Err(error) if error.kind() == ErrorKind::Exit(126) => {
            println!("NOT TESTED: 32-bit programs, which this kernel does not have: {error}");
        }
        result => assert_eq!(result.unwrap(), Exit::Code(42)),
    }
}

/// In a container the root is an overlay, which cannot hold the upper directory of another.
fn store_on_an_overlay(image: &Image) {
    let directory = tempfile::tempdir_in(image.directory.path()).unwrap();
    let outer = Snapshot::at(directory.path(), &[image.root()]).unwrap();
    let mounted = outer.mount().unwrap();
    let inner = tempfile::tempdir_in(mounted.path().join("tmp")).unwrap();
    let mut output = Vec::new();
    let snapshot = Snapshot::at(inner.path(), &[mounted.path().to_owned()]).unwrap();
    let process = script("busybox id -u; echo x > /written");
    let exit = dockwright_builder::exec::run(&snapshot, &process, &mut |_, bytes| {
        output.extend_from_slice(bytes);
    });
    assert_eq!((exit.unwrap(), output.as_slice()), (Exit::Code(0), b"0\n".as_slice()));
    assert_eq!(fs::read_to_string(snapshot.upper().join("written")).unwrap(), "x\n");
}

type Runtimes = [(&'static str, Option<std::path::PathBuf>); 3];

fn runtimes() -> Runtimes {
    let runtimes = [("crun", "/usr/bin/crun"), ("runc", "/usr/sbin/runc"), ("none", "/no/such")];
    let found = |path: &str| Some(std::path::PathBuf::from(path)).filter(|path| path.exists());
    runtimes.map(|(name, path)| (name, found(path)))
}

fn doctor_facts(entered: &Entered) -> Vec<doctor::Fact> {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    doctor::facts_in(&store, entered, &runtimes()).unwrap()
}

fn doctor(entered: &Entered) {
    let runtimes = runtimes();
    let facts = doctor_facts(entered);
    let subjects: Vec<&str> = facts.iter().map(|fact| fact.subject.as_str()).collect();
    let expected = [
        "kernel",
        "user and group ids",
        "snapshots",
        "native",
        "native, no network",
        "system calls",
        "devices",
        "sockets",
        "oci:crun",
        "oci:runc",
        "oci:none",
        "limits of memory",
        "limits of cpu",
        "limits of cpuset",
    ];
    assert_eq!(subjects, expected);
    let has_groups =
        fs::read_dir("/sys/fs/cgroup").is_ok_and(|mut entries| entries.next().is_some());
    for fact in &facts {
        let is_single = matches!(entered.ids, Ids::Single { .. });
        let is_limited = is_single && fact.subject == "user and group ids";
        let state = match fact.subject.as_str() {
            // They depend on the machine: what is said must be what a step finds.
            "devices" | "sockets" | "limits of memory" | "limits of cpu" | "limits of cpuset" => {
                fact.state
            }
            "oci:none" => doctor::State::Absent,
            name if runtimes
                .iter()
                .any(|(n, path)| name == format!("oci:{n}") && path.is_none()) =>
            {
                println!("NOT TESTED: {name} is not installed");
                doctor::State::Absent
            }
            // Runtimes take root with all ids for the machine's, although it may not make devices.
            "oci:crun" | "oci:runc" if entered.is_rootless && !is_single => fact.state,
            // They start nothing without control groups.
            "oci:crun" | "oci:runc" if !has_groups => fact.state,
            _ if is_limited => doctor::State::Limited,
            _ => doctor::State::Good,
        };
        assert_eq!(fact.state, state, "{fact:?}");
    }
    assert_eq!((doctor::best(&facts), doctor::can_build(&facts)), (Some("native"), true));
}
