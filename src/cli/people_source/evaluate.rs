//! Evaluates people on all cores, a bounded number at a time.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::thread;

use rolecall_core::base::limits;
use rolecall_core::base::secret::SecretDigest;

use super::files::too_many;
use super::person::{NamedPerson, PersonName};
use super::{RawPeople, RawPerson};
use crate::cli::out::Failure;

/// People that are in memory as text at the same time, and their bytes.
const CHUNK_MAX: usize = 2_048;
const CHUNK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Errors that are reported in one run.
const ERRORS_MAX: usize = 10;

/// The results of each core, and the names of all people in order.
pub struct Evaluated<A> {
    pub results: Vec<A>,
    pub people: Vec<NamedPerson>,
}

/// Calls `each` for every person with its number, which ascends for each result. Reports several errors together.
///
/// # Errors
/// A person cannot be read or evaluated, is there twice, or there is nobody.
pub fn evaluate<A: Default + Send>(
    people: RawPeople,
    each: impl Fn(&mut A, u32, &RawPerson) -> Result<PersonName, String> + Sync,
) -> Result<Evaluated<A>, Failure> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut results: Vec<A> = (0..cores).map(|_| A::default()).collect();
    let mut names: Vec<NamedPerson> = Vec::new();
    let mut seen: HashMap<SecretDigest, u32> = HashMap::new();
    let mut errors = Vec::new();
    let mut people = people.peekable();
    while people.peek().is_some() && errors.len() < ERRORS_MAX {
        let chunk = chunk(&mut people)?;
        let first = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let evaluated = on_all_cores(&chunk, first, &mut results, &each);
        for (raw, name) in chunk.into_iter().zip(evaluated) {
            let name = match name {
                Ok(name) => name,
                Err(error) => {
                    errors.push(format!("{}: {error}", raw.place));
                    continue;
                }
            };
            let number = u32::try_from(names.len()).unwrap_or(u32::MAX);
            if let Some(earlier) = seen.insert(name.key(), number) {
                let earlier = names.get(earlier as usize).map(|one| one.place.as_str());
                errors.push(format!(
                    "{}: the same person as in {}: provider {}, subject {:?}",
                    raw.place,
                    earlier.unwrap_or_default(),
                    name.provider,
                    name.subject.as_str()
                ));
            }
            names.push(NamedPerson {
                name,
                place: raw.place,
            });
        }
        if names.len() > limits::PEOPLE_MAX {
            return Err(too_many("--people"));
        }
    }
    if let [_, ..] = errors.as_slice() {
        let more = errors.len() > ERRORS_MAX;
        errors.truncate(ERRORS_MAX);
        let more = if more { "\n… and more" } else { "" };
        return Err(
            Failure::configuration(format!("{}{more}", errors.join("\n")))
                .hint("correct the people, or remove them; nothing was evaluated"),
        );
    }
    if names.is_empty() {
        return Err(Failure::configuration("--people contains nobody").hint(
            "write one claim file per person as alice.json, or one JSON object per line in a .jsonl file",
        ));
    }
    Ok(Evaluated {
        results,
        people: names,
    })
}

fn chunk(
    people: &mut impl Iterator<Item = Result<RawPerson, Failure>>,
) -> Result<Vec<RawPerson>, Failure> {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while chunk.len() < CHUNK_MAX && bytes < CHUNK_BYTES_MAX {
        let Some(person) = people.next() else {
            break;
        };
        let person = person?;
        bytes += person.text.len();
        chunk.push(person);
    }
    Ok(chunk)
}

/// Evaluates a chunk, each core a part of it.
fn on_all_cores<A: Send>(
    chunk: &[RawPerson],
    first: u32,
    results: &mut [A],
    each: &(impl Fn(&mut A, u32, &RawPerson) -> Result<PersonName, String> + Sync),
) -> Vec<Result<PersonName, String>> {
    let size = chunk.len().div_ceil(results.len().max(1)).max(1);
    let numbered: Vec<(u32, &RawPerson)> = (first..).zip(chunk).collect();
    thread::scope(|scope| {
        let parts = numbered.chunks(size).zip(results);
        let workers: Vec<_> = parts
            .map(|(part, result)| {
                scope.spawn(move || {
                    let people = part.iter();
                    people
                        .map(|(number, person)| each(result, *number, person))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let joined = workers.into_iter().flat_map(|worker| match worker.join() {
            Ok(names) => names,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}
