// SPDX-License-Identifier: Apache-2.0
// Rust's global allocator by the C interface: -lheapprof, without a preload. Sizes and alignments go along, so that a free need not look
// them up.
use std::alloc::{GlobalAlloc, Layout};
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_void};

#[link(name = "heapprof")]
extern "C" {
    fn mallocx(size: usize, flags: c_int) -> *mut c_void;
    fn rallocx(block: *mut c_void, size: usize, flags: c_int) -> *mut c_void;
    fn sdallocx(block: *mut c_void, size: usize, flags: c_int);
    fn heapprof_dump_heap(path: *const c_char) -> c_int;
}

const MALLOCX_ZERO: c_int = 0x40;

// MALLOCX_LG_ALIGN of <jemalloc/jemalloc.h>; 16 bytes are there anyway, but not for smaller blocks.
fn flags(layout: Layout) -> c_int {
    if layout.align() <= 8 || (layout.align() <= 16 && layout.size() >= 16) {
        0
    } else {
        layout.align().trailing_zeros() as c_int
    }
}

struct Heapprof;

unsafe impl GlobalAlloc for Heapprof {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        mallocx(layout.size(), flags(layout)) as *mut u8
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        mallocx(layout.size(), flags(layout) | MALLOCX_ZERO) as *mut u8
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        sdallocx(block as *mut c_void, layout.size(), flags(layout))
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let resized = Layout::from_size_align_unchecked(size, layout.align());
        rallocx(block as *mut c_void, size, flags(resized)) as *mut u8
    }
}

#[global_allocator]
static GLOBAL: Heapprof = Heapprof;

#[inline(never)]
fn keep_names(count: usize) -> Vec<String> {
    (0..count).map(|_| "n".repeat(1000)).collect()
}

fn main() {
    let names = keep_names(1000);
    let path = CString::new(std::env::args().nth(1).expect("a path")).unwrap();
    let status = unsafe { heapprof_dump_heap(path.as_ptr()) };
    println!("{} {}", names.len(), status);
}
