// SPDX-License-Identifier: GPL-2.0

//! Each subcommand on each saved state, text and JSON, as the golden files have it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;

use std::fs;
use support::{copy, folder, golden, picture, put, run, same, state};

/// The saved states: see `save` and README.md.
const STATES: [&str; 5] = ["zen6", "zen5", "zen4", "unloaded", "none"];

fn on_all(name: &str, arguments: &[&str]) {
    for state_name in STATES {
        let file = format!("{state_name}.{name}");
        golden(&file, &state(state_name), arguments);
    }
}

#[test]
fn status() {
    on_all("status", &["status"]);
}

#[test]
fn status_json() {
    on_all("status.json", &["status", "--json"]);
}

#[test]
fn status_in_colour() {
    golden(
        "zen6.status.colour",
        &state("zen6"),
        &["status", "--colour=always"],
    );
}

#[test]
fn get() {
    on_all("get", &["get"]);
    golden("zen6.get.delay_ms", &state("zen6"), &["get", "delay_ms"]);
    golden(
        "zen6.get.window_policy",
        &state("zen6"),
        &["get", "window_policy"],
    );
    golden("zen6.get.json", &state("zen6"), &["get", "--json"]);
    golden("zen6.get.wrong", &state("zen6"), &["get", "dealy_ms"]);
    golden("zen6.get.elsewhere", &state("zen6"), &["get", "../debug"]);
    golden("zen6.get.no-setting", &state("zen6"), &["get", "action"]);
}

#[test]
fn set_checks_before_it_writes() {
    let zen6 = state("zen6");
    let dry = ["set", "--dry-run"];
    let set = |name: &str, settings: &[&str]| {
        golden(
            &format!("zen6.set.{name}"),
            &zen6,
            &[&dry[..], settings].concat(),
        );
    };
    set("good", &["delay_ms=250", "window_policy=node", "auto=0"]);
    set("json", &["delay_ms=250", "--json"]);
    set("number", &["delay_ms=600001"]);
    set("no-number", &["slice_us=+5"]);
    set("switch", &["enabled=yes"]);
    set("choice", &["isolated_cpus=[skip]"]);
    set("form", &["delay_ms"]);
    set("name", &["action=1"]);
    golden("zen6.set.saved", &zen6, &["set", "delay_ms=1"]);
    golden("unloaded.set", &state("unloaded"), &["set", "delay_ms=1"]);
}

#[test]
fn map() {
    on_all("map", &["map"]);
    on_all("map.core", &["map", "--by=core", "--rows=2"]);
    let zen6 = state("zen6");
    golden("zen6.map.json", &zen6, &["map", "--json"]);
    golden("zen6.map.raw", &zen6, &["map", "--raw"]);
    golden("zen6.map.colour", &zen6, &["map", "--colour=always"]);
    golden(
        "zen6.map.range",
        &zen6,
        &["map", "--range=4G-8G", "--node=0"],
    );
    golden("zen6.map.nothing", &zen6, &["map", "--range=2G+1G"]);
    golden("zen6.map.wrong", &zen6, &["map", "--range=2G"]);
}

#[test]
fn map_as_pictures() {
    let folder = folder("pictures");
    for (option, name) in [("--svg", "zen6.svg"), ("--html", "zen6.html")] {
        picture(&folder, name, |file| {
            run(&state("zen6"), &["map", &format!("{option}={file}")])
        });
    }
}

#[test]
fn rmp() {
    on_all("rmp.segments", &["rmp", "--segments"]);
    on_all("rmp.config", &["rmp", "--config"]);
    on_all("rmp.occupancy", &["rmp", "--occupancy"]);
    let zen6 = state("zen6");
    golden("zen6.rmp.other", &zen6, &["rmp", "0x1000"]);
    golden("zen6.rmp.wrong", &zen6, &["rmp", "0x10000000000000"]);
    golden("zen6.rmp.nothing", &zen6, &["rmp"]);
    golden("zen6.rmp.json", &zen6, &["rmp", "--occupancy", "--json"]);
    // The page that was asked for when the copy was made; any byte of it will do.
    let entry = fs::read_to_string(zen6.join("sys/kernel/config/rmpopt/rmp_entry"));
    let entry = entry.expect("the entry");
    let address = entry
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("address: "));
    let address = address.and_then(|address| address.strip_suffix("000"));
    let address = address.expect("an address of a page");
    let run = run(&zen6, &["rmp", &format!("{address}123")]);
    assert_eq!(run.code, 0, "{}", run.err);
    same("zen6.rmp.entry", &run.out);
}

#[test]
fn guests() {
    on_all("guests", &["guests"]);
    golden("zen6.guests.json", &state("zen6"), &["guests", "--json"]);
    golden("zen6.guests.asids", &state("zen6"), &["guests", "--asids"]);
}

