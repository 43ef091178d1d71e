//! The header in `include/` says what the library exports, word for word.

use std::path::Path;
use std::{env, fs};

const HEADER: &str = "include/langgraph_engine.h";

#[test]
fn header_is_what_the_source_declares() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(HEADER);
    let mut written = Vec::new();
    cbindgen::generate(root)
        .expect("the crate's own source and cbindgen.toml are valid")
        .write(&mut written);
    let written = String::from_utf8(written).expect("cbindgen writes UTF-8");

    if env::var_os("LGE_WRITE_HEADER").is_some() {
        fs::write(&path, &written).expect("the include folder is writable");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept, written,
        "{HEADER} is out of date; write it anew with LGE_WRITE_HEADER=1"
    );
}
