//! Rules for templates: nothing inline (the Content-Security-Policy forbids it), everything escaped, CSRF tokens in
//! forms.

use crate::Rule;
use crate::source::{Complaint, Source};

pub const RULES: &[Rule] = &[
    Rule {
        name: "nothing inline",
        check: inline,
        breaks: &[
            ("templates/a.html", "<script>alert(1)</script>"),
            ("templates/a.html", "<p style=\"color: red\">"),
            ("templates/a.html", "<style>p {}</style>"),
            ("templates/a.html", "<a href=\"/\" onclick=\"go()\">"),
            ("templates/a.html", "<a href=\"javascript:go()\">"),
        ],
        keeps: &[
            (
                "templates/a.html",
                "<script defer src=\"{{ app_js }}\"></script>",
            ),
            ("templates/a.html", "<p class=\"style\">one on=two</p>"),
            ("docs/a.md", "<script>"),
        ],
    },
    Rule {
        name: "everything escaped",
        check: |source| {
            template_lines(
                source,
                |line| line.replace(' ', "").contains("|safe"),
                "do not disable escaping: pass text, and write tags in the template",
            )
        },
        breaks: &[
            ("templates/a.html", "{{ name | safe }}"),
            ("templates/a.html", "{{ name|safe }}"),
        ],
        keeps: &[("templates/a.html", "{{ name }} is safe")],
    },
    Rule {
        name: "every POST has its token",
        check: csrf,
        breaks: &[
            (
                "templates/a.html",
                "<form method=\"post\" action=\"/sign-out\">\n<button>Go</button></form><input name=\"csrf\">",
            ),
            ("templates/a.html", "<form method=\"POST\">"),
            (
                "templates/a.html",
                "<form method=\"post\" data-send><input name=\"csrf\"></form>",
            ),
        ],
        keeps: &[
            (
                "templates/a.html",
                "<form method=\"post\">\n<input type=\"hidden\" name=\"csrf\" value=\"{{ csrf }}\">\n</form>",
            ),
            (
                "templates/a.html",
                "<form method=\"post\" action=\"{{ action }}\" data-send></form>",
            ),
            (
                "templates/a.html",
                "<form method=\"get\" action=\"/\"></form>",
            ),
            (
                "templates/auto_post.html",
                "<form method=\"post\" action=\"{{ action }}\"></form>",
            ),
        ],
    },
];

fn template_lines(source: &Source, wrong: impl Fn(&str) -> bool, advice: &str) -> Vec<Complaint> {
    if !source.is_under(&["templates/"]) {
        return Vec::new();
    }
    source
        .lines()
        .filter(|(_, line)| wrong(line))
        .map(|(line, _)| Complaint {
            line,
            advice: advice.to_owned(),
        })
        .collect()
}

fn inline(source: &Source) -> Vec<Complaint> {
    let advice =
        "no inline script, style or handler: the Content-Security-Policy forbids them; use assets/";
    template_lines(source, is_inline, advice)
}

fn is_inline(line: &str) -> bool {
    let line = line.to_lowercase();
    let scripts = line
        .split("<script")
        .skip(1)
        .any(|rest| !rest.split('>').next().unwrap_or_default().contains(" src="));
    // An attribute such as onclick="…"; words in text are not followed by `="`.
    let handlers = line.split(" on").skip(1).any(|rest| {
        let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        !name.is_empty() && rest[name.len()..].starts_with("=\"")
    });
    scripts
        || handlers
        || ["<style", " style=", "javascript:"]
            .iter()
            .any(|what| line.contains(what))
}

fn csrf(source: &Source) -> Vec<Complaint> {
    // The form is submitted to another site, which must not receive the token.
    if !source.is_under(&["templates/"]) || source.is_under(&["templates/auto_post.html"]) {
        return Vec::new();
    }
    let text = source.text.to_lowercase();
    let complaint = |(at, _)| {
        let form = text[at..].split("</form").next().unwrap_or_default();
        let tag = form.split('>').next().unwrap_or_default();
        let has_token = form.contains("name=\"csrf\"");
        let advice = match (tag.contains("data-send"), has_token) {
            (true, true) => "a form for another site must not contain a CSRF token",
            (false, false) if tag.contains("method=\"post\"") => {
                "add `<input type=\"hidden\" name=\"csrf\" …>`"
            }
            _ => return None,
        };
        Some(Complaint {
            line: text[..at].matches('\n').count() + 1,
            advice: advice.to_owned(),
        })
    };
    text.match_indices("<form").filter_map(complaint).collect()
}
