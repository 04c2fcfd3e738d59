//! Quoting for terminals, and names that need none. Values are quoted whatever they are: what is pasted into a terminal is
//! never taken on trust.

/// POSIX shells: single quotes, and a single quote as `'\''`.
pub fn sh(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// fish: inside single quotes only `\` and `'` are special.
pub fn fish(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// PowerShell: inside single quotes a single quote is written twice.
pub fn powershell(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A profile's name: the parts with hyphens between, and with a hyphen for whatever would need quoting somewhere.
pub fn profile_name(parts: &[&str]) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    parts.join("-").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_survive_each_shell() {
        assert_eq!(sh("a'b$c"), r"'a'\''b$c'");
        assert_eq!(fish(r"a'b\c"), r"'a\'b\\c'");
        assert_eq!(powershell("a'b$c"), "'a''b$c'");
        assert_eq!(profile_name(&["R&D prod", "Admin+x"]), "R-D-prod-Admin-x");
    }

    #[test]
    fn a_posix_shell_reads_back_what_was_written() {
        let hostile = "a'b\"c$(echo x)`echo y`\\ /+=";
        let script = format!("printf %s {}", sh(hostile));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), hostile);
    }
}
