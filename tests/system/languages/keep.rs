// SPDX-License-Identifier: Apache-2.0
// Keeps 4 MB in 1000 vectors, in a thread's hands, and some in aligned blocks.
use std::thread;

#[repr(align(64))]
#[derive(Clone)]
struct Line([u8; 64]);

#[inline(never)]
fn keep_orders(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| vec![7u8; 4000]).collect()
}

#[inline(never)]
fn keep_lines(count: usize) -> Vec<Line> {
    vec![Line([1; 64]); count]
}

fn main() {
    let orders = thread::spawn(|| keep_orders(1000)).join().unwrap();
    let lines = keep_lines(10000);
    println!("{} {}", orders.len(), lines[9999].0[0]);
    std::mem::forget(orders);
    std::mem::forget(lines);
}
