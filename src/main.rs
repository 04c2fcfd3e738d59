//! The `rolecalld` binary.

/// mimalloc, because pages and records are short-lived allocations on several threads, for which the system allocator
/// takes a fifth of the CPU time (docs/benchmarks.md). Built without huge pages, which each thread would reserve for
/// itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rolecalld::cli::main()
}
