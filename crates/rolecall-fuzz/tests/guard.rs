//! libFuzzer's way into the guard: `cargo xtask fuzz`.

#![no_main]

use rolecall_fuzz::seeds;

libfuzzer_sys::fuzz_target!(
    init: seeds::plant(seeds::guard),
    |data: &[u8]| rolecall_fuzz::guard(data)
);
