// SPDX-License-Identifier: GPL-2.0

//! JSON keeps to the schema, the schema to the types, manual pages and completions to the command line.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by them"
)]

mod support;

use serde_json::Value;
use std::{fs, path::Path};
use support::{folder, run, state, tests};

/// Everything below `generate`.
fn generated(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    let to = folder.to_str().expect("a path");
    let done = run(&state("zen6"), &["generate", to]);
    assert_eq!((done.code, done.out.as_str()), (0, ""), "{}", done.err);
    folder
}

#[test]
fn the_schema_is_that_of_the_types() {
    let made = fs::read_to_string(generated("schema").join("rmpoptctl.schema.json"));
    let kept = tests().join("../schema/rmpoptctl.schema.json");
    if std::env::var_os("RMPOPTCTL_BLESS").is_some() {
        fs::write(&kept, made.expect("the schema")).expect("the schema is written");
        return;
    }
    let kept = fs::read_to_string(kept).expect("the schema of the tree");
    assert!(
        made.expect("the schema") == kept,
        "rmpoptctl generate, and copy the schema"
    );
}

#[test]
fn what_is_printed_keeps_to_the_schema() {
    let schema = fs::read_to_string(tests().join("../schema/rmpoptctl.schema.json"));
    let schema: Value = serde_json::from_str(&schema.expect("the schema")).expect("it is JSON");
    for name in ["zen6", "zen5", "zen4", "unloaded", "none"] {
        for arguments in [
            &["status"][..],
            &["get"],
            &["get", "auto"],
            &["set", "--dry-run", "auto=0"],
            &["map"],
            &["rmp", "--segments"],
            &["rmp", "--config"],
            &["rmp", "--occupancy"],
            &["guests"],
            &["advise"],
            &["advise", "--what-if"],
            &["doctor"],
        ] {
            let done = run(&state(name), &[arguments, &["--json"]].concat());
            // An error is no document.
            if done.out.is_empty() {
                assert_ne!(done.code, 0, "{name}: {arguments:?}");
                continue;
            }
            let document: Value = serde_json::from_str(&done.out).expect("it is JSON");
            assert_eq!(document["schema_version"], 1);
            assert_eq!(document["command"], arguments[0]);
            if let Err(why) = fits(&schema, &schema, &document) {
                panic!("{name}: {arguments:?}: {why}");
            }
        }
    }
}

/// As far as the schema goes: types, properties, references, choices.
fn fits(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(&reference[1..]).ok_or(reference)?;
        return fits(root, target, value);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(all) = schema[choice].as_array() {
            let found = all
                .iter()
                .filter(|one| fits(root, one, value).is_ok())
                .count();
            if found == 0 || (choice == "oneOf" && found != 1) {
                return Err(format!("{found} of {choice} fit {value}"));
            }
        }
    }
    if let Some(wanted) = schema.get("const") {
        if wanted != value {
            return Err(format!("{value} is not {wanted}"));
        }
    }
    if let Some(wanted) = schema["enum"].as_array() {
        if !wanted.contains(value) {
            return Err(format!("{value} is not of {wanted:?}"));
        }
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.is_empty() && !types.contains(&is) {
        return Err(format!("{value} is not of {types:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if value.get(name).is_none() {
            return Err(format!("no {name} in {value}"));
        }
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        if let Some(schema) = schema["properties"].get(name) {
            fits(root, schema, inner).map_err(|why| format!("{name}: {why}"))?;
        } else if schema["additionalProperties"].is_object() {
            fits(root, &schema["additionalProperties"], inner)?;
        } else if schema.get("properties").is_some() && !outside(schema, name) {
            return Err(format!("{name} is not in the schema"));
        }
    }
    for inner in value.as_array().into_iter().flatten() {
        if schema["items"].is_object() {
            fits(root, &schema["items"], inner)?;
        }
    }
    Ok(())
}

/// Names of the document itself, which the schema has beside or in its alternatives.
fn outside(schema: &Value, name: &str) -> bool {
    match name {
        "schema_version" => schema["properties"].get("command").is_some(),
        "command" | "data" => !schema["oneOf"].is_null(),
        _ => false,
    }
}

/// The subcommands, as the program's help lists them.
fn subcommands() -> Vec<String> {
    let help = run(Path::new("/"), &["--help"]).out;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = list.take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_subcommand_has_a_manual_page_and_is_completed() {
    let folder = generated("generated");
    let names = subcommands();
    assert!(names.len() >= 10, "{names:?}");
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect(file);
    let main = read("man/rmpoptctl.1");
    assert!(
        main.contains("the module is not loaded"),
        "exit codes are not in the page"
    );
    for name in names {
        let page = read(&format!("man/rmpoptctl-{name}.1"));
        assert!(page.contains(".SH OPTIONS"), "{name}");
        for shell in ["rmpoptctl.bash", "_rmpoptctl", "rmpoptctl.fish"] {
            assert!(
                read(&format!("completions/{shell}")).contains(&name),
                "{name}, {shell}"
            );
        }
    }
}

/// `--json` and errors: nothing on standard output, the reason on the other one.
#[test]
fn errors_are_no_documents() {
    let done = run(&state("unloaded"), &["map", "--json"]);
    assert_eq!((done.code, done.out.as_str()), (3, ""));
    assert!(done.err.starts_with("rmpoptctl: "), "{}", done.err);
    assert_eq!(run(&state("zen6"), &["no-such-command"]).code, 2);
}