#[test]
fn guests_by_name() {
    let root = folder("guests-by-name");
    copy(&state("zen6"), &root);
    let line = b"/usr/bin/kvm\0-name\0web,debug-threads=on\0-m\x002048\0-pidfile\0/var/run/qemu-server/100.pid\0-object\0sev-snp-guest,id=a\0";
    put(&root, "proc/4711/cmdline", line);
    put(
        &root,
        "proc/4712/cmdline",
        b"qemu-system-x86_64\0-m\x002048\0",
    );
    put(&root, "proc/self/cmdline", line);
    golden("named.guests", &root, &["guests"]);
}

#[test]
fn advise() {
    on_all("advise", &["advise"]);
    golden(
        "zen6.advise.json",
        &state("zen6"),
        &["advise", "--top=1", "--json"],
    );
}

#[test]
fn what_if() {
    on_all("advise.what-if", &["advise", "--what-if"]);
    let zen6 = state("zen6");
    golden("zen6.advise.what-if.5", &zen6, &["advise", "--what-if=5"]);
    let json = ["advise", "--what-if=5-6", "--json"];
    golden("zen6.advise.what-if.json", &zen6, &json);
    golden("zen6.advise.what-if.rmp", &zen6, &["advise", "--what-if=1"]);
    golden(
        "zen6.advise.what-if.hole",
        &zen6,
        &["advise", "--what-if=2"],
    );
    golden(
        "zen6.advise.what-if.free",
        &zen6,
        &["advise", "--what-if=0"],
    );
    golden(
        "zen6.advise.what-if.none",
        &zen6,
        &["advise", "--what-if=x"],
    );
}

/// It measures a machine, and a saved state is none.
#[test]
fn gain() {
    golden("zen6.gain", &state("zen6"), &["gain"]);
    golden("zen6.gain.size", &state("zen6"), &["gain", "--size=1K"]);
}

/// Without a terminal there is no screen to fill.
#[test]
fn watch_needs_a_terminal() {
    golden("zen6.watch", &state("zen6"), &["watch"]);
}

#[test]
fn optimise() {
    golden("zen6.optimise", &state("zen6"), &["optimise"]);
    golden(
        "zen6.optimise.range",
        &state("zen6"),
        &["optimise", "--range=8G-4G"],
    );
    golden(
        "unloaded.optimise",
        &state("unloaded"),
        &["optimise", "--wait"],
    );
}

#[test]
fn doctor() {
    on_all("doctor", &["doctor"]);
    golden("zen6.doctor.json", &state("zen6"), &["doctor", "--json"]);
}

#[test]
fn export() {
    on_all("prometheus", &["export", "prometheus"]);
}

/// Whoever reads the file meanwhile has the old one or the new one, and nothing is left beside it.
#[test]
fn export_replaces_the_file() {
    let folder = folder("export");
    let file = folder.join("rmpopt.prom");
    fs::write(&file, "old\n").expect("the old file");
    let before = fs::File::open(&file).expect("the old file");
    let argument = format!("--output={}", file.display());
    let done = run(&state("zen6"), &["export", "prometheus", &argument]);
    assert_eq!((done.code, done.out.as_str()), (0, ""), "{}", done.err);
    let text = fs::read_to_string(&file).expect("the new file");
    assert_eq!(text, run(&state("zen6"), &["export", "prometheus"]).out);
    let old = std::io::read_to_string(before).expect("the old file");
    assert_eq!(old, "old\n", "the old file was written to");
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 1);
    let nowhere = format!("--output={}", folder.join("missing/rmpopt.prom").display());
    assert_eq!(
        run(&state("zen6"), &["export", "prometheus", &nowhere]).code,
        1
    );
}

/// A copy of zen6 with these lines of files replaced: file, beginning of the line, line.
fn changed(name: &str, lines: &[(&str, &str, &str)]) -> std::path::PathBuf {
    let root = folder(name);
    copy(&state("zen6"), &root);
    for (file, begins, line) in lines {
        let path = root.join(file);
        let text = fs::read_to_string(&path).expect("the file");
        let text = text
            .lines()
            .map(|old| if old.starts_with(begins) { line } else { old });
        let text = text.collect::<Vec<_>>().join("\n") + "\n";
        fs::write(&path, text).expect("the file");
    }
    root
}

