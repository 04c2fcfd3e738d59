//! The report as Markdown for the comment on a pull request.
//!
//! Names are untrusted: in a comment they must not become markup, mentions or links. They are written as code, in which
//! neither GitHub nor GitLab looks for them.

use rolecall_core::access::Effect;
use rolecall_core::base::text::one_line;

use super::report::{Named, PeopleReport, Report};
use super::text;
use crate::cli::people_source::PersonName;

/// Bytes of the output. GitHub accepts comments of up to 65,536 characters.
const BYTES_MAX: usize = 60_000;
/// Rows that are shown without unfolding.
const ROWS_SHOWN: usize = 20;
/// Names of people and roles in one row.
const NAMES_MAX: usize = 5;
const NAME_CHARS_MAX: usize = 100;

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let mut page = Page::default();
    page.add("### Access changes\n\n");
    match &report.people {
        Some(people) => add_people(&mut page, people),
        None => page.add(match report.gains {
            true => "**Somebody may gain access.** The people were not compared.\n",
            false => "**Nobody gains access.** The people were not compared.\n",
        }),
    }
    let providers = report.providers.iter().map(|provider| {
        let effect = effect(provider.effect);
        format!(
            "| {effect} | {} |\n",
            code(&text::provider_line(provider), 400)
        )
    });
    let head = "| | provider |\n|---|---|\n";
    page.table("Providers", head, providers.collect(), false);
    if !report.rules.is_empty() {
        let rows = report.rules.iter().map(|rule| {
            let effect = effect(rule.effect);
            format!("| {effect} | {} |\n", code(&text::rule_line(rule), 400))
        });
        page.table("Rules", "| | rule |\n|---|---|\n", rows.collect(), true);
    }
    page.text
}

fn add_people(page: &mut Page, people: &PeopleReport) {
    page.add(&format!("**{}**\n", text::summary(people)));
    let rows = people.roles.iter().map(|role| {
        let names = list(role.names.iter().map(PersonName::label), role.what.people);
        let roles = list(
            role.what.roles.iter().cloned(),
            role.what.roles.len() as u64,
        );
        let details = text::details(&role.what);
        let details = details.trim_start_matches([';', ' ', ',']);
        format!(
            "| {} | {roles} | {names} | {} |\n",
            effect(role.what.effect),
            code(details, 300)
        )
    });
    let head = "| | roles | people | details |\n|---|---|---|---|\n";
    page.table("Roles", head, rows.collect(), false);
    if people.incomplete {
        page.add("\nMore roles differ than are listed.\n");
    }
    let unknown = people.unknown.iter().map(|unknown| {
        let text = text::unknown_line(&Named {
            what: unknown.what.clone(),
            names: Vec::new(),
        });
        format!("| {} |\n", code(&text, 300))
    });
    page.table("Not known", "| |\n|---|\n", unknown.collect(), false);
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Gain => "**gain**",
        Effect::Loss => "loss",
        Effect::None => "other",
    }
}

/// The first names as code, and how many there are beyond them.
fn list(names: impl Iterator<Item = String>, count: u64) -> String {
    let first: Vec<String> = names
        .take(NAMES_MAX)
        .map(|name| code(&name, NAME_CHARS_MAX))
        .collect();
    match count.saturating_sub(first.len() as u64) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Text as code in a table. A code span ends at a backtick, and a cell at `|`; text with one of them, and with what could
/// end the line or escape, becomes HTML in which everything but letters and digits is a character reference.
fn code(text: &str, chars_max: usize) -> String {
    let text = one_line(text, chars_max);
    if text.is_empty() {
        return String::new();
    }
    if !text.contains(['`', '|', '\\']) {
        return format!("`{text}`");
    }
    let escaped: String = text
        .chars()
        .map(|c| match c.is_alphanumeric() || c == ' ' {
            true => c.to_string(),
            false => format!("&#{};", u32::from(c)),
        })
        .collect();
    format!("<code>{escaped}</code>")
}

/// Text of bounded length.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A table with a title; a long one, or one that is `folded`, is folded. Rows that do not fit are counted.
    fn table(&mut self, title: &str, head: &str, rows: Vec<String>, folded: bool) {
        if rows.is_empty() {
            return;
        }
        let folded = folded || rows.len() > ROWS_SHOWN;
        let (before, after) = match folded {
            true => (
                format!(
                    "\n<details><summary>{title}: {}</summary>\n\n{head}",
                    rows.len()
                ),
                "\n</details>\n",
            ),
            false => (format!("\n{head}"), ""),
        };
        const END_MAX: usize = 300;
        if self.text.len() + before.len() + END_MAX > BYTES_MAX {
            // The last part of the reserved space, which no row uses.
            self.add(&format!("\n{title}: {} not shown.\n", rows.len()));
            return;
        }
        self.add(&before);
        let mut left = rows.len();
        for row in &rows {
            if self.text.len() + row.len() + 2 * END_MAX > BYTES_MAX {
                break;
            }
            self.text.push_str(row);
            left -= 1;
        }
        if left > 0 {
            self.text.push_str(&format!(
                "\n{left} more are not shown; `rolecalld diff` without --markdown prints them.\n"
            ));
        }
        self.text.push_str(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_stays_text() {
        for (name, expected) in [
            ("payments-prod/Developer", "`payments-prod/Developer`"),
            ("@everyone <b>x</b> #1", "`@everyone <b>x</b> #1`"),
            ("a`b", "<code>a&#96;b</code>"),
            ("a|b", "<code>a&#124;b</code>"),
            ("a\\", "<code>a&#92;</code>"),
            (
                "`</code>@here|",
                "<code>&#96;&#60;&#47;code&#62;&#64;here&#124;</code>",
            ),
            (
                "a\u{202e}\u{1b}[31mb\r\n| c",
                "<code>a&#91;31mb &#124; c</code>",
            ),
            ("", ""),
        ] {
            assert_eq!(code(name, 100), expected, "{name:?}");
        }
    }

    #[test]
    fn long_tables_are_folded_and_cut() {
        let mut page = Page::default();
        let rows = |count: usize| (0..count).map(|n| format!("| {n:0100} |\n")).collect();
        page.table("Roles", "| |\n|---|\n", rows(ROWS_SHOWN), false);
        assert!(!page.text.contains("<details>"), "{}", page.text);
        page.table("Roles", "| |\n|---|\n", rows(10_000), false);
        assert!(page.text.len() <= BYTES_MAX, "{}", page.text.len());
        assert!(
            page.text
                .contains("<details><summary>Roles: 10000</summary>")
        );
        assert!(page.text.contains(" more are not shown"));
        assert!(page.text.ends_with("</details>\n"));
        page.table("Rules", "| |\n|---|\n", rows(10), true);
        assert!(page.text.len() <= BYTES_MAX, "{}", page.text.len());
        assert_eq!(
            page.text.matches("<details>").count(),
            page.text.matches("</details>").count()
        );
    }
}
