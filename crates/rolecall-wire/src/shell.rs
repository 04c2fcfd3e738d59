//! Quoting for shells, and names that do not need quoting. All values are quoted, because they are pasted into a terminal.

/// Quotes for POSIX shells: in single quotes, with a single quote as `'\''`.
pub fn sh(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Quotes for fish, where only `\` and `'` are special in single quotes.
pub fn fish(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Quotes for PowerShell: in single quotes, with a single quote doubled.
pub fn powershell(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The name of a profile: the parts joined by hyphens, with a hyphen instead of each character that could need quoting.
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
    fn quoting_escapes_special_characters() {
        assert_eq!(sh("a'b$c"), r"'a'\''b$c'");
        assert_eq!(fish(r"a'b\c"), r"'a\'b\\c'");
        assert_eq!(powershell("a'b$c"), "'a''b$c'");
        assert_eq!(profile_name(&["R&D prod", "Admin+x"]), "R-D-prod-Admin-x");
    }

    #[test]
    fn posix_shell_restores_quoted_value() {
        let hostile = "a'b\"c$(echo x)`echo y`\\ /+=";
        let script = format!("printf %s {}", sh(hostile));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), hostile);
    }
}