/// Beside a kernel that has RMPOPT of its own, as a module shows it that has `status` and `native`.
#[test]
fn native() {
    let debug = "sys/kernel/debug/rmpopt";
    let table = format!("{debug}/rmpopt-table");
    let root = changed(
        "native",
        &[
            (
                "proc/cpuinfo",
                "flags",
                "flags\t\t: sev sev_es sev_snp rmpopt",
            ),
            (
                &table,
                "Memory @  9GB",
                "Memory @  9GB: CPU(s): none (not covered)",
            ),
            (
                &format!("{debug}/cpu/0"),
                "state",
                "state: enabled by the kernel",
            ),
        ],
    );
    let status = "role: assist\nenabled: 1\ncores enabled by the kernel: 3\ncores enabled, other window: 1\nnot_covered_gib: 1 of 8\n";
    put(&root, &format!("{debug}/status"), status);
    put(
        &root,
        "sys/kernel/config/rmpopt/native",
        "[assist] observe takeover\n",
    );
    let stats = fs::read_to_string(root.join(debug).join("stats")).expect("stats");
    put(
        &root,
        &format!("{debug}/stats"),
        stats + "native_passes: 2\nnative_won: 7\ndelay_ms 256-511: 3\ndelay_ms 1048576-: 1\n",
    );
    for (name, arguments) in [
        ("status", &["status"][..]),
        ("status.json", &["status", "--json"]),
        ("map", &["map"]),
        ("get", &["get"]),
        ("doctor", &["doctor"]),
        ("prometheus", &["export", "prometheus"]),
        ("set", &["set", "--dry-run", "native=takeover"]),
        ("set.wrong", &["set", "--dry-run", "native=off"]),
    ] {
        golden(&format!("native.{name}"), &root, arguments);
    }
}

/// What goes wrong on hosts: each check of the doctor, and each warning of the status, with its cause.
#[test]
fn trouble() {
    let debug = "sys/kernel/debug/rmpopt";
    let stats = format!("{debug}/stats");
    let config = format!("{debug}/rmp/config");
    let root = changed(
        "trouble",
        &[
            (&format!("{debug}/cpu/0"), "state", "state: cleared"),
            (
                &format!("{debug}/cpu/2"),
                "state",
                "state: kept by the processor",
            ),
            (&format!("{debug}/cpu/4"), "state", "state: taken out (#UD)"),
            (&stats, "probes", "probes: none, polling every 10 s"),
            (&stats, "missed", "missed: 3"),
            (&stats, "missing", "missing: 1"),
            (&config, "hwcr", "hwcr: 0x0000000000000000 (SMM not locked)"),
        ],
    );
    let segments = format!("{debug}/rmp/segments");
    let text = fs::read_to_string(root.join(&segments)).expect("segments");
    let text = text.replace("nodes 0-1, ", "nodes 1, ");
    put(&root, &segments, text + "issue: ram-uncovered: GiB 9-9\nissue: overlap: segments 0 and 1 have entries in common\n");
    put(&root, "sys/kernel/config/rmpopt/enabled", "0\n");
    put(&root, "proc/cmdline", "root=/dev/sda iommu=pt quiet\n");
    put(&root, "sys/module/kvm_amd/parameters/sev_snp", "N\n");
    put(
        &root,
        "sys/kernel/security/lockdown",
        "none [integrity] confidentiality\n",
    );
    let log = "[    9.1] RMPUPDATE failed for PFN 27ffff, pg_level: 1, ret: 2\n";
    put(&root, "var/log/dmesg", log);
    golden("trouble.status", &root, &["status"]);
    golden("trouble.doctor", &root, &["doctor"]);
    // Elsewhere it is not the last MiB that is at fault.
    put(&root, "var/log/dmesg", log.replace("27ffff", "27feff"));
    let elsewhere = run(&root, &["doctor"]).out;
    assert!(elsewhere.contains("ret: 2: see the line"), "{elsewhere}");
}

/// Without the module: what firmware, kernel and packages lack.
#[test]
fn trouble_without_the_module() {
    let root = folder("trouble-unloaded");
    copy(&state("unloaded"), &root);
    let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).expect("the release");
    let release = release.trim();
    put(
        &root,
        &format!("boot/config-{release}"),
        "# CONFIG_RUST is not set\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.1 (x)\"\n",
    );
    put(
        &root,
        &format!("lib/modules/{release}/modules.dep"),
        "kernel/a.ko:\n",
    );
    let line = "SEV-SNP: Memory for the RMP table has not been reserved by BIOS";
    put(&root, "var/log/dmesg", format!("[    1.0] {line}\n"));
    let secure = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    put(&root, secure, [6, 0, 0, 0, 1]);
    let info = fs::read_to_string(root.join("proc/cpuinfo")).expect("cpuinfo");
    let info = info
        .replace(" sev_snp", "")
        .replacen("microcode\t: 0x", "microcode\t: 0x9", 1);
    put(&root, "proc/cpuinfo", info);
    golden("trouble-unloaded.doctor", &root, &["doctor"]);
    put(&root, "proc/sys/kernel/osrelease", "6.12.48+deb13-amd64\n");
    let old = run(&root, &["doctor"]).out;
    assert!(old.contains("FAIL series: "), "{old}");
}
