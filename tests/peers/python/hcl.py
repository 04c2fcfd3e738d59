"""Parses a Terraform configuration with python-hcl2 and prints its resources as JSON, in the shape of Terraform's JSON syntax.

Argument: the file. Strings are templates, as in that syntax; an expression is `${…}`.
"""

import json
import sys

import hcl2


def unquoted(value):
    if isinstance(value, dict):
        members = value.items()
        return {unquoted(key): unquoted(member) for key, member in members if key != "__is_block__"}
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    if isinstance(value, str) and value.startswith('"'):
        # Escapes of HCL in these files are those of JSON.
        return json.loads(value)
    return value


with open(sys.argv[1], encoding="utf-8") as file:
    parsed = hcl2.load(file)
resources = {}
for block in unquoted(parsed)["resource"]:
    for kind, named in block.items():
        for name, arguments in named.items():
            if name in resources.setdefault(kind, {}):
                sys.exit(f"{kind}.{name} is defined twice")
            resources[kind][name] = arguments
print(json.dumps(resources))
