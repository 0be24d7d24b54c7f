// SPDX-License-Identifier: GPL-2.0

//! A host of 512 cores with 1,024 CPUs, 12 TiB and 8 nodes: too large to be saved, so it is made here.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;

use std::path::{Path, PathBuf};
use support::{copy, folder, golden, put, run, state};

/// CPUs of a core are N and N + 512, as Linux numbers them.
const CORES: u32 = 512;
const NODES: u32 = 8;
/// GiBs with RAM of a node, and the hole below 4 GiB.
const NODE_GIB: u32 = 1536;

/// GiBs with RAM: all but 2 and 3, where the hole is.
fn regions() -> impl Iterator<Item = u32> {
    (0..NODES * NODE_GIB + 2).filter(|gib| ![2, 3].contains(gib))
}

fn node_of(gib: u32) -> u32 {
    (gib.saturating_sub(2) / NODE_GIB).min(NODES - 1)
}

/// Guests hold every GiB of node 3's last third, and every fourth one of node 5.
fn held(gib: u32) -> bool {
    match node_of(gib) {
        3 => gib % NODE_GIB > NODE_GIB / 3 * 2,
        5 => gib % 4 == 0,
        _ => gib == 1,
    }
}

/// Windows of 2 TiB: those of a node's cores begin with the node's memory.
fn cpus(gib: u32) -> String {
    if held(gib) {
        return "none".into();
    }
    let per_node = CORES / NODES;
    let mut low = Vec::new();
    for node in 0..NODES {
        let first = (node * NODE_GIB + 2 * u32::from(node > 0)).min(NODES * NODE_GIB + 2 - 2048);
        if (first..first + 2048).contains(&gib) {
            low.push((node * per_node, (node + 1) * per_node - 1));
        }
    }
    let lists = [0, CORES].map(|plus| {
        let ranges = low
            .iter()
            .map(|(a, b)| format!("{}-{}", a + plus, b + plus));
        ranges.collect::<Vec<_>>().join(",")
    });
    if low.is_empty() {
        "none".into()
    } else {
        lists.join(",")
    }
}

fn make(name: &str) -> PathBuf {
    let root = folder(name);
    copy(&state("zen6"), &root);
    let mut cpuinfo = String::new();
    for cpu in 0..2 * CORES {
        let (package, core) = (cpu % CORES / 256, cpu % 256);
        cpuinfo += &format!("processor\t: {cpu}\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 80\nmodel name\t: AMD EPYC (made up)\nstepping\t: 0\nmicrocode\t: 0xb500010\nphysical id\t: {package}\ncore id\t\t: {core}\nflags\t\t: sev sev_es sev_snp\n\n");
    }
    put(&root, "proc/cpuinfo", cpuinfo);
    put(&root, "sys/devices/system/cpu/online", "0-1023\n");
    let mut zones = String::new();
    for node in 0..NODES {
        let first = u64::from(node * NODE_GIB + 2 * u32::from(node > 0)) << 18;
        let last = u64::from((node + 1) * NODE_GIB + 2) << 18;
        let spanned = last - first;
        zones += &format!("Node {node}, zone   Normal\n        spanned  {spanned}\n        present  {spanned}\n  start_pfn:           {first}\n");
        let cpus = (node * 64, node * 64 + 63);
        put(
            &root,
            &format!("sys/devices/system/node/node{node}/cpulist"),
            format!(
                "{}-{},{}-{}\n",
                cpus.0,
                cpus.1,
                cpus.0 + CORES,
                cpus.1 + CORES
            ),
        );
    }
    put(&root, "proc/zoneinfo", zones);
    let mut table = String::new();
    for gib in regions() {
        table += &format!("Memory @{gib:3}GB: CPU(s): {}\n", cpus(gib));
    }
    put(&root, "sys/kernel/debug/rmpopt/rmpopt-table", table);
    for core in 0..CORES {
        let text = format!("core: {core} (CPUs {core},{})\nnode: {}\nstate: enabled\nrmpopt_base: 0x0000000000000001\nwindow_gib: 0-2047\ncovered_gib: 2046 of 12288\noptimised_gib: 2045\noptimisable_gib: 2045\noptimised_ranges: 0,4-2047\nlast_pass: attempted 2046, optimised 2045\n", core + CORES, core / 64);
        put(&root, &format!("sys/kernel/debug/rmpopt/cpu/{core}"), text);
    }
    root
}

#[test]
fn map() {
    let root: &Path = &make("large-map");
    golden("large.map", root, &["map"]);
    golden("large.map.core", root, &["map", "--by=core", "--rows=16"]);
    golden(
        "large.map.range",
        root,
        &["map", "--range=6T+1T", "--node=3"],
    );
    let run = run(root, &["map"]);
    let widest = run.out.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?} columns");
}

#[test]
fn status() {
    let root: &Path = &make("large-status");
    golden("large.status", root, &["status"]);
}
