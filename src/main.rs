//! `rolecalld`: the gateway.

fn main() -> std::process::ExitCode {
    rolecalld::cli::main()
}
