//! The commands of a page: the lines of its `sh` blocks.

use anyhow::{Result, ensure};

use crate::manual::read;

/// A command on a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// The heading above it.
    pub heading: String,
    /// The command, without its comment.
    pub text: String,
    /// Whether it is the first of its block.
    pub is_first_of_its_block: bool,
}

/// All commands of a page, in order.
pub fn commands(page: &str) -> Result<Vec<Command>> {
    of_text(&read(page)?)
}

fn of_text(text: &str) -> Result<Vec<Command>> {
    let mut found: Vec<Command> = Vec::new();
    let mut heading = String::new();
    let mut block: Option<Block> = None;
    for line in text.lines() {
        match &mut block {
            None if line.trim_start() == "```sh" => block = Some(Block::default()),
            // A block of another language: `#` is not a heading there.
            None if line.trim_start().starts_with("```") => {
                block = Some(Block {
                    is_other: true,
                    ..Block::default()
                });
            }
            None => {
                if line.starts_with('#') {
                    heading = line.trim_start_matches('#').trim().to_owned();
                }
            }
            Some(open) if line.trim() == "```" => {
                ensure!(open.rest.is_empty(), "{heading}: an unfinished command");
                block = None;
            }
            Some(open) => {
                if let Some(text) = open.take(line) {
                    found.push(Command {
                        heading: heading.clone(),
                        text,
                        is_first_of_its_block: !std::mem::replace(&mut open.has_begun, true),
                    });
                }
            }
        }
    }
    Ok(found)
}

#[derive(Default)]
struct Block {
    is_other: bool,
    has_begun: bool,
    /// The first lines of a multi-line command.
    rest: String,
    /// The delimiter of its here-document.
    until: Option<String>,
}

impl Block {
    /// The command that ends with this line.
    fn take(&mut self, line: &str) -> Option<String> {
        if self.is_other {
            return None;
        }
        if let Some(until) = &self.until {
            self.rest.push_str(line);
            self.rest.push('\n');
            if line.trim() == until {
                self.until = None;
                return Some(std::mem::take(&mut self.rest));
            }
            return None;
        }
        if let Some(begun) = line.strip_suffix('\\') {
            self.rest.push_str(begun);
            return None;
        }
        self.rest.push_str(line.trim_end());
        if let Some((_, word)) = line.split_once("<<") {
            let word = word.trim_start_matches('-').trim();
            let word = word.split_whitespace().next().unwrap_or_default();
            self.until = Some(word.trim_matches(['\'', '"']).to_owned());
            self.rest.push('\n');
            return None;
        }
        let text = std::mem::take(&mut self.rest);
        let text = text
            .split("  #")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        (!text.is_empty() && !text.starts_with('#')).then_some(text)
    }
}

#[test]
fn commands_are_parsed_from_sh_blocks() -> Result<()> {
    let text = "# Page\nrun `no`\n```toml\n# no\n```\n## Part\n```sh\na --b      # why\nc \\\n  d\n```\n   ```sh\n   e <<'END'\n   f\n   END\n   ```\n";
    let found = of_text(text)?;
    let texts: Vec<&str> = found.iter().map(|command| &*command.text).collect();
    assert_eq!(texts, ["a --b", "c   d", "   e <<'END'\n   f\n   END\n"]);
    assert!(found.iter().all(|command| command.heading == "Part"));
    let first: Vec<bool> = found
        .iter()
        .map(|command| command.is_first_of_its_block)
        .collect();
    assert_eq!(first, [true, false, true]);
    Ok(())
}
