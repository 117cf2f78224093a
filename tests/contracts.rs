//! The documents that describe Hansom's interfaces are generated from its types, and the committed
//! copies are what is generated. `HANSOM_BLESS=1` writes them anew.

use std::{env, fs, path::Path};

use serde_json::Value;

/// Compares a document with its committed copy.
fn check(file: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schemas/json")
        .join(file);
    let generated = format!("{document:#}\n");
    if env::var_os("HANSOM_BLESS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{file} is not what the types say; run the tests with HANSOM_BLESS=1 and read the diff",
    );
}

#[test]
fn json_schemas_are_what_the_types_say() {
    for (name, document) in schemas::json_schema::documents() {
        check(&format!("{name}.schema.json"), &document);
    }
}

#[test]
fn openapi_documents_are_what_the_handlers_say() {
    check(
        "ingest.openapi.json",
        &serde_json::to_value(ingest::openapi()).unwrap(),
    );
    check(
        "live.openapi.json",
        &serde_json::to_value(processor::live::openapi()).unwrap(),
    );
}
