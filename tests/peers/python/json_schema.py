"""Validates JSON files against a JSON Schema with jsonschema.

Arguments: the schema, then files. Prints every error, and exits with 1 if there is one.
"""

import json
import sys

from jsonschema import Draft202012Validator


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


schema = read(sys.argv[1])
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
errors = 0
for path in sys.argv[2:]:
    for error in validator.iter_errors(read(path)):
        print(f"{path}: {error.json_path}: {error.message}")
        errors += 1
sys.exit(1 if errors else 0)
