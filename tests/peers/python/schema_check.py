"""Validates JSON documents against JSON Schemas with jsonschema. Reads [[schema, [document, …]], …] from stdin and writes,
for each document, the list of its errors."""

import json
import sys

from jsonschema import Draft202012Validator

results = []
for schema, documents in json.load(sys.stdin):
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    results.append([[error.message for error in validator.iter_errors(document)] for document in documents])
json.dump(results, sys.stdout)
