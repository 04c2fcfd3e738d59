//! `rolecalld`: the gateway.

/// Pages and records come and go by the thousand on several threads, on which the system's allocator spends a fifth of the
/// time (docs/benchmarks.md). Without huge pages, of which each thread would claim one for itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rolecalld::cli::main()
}
