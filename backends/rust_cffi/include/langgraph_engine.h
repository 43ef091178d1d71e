/*
 * The C ABI of langgraph_engine.
 *
 * Written by cbindgen from src/lib.rs; change that file, then run:
 *     LGE_WRITE_HEADER=1 cargo test -p lge-cffi --test header
 */

#ifndef LANGGRAPH_ENGINE_H
#define LANGGRAPH_ENGINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// The version of this ABI. It is raised when a function changes meaning or goes away, not when one
// is added.
#define LGE_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the ABI version the library was built with. A host compares it with the
// `LGE_ABI_VERSION` of the header it was built with, and calls nothing else if they differ.
//
// It takes nothing, owns nothing, cannot fail, and may be called from any thread. Since version 1.
uint32_t lge_abi_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LANGGRAPH_ENGINE_H */
