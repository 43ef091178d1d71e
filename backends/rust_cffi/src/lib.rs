//! The C ABI of langgraph_engine: the Rust core for any host that can call C.
//!
//! Everything exported is declared in `include/langgraph_engine.h`. So far that is the version of the
//! ABI itself, which a host checks before it calls anything else:
//!
//! ```
//! assert_eq!(langgraph_engine::lge_abi_version(), langgraph_engine::LGE_ABI_VERSION);
//! ```
//!
//! Conventions every function of this ABI keeps:
//!
//! * names start with `lge_`, constants with `LGE_`;
//! * text and bytes travel with a length, never NUL-terminated;
//! * whoever allocates frees, and freeing NULL does nothing;
//! * no panic crosses the boundary: a function that can fail returns a failure value of its own type.

#![deny(unsafe_op_in_unsafe_fn)]
#![deny(improper_ctypes_definitions)]

/// The version of this ABI. It is raised when a function changes meaning or goes away, not when one
/// is added.
pub const LGE_ABI_VERSION: u32 = 1;

/// Returns the ABI version the library was built with. A host compares it with the
/// `LGE_ABI_VERSION` of the header it was built with, and calls nothing else if they differ.
///
/// It takes nothing, owns nothing, cannot fail, and may be called from any thread. Since version 1.
// SAFETY: no other symbol of this library has the name, and the prefix keeps it apart from others'.
#[unsafe(no_mangle)]
pub extern "C" fn lge_abi_version() -> u32 {
    LGE_ABI_VERSION
}
