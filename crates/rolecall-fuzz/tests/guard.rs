//! The libFuzzer target of the guard: `cargo xtask fuzz`.

#![no_main]

use rolecall_fuzz::seeds;

libfuzzer_sys::fuzz_target!(
    init: seeds::write_seeds(seeds::guard),
    |data: &[u8]| rolecall_fuzz::guard(data)
);
